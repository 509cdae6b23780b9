//! A plan of many steps that found everything cached is remembered, and stands only while nothing that it was made of has
//! changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "other tests use the rest of it")]
mod project;

use std::fs;
use std::path::PathBuf;

use cache::Cache;
use engine::pipeline::{Override, Pipeline};
use engine::plan::remembered::Request;
use engine::plan::{Plan, Resolver, Selection};
use engine::run::History;
use project::Project;

/// A step that reads what matches a pattern, one that reads a file, one that sees a variable, and many that see nothing.
fn many() -> Project {
    let mut text = r#"
[pipeline]
name = "many"
[vars]
word = "a"
[steps.issues]
op = "load"
source = "data/*.jsonl"
[steps.lines]
op = "command"
command = "cat lines.txt"
files = ["lines.txt"]
[steps.home]
op = "command"
command = "echo $ENGINE_TEST_WORD ${vars.word}"
env = ["ENGINE_TEST_WORD"]
"#
    .to_owned();
    for step in 0..300 {
        text += &format!(
            "[steps.s{step}]\nop = \"command\"\ncommand = \"echo {step}\"\ninput = \"lines\"\n"
        );
    }
    let project = Project::new(&text);
    project.write("data/one.jsonl", "{\"a\": 1}\n");
    project.write("lines.txt", "one\n");
    project
}

impl Many {
    fn new() -> Many {
        let project = many();
        project.run();
        let many = Many { project };
        many.remember();
        assert!(many.holds());
        many
    }

    fn file(&self) -> PathBuf {
        self.project.root().join("pipeline.toml")
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.project.root().join(".engine/cache")).unwrap()
    }

    fn request(&self, set: &[&str], targets: &[String]) -> Request {
        let overrides: Vec<Override> = set.iter().map(|set| set.parse().unwrap()).collect();
        let cache = self.project.root().join(".engine/cache");
        Request::new(&self.file(), &overrides, targets, &cache).unwrap()
    }

    /// Plans as it is now, and remembers that.
    fn remember(&self) {
        let pipeline = Pipeline::open(&self.file(), &[]).unwrap();
        let cache = self.cache();
        let history = History::of_project(self.project.root());
        let plan = Plan::make(
            &pipeline,
            &Resolver::new(&pipeline, &cache),
            &Selection::everything(&pipeline),
            &history.previous("many", &cache),
        )
        .unwrap();
        assert!(plan.is_done());
        self.request(&[], &[])
            .remember(&pipeline, &plan, Vec::new());
    }

    fn holds_for(&self, set: &[&str], targets: &[String]) -> bool {
        let request = self.request(set, targets);
        let known = request.recall();
        known.is_some_and(|known| known.still_holds(&request, &self.cache()))
    }

    fn holds(&self) -> bool {
        self.holds_for(&[], &[])
    }

    /// What the next run says at its end.
    fn run(&self) -> String {
        self.project.run().text
    }
}

struct Many {
    project: Project,
}

#[test]
fn a_run_with_nothing_to_do_says_the_same_whether_it_remembers_or_plans() {
    let many = Many::new();
    fs::remove_dir_all(many.project.root().join(".engine/plans")).unwrap();
    let planned = many.run();
    assert!(
        planned.contains("nothing to do, 303 steps cached"),
        "{planned}"
    );
    let remembered = fs::read_dir(many.project.root().join(".engine/plans")).unwrap();
    assert_eq!(remembered.count(), 1);
    assert_eq!(many.run(), planned);
}

#[test]
fn a_plan_of_few_steps_is_not_remembered() {
    let project = Project::new(
        "[pipeline]\nname = \"few\"\n[steps.a]\nop = \"command\"\ncommand = \"echo a\"\n",
    );
    project.run();
    assert!(project.run().text.contains("nothing to do"));
    assert!(!project.root().join(".engine/plans").exists());
}

#[test]
fn another_text_another_command_line_or_another_target_is_another_plan() {
    let many = Many::new();
    assert!(!many.holds_for(&["vars.word=b"], &[]));
    assert!(!many.holds_for(&[], &["s1".to_owned()]));
    let text = fs::read_to_string(many.file()).unwrap();
    fs::write(many.file(), text.replace("echo 17\"", "echo seventeen\"")).unwrap();
    assert!(!many.holds());
    assert!(many.run().contains("1 ran, 302 cached"));
    fs::write(many.file(), text).unwrap();
    assert!(many.holds());
}

#[test]
fn a_change_of_a_file_that_a_step_reads_is_seen_and_a_touch_is_none() {
    let many = Many::new();
    many.project.write("lines.txt", "one\n");
    assert!(many.holds());
    many.project.write("lines.txt", "two\n");
    assert!(!many.holds());
    assert!(many.run().contains("301 ran, 2 cached"));
    many.remember();
    fs::remove_file(many.project.root().join("lines.txt")).unwrap();
    assert!(!many.holds());
    let said = many.project.engine("run", &[]);
    assert_eq!(said.code, 2, "{}", said.text);
    assert!(
        said.text.contains("there is no file lines.txt"),
        "{}",
        said.text
    );
}

#[test]
fn a_new_file_that_a_pattern_matches_is_seen() {
    let many = Many::new();
    many.project.write("data/two.jsonl", "{\"a\": 2}\n");
    assert!(!many.holds());
    assert!(many.run().contains("1 ran, 302 cached"));
    assert_eq!(many.project.table("issues.table").num_rows(), 2);
}

#[test]
fn another_value_of_a_listed_variable_is_seen() {
    let many = Many::new();
    let said = many
        .project
        .engine_in(&[("ENGINE_TEST_WORD", "x")], "run", &[]);
    assert!(said.text.contains("1 ran, 302 cached"), "{}", said.text);
    let path = many.project.path("home.stdout");
    assert_eq!(fs::read_to_string(path).unwrap(), "x a\n");
}

#[test]
fn what_the_cache_has_lost_is_computed_again() {
    let many = Many::new();
    let path = many.project.path("s7.stdout");
    fs::remove_file(path).unwrap();
    assert!(!many.holds());
    assert!(many.run().contains("1 ran, 302 cached"));
    assert!(many.holds());
    let key = many.project.last_run().steps[0].key.unwrap();
    many.cache().forget(&key).unwrap();
    assert!(!many.holds());
    fs::remove_dir_all(many.project.root().join(".engine/cache")).unwrap();
    assert!(!many.holds());
    assert!(many.run().contains("303 ran"));
}

#[test]
fn a_result_that_came_out_otherwise_since_is_seen() {
    let many = Many::new();
    let cache = many.cache();
    let lines = many
        .project
        .last_run()
        .steps
        .into_iter()
        .find(|step| step.name == "lines");
    let key = lines.unwrap().key.unwrap();
    let action = cache.lookup(&key).hit().unwrap();
    let other = many.project.root().join("other");
    fs::write(&other, "other\n").unwrap();
    let outputs = vec![("stdout".to_owned(), other)];
    cache
        .publish(key, outputs, action.manifest, action.provenance)
        .unwrap();
    assert!(!many.holds());
}

#[test]
fn a_damaged_memory_is_no_memory() {
    let many = Many::new();
    let folder = many.project.root().join(".engine/plans");
    let path = fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&path).unwrap();
    for at in [0, 31, 32, 36, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert!(!many.holds(), "byte {at}");
        fs::write(&path, &bytes[..at]).unwrap();
        assert!(!many.holds(), "{at} bytes");
    }
    assert!(many.run().contains("nothing to do"));
}
