//! What runs again after a change, and that `plan` said so beforehand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cache::Cache;
use engine::pipeline::Pipeline;
use engine::plan::{Plan, Planned, Resolver, Selection};
use engine::run::history::Outcome;
use engine::run::{History, Options, RunFolder, RunStatus, Setup, run};

const PIPELINE: &str = r#"
[pipeline]
name = "reruns"

[vars]
n = 2

[steps.source]
op = "command"
command = "cat data.txt"
files = ["data.txt"]

[steps.head]
op = "command"
input = "source"
command = "head -n ${vars.n} $INPUT"

[steps.sorted]
op = "command"
input = "head"
command = "sort $INPUT"

[steps.count]
op = "command"
input = "source"
command = "wc -l < $INPUT"

[steps.both]
op = "command"
input = { sorted = "sorted", count = "count" }
command = "cat $INPUT_sorted $INPUT_count"
"#;

struct Silent;

impl engine::run::Listener for Silent {
    fn event(&self, _event: &engine::run::Event) {}
}

struct Project {
    folder: tempfile::TempDir,
}

type Said = BTreeMap<String, String>;

impl Project {
    fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".engine")).unwrap();
        fs::write(folder.path().join("data.txt"), "b\na\nc\nd\n").unwrap();
        Project { folder }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self) -> PathBuf {
        self.root().join("reruns.toml")
    }

    /// Plans and runs `text`: what the plan said of each instance, and the names of those that ran.
    fn run(&self, text: &str) -> (Said, Vec<String>) {
        fs::write(self.file(), text).unwrap();
        let pipeline = Pipeline::open(&self.file(), &[]).unwrap();
        let cache = Cache::open(&self.root().join(".engine/cache")).unwrap();
        let history = History::of_project(self.root());
        let previous = history.previous(&pipeline.name, &cache);
        let selection = Selection::everything(&pipeline);
        let plan = Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &selection,
            &previous,
        )
        .unwrap();
        let words = |planned: &Planned| match planned {
            Planned::Left => "left".to_owned(),
            Planned::Cached(_) => "cached".to_owned(),
            Planned::Run(why) => why
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
            Planned::MayRun(producers) => format!("may run: {}", producers.join(", ")),
        };
        let said = pipeline
            .instances
            .iter()
            .zip(&plan.instances)
            .map(|(instance, planned)| (instance.name.clone(), words(planned)))
            .collect();
        let runs = engine::run::history::runs_folder(self.root());
        let folder =
            RunFolder::create(&runs, &pipeline.name, text, jiff::Timestamp::now()).unwrap();
        let setup = Setup {
            pipeline: &pipeline,
            cache: &cache,
            selection: &selection,
            previous: &previous,
            folder: &folder,
            options: &Options::default(),
            listener: &Silent,
            cancelled: &false.into(),
        };
        assert_eq!(run(&setup, plan).unwrap().status, RunStatus::Succeeded);
        let record = history.read(&folder.id).unwrap();
        let mut ran: Vec<String> = record
            .steps
            .iter()
            .filter(|step| step.outcome == Outcome::Ran)
            .map(|step| step.name.clone())
            .collect();
        ran.sort();
        (said, ran)
    }
}

fn said<'a>(said: &'a Said, step: &str) -> &'a str {
    said.get(step).map_or("", String::as_str)
}

#[test]
fn everything_runs_the_first_time_and_nothing_the_second() {
    let project = Project::new();
    let (plan, ran) = project.run(PIPELINE);
    assert_eq!(said(&plan, "source"), "first run");
    assert_eq!(ran.len(), 5);
    let (plan, ran) = project.run(PIPELINE);
    assert!(plan.values().all(|words| words == "cached"), "{plan:?}");
    assert!(ran.is_empty());
}

#[test]
fn a_changed_parameter_reruns_the_steps_that_depend_on_it_and_plan_says_so() {
    let project = Project::new();
    project.run(PIPELINE);
    let (plan, ran) = project.run(&PIPELINE.replace("n = 2", "n = 3"));
    assert_eq!(
        said(&plan, "head"),
        "head.command: head -n 2 $INPUT -> head -n 3 $INPUT"
    );
    assert_eq!(said(&plan, "sorted"), "may run: head");
    assert_eq!(said(&plan, "both"), "may run: sorted");
    assert_eq!(said(&plan, "source"), "cached");
    assert_eq!(said(&plan, "count"), "cached");
    assert_eq!(ran, ["both", "head", "sorted"]);
}

#[test]
fn a_step_that_reruns_and_gives_the_same_bytes_stops_the_wave() {
    let project = Project::new();
    project.run(PIPELINE);
    let (plan, ran) = project.run(&PIPELINE.replace("sort $INPUT", "sort   $INPUT"));
    assert_eq!(said(&plan, "both"), "may run: sorted");
    assert_eq!(ran, ["sorted"]);
}

#[test]
fn touching_a_file_reruns_nothing_and_changing_it_what_reads_it() {
    let project = Project::new();
    project.run(PIPELINE);
    let data = project.root().join("data.txt");
    let bytes = fs::read(&data).unwrap();
    fs::remove_file(&data).unwrap();
    fs::write(&data, bytes).unwrap();
    assert!(project.run(PIPELINE).1.is_empty());
    fs::write(&data, "b\na\nc\nd\ne\n").unwrap();
    let (plan, ran) = project.run(PIPELINE);
    assert_eq!(said(&plan, "source"), "file data.txt changed");
    assert_eq!(
        ran,
        ["both", "count", "head", "source"],
        "`sorted` is spared: the first two lines are the same"
    );
}

#[test]
fn renaming_a_step_reruns_nothing() {
    let project = Project::new();
    project.run(PIPELINE);
    let renamed = PIPELINE
        .replace("[steps.head]", "[steps.top]")
        .replace("\"head\"", "\"top\"");
    let (plan, ran) = project.run(&renamed);
    assert!(plan.values().all(|words| words == "cached"), "{plan:?}");
    assert!(ran.is_empty());
}

#[test]
fn resources_and_other_things_that_change_only_speed_rerun_nothing() {
    let project = Project::new();
    project.run(PIPELINE);
    let faster = PIPELINE.replace(
        "command = \"sort $INPUT\"",
        "command = \"sort $INPUT\"\ncores = 2\nresources = { memory = \"1 GB\" }",
    );
    assert!(project.run(&faster).1.is_empty());
}

#[test]
fn a_missing_blob_is_the_reason_given() {
    let project = Project::new();
    project.run(PIPELINE);
    let cache = Cache::open(&project.root().join(".engine/cache")).unwrap();
    let count = cache
        .actions()
        .into_iter()
        .find(|action| action.manifest.contains("wc -l"))
        .unwrap();
    let path = cache.artifact_path(&count.outputs[0].artifact).unwrap();
    if path.is_file() {
        fs::remove_file(path).unwrap();
        drop(cache);
        let (plan, ran) = project.run(PIPELINE);
        assert_eq!(said(&plan, "count"), "blob missing: stdout");
        assert_eq!(ran, ["count"]);
    }
}

#[test]
fn targets_leave_out_what_they_do_not_need_and_force_runs_what_is_cached() {
    let project = Project::new();
    project.run(PIPELINE);
    let pipeline = Pipeline::open(&project.file(), &[]).unwrap();
    let cache = Cache::open(&project.root().join(".engine/cache")).unwrap();
    let history = History::of_project(project.root());
    let previous = history.previous(&pipeline.name, &cache);
    let plan = |targets: &[&str], from: &[&str], force: &[&str]| {
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let selection =
            Selection::new(&pipeline, &owned(targets), &owned(from), &owned(force)).unwrap();
        let plan = Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &selection,
            &previous,
        )
        .unwrap();
        let names = |wanted: fn(&Planned) -> bool| {
            let mut names: Vec<&str> = pipeline
                .instances
                .iter()
                .zip(&plan.instances)
                .filter(|(_, planned)| wanted(planned))
                .map(|(instance, _)| instance.name.as_str())
                .collect();
            names.sort_unstable();
            names.join(" ")
        };
        (
            names(|planned| matches!(planned, Planned::Left)),
            names(|planned| matches!(planned, Planned::Run(_))),
        )
    };
    assert_eq!(
        plan(&["head"], &[], &[]),
        ("both count sorted".to_owned(), String::new())
    );
    assert_eq!(plan(&[], &["head"], &[]).1, "both head sorted");
    assert_eq!(plan(&[], &[], &["head"]).1, "head");
    let unknown = Selection::new(&pipeline, &["hed".to_owned()], &[], &[]).unwrap_err();
    assert!(
        miette::Diagnostic::help(&unknown)
            .unwrap()
            .to_string()
            .contains("did you mean `head`?")
    );
}
