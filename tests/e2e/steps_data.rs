//! The steps that bring rows in and shape them, in the real binary on real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod project;

use std::path::PathBuf;

use project::{Project, repository};
use table::Table;

const PREPARE: &str = r#"
[pipeline]
name = "prepare"
seed = 7

[vars]
data = "ISSUES"

[steps.issues]
op     = "load"
source = "${vars.data}"
format = "github-issues"

[steps.fields]
op      = "select"
input   = "issues"
concat  = { text = { columns = ["title", "body"], separator = "\n\n" } }
columns = ["number", "text", "labels", "is_pull_request"]

[steps.overview]
op     = "stats"
input  = "fields"
labels = "labels"
text   = "text"

[steps.unique]
op    = "dedupe"
input = "fields"
by    = "text"

[steps.split]
op     = "split"
input  = "unique.kept"
method = "iterative"
labels = "labels"
parts  = { train = 0.5, valid = 0.25, test = 0.25 }

[steps.slices]
op    = "slices"
input = "split.train"
"#;

fn numbers(table: &Table) -> Vec<i64> {
    table.int_column("number").unwrap().values().to_vec()
}

#[test]
fn the_sample_is_loaded_joined_deduplicated_split_and_sliced() {
    let project = Project::new(PREPARE);
    project.run();
    let issues = project.table("issues.table");
    assert_eq!(issues.num_rows(), 450);
    let fields = project.table("fields.table");
    assert_eq!(
        fields.column_names().collect::<Vec<_>>(),
        ["number", "text", "labels", "is_pull_request"]
    );

    let kept = project.table("unique.kept");
    let removed = project.table("unique.removed");
    assert_eq!(kept.num_rows() + removed.num_rows(), 450);

    let parts = ["train", "valid", "test", "unlabeled"]
        .map(|part| numbers(&project.table(&format!("split.{part}"))));
    let mut all = parts.concat();
    all.sort_unstable();
    let mut expected = numbers(&kept);
    expected.sort_unstable();
    assert_eq!(all, expected);
    let labelled = all.len() - parts[3].len();
    assert!(parts[0].len().abs_diff(labelled / 2) <= 2);

    let slices = ["8", "16", "32", "64", "all"]
        .map(|size| numbers(&project.table(&format!("slices.{size}"))));
    assert_eq!(
        slices.each_ref().map(Vec::len),
        [8, 16, 32, 64, parts[0].len()]
    );
    for pair in slices.windows(2) {
        assert!(pair[0].iter().all(|number| pair[1].contains(number)));
    }
    assert!(project.notes("slices")[1].contains("make the slice of 128"));
    let figure = std::fs::read_to_string(project.path("overview.words_figure")).unwrap();
    assert!(figure.starts_with("<svg"));
}

#[test]
fn a_second_run_has_nothing_to_do_and_a_changed_parameter_reruns_what_depends_on_it() {
    let project = Project::new(PREPARE);
    project.run();
    assert!(project.run().text.contains("nothing to do"));
    let path = project.root().join("pipeline.toml");
    let changed = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, changed.replace("\"iterative\"", "\"stratified\"")).unwrap();
    let plan = project.engine("plan", &[]).text;
    assert!(
        plan.contains("split.method: iterative -> stratified"),
        "{plan}"
    );
    assert!(plan.contains("4 cached, 1 will run, 1 may run"), "{plan}");
}

#[test]
fn the_content_of_files_decides_what_runs_again() {
    let project = Project::new(
        "[pipeline]\nname = \"one\"\n[steps.rows]\nop = \"load\"\nsource = \"data/*.csv\"\n",
    );
    project.write("data/a.csv", "n,label\n1,x\n2,y\n");
    project.run();
    project.write("data/a.csv", "n,label\n1,x\n2,y\n");
    let plan = project.engine("plan", &[]).text;
    assert!(plan.contains("1 cached, 0 will run"), "{plan}");
    project.write("data/a.csv", "n,label\n1,x\n3,y\n");
    let plan = project.engine("plan", &[]).text;
    assert!(plan.contains("file data/a.csv changed"), "{plan}");
    project.write("data/b.csv", "n,label\n9,z\n");
    project.run();
    let table = project.table("rows.table");
    assert_eq!(table.int_column("n").unwrap().values().to_vec(), [1, 3, 9]);
}

#[test]
fn a_renamed_file_is_a_change_only_where_a_column_names_it() {
    for (file_column, plan_says) in [
        ("", "1 cached"),
        ("file_column = \"file\"", "file b.csv is new"),
    ] {
        let project = Project::new(&format!(
            "[pipeline]\nname = \"one\"\n[steps.rows]\nop = \"load\"\nsource = \"*.csv\"\n{file_column}\n",
        ));
        project.write("a.csv", "n\n1\n");
        project.run();
        std::fs::rename(project.root().join("a.csv"), project.root().join("b.csv")).unwrap();
        let plan = project.engine("plan", &[]).text;
        assert!(plan.contains(plan_says), "{plan}");
    }
}

#[test]
fn all_mistakes_of_data_steps_are_shown_at_once_with_their_place() {
    let project = Project::new(
        r#"
[pipeline]
name = "wrong"

[steps.issues]
op     = "load"
source = "ISSUES"
format = "github-issues"

[steps.fields]
op     = "select"
input  = "issues"
filter = "not is_pull_reqest and words(body) > 5"

[steps.other]
op     = "load"
source = "data/isues.csv"

[steps.split]
op     = "split"
input  = "issues.table"
method = "iterativ"
parts  = { train = 0.5, test = 0.4 }

[steps.unique]
op    = "dedupe"
input = "issues"
by    = "text"
"#,
    );
    project.write("data/issues.csv", "a\n1\n");
    let said = project.engine("run", &[]);
    assert_eq!(said.code, 2);
    for expected in [
        "no column `is_pull_reqest`",
        "there is no file data/isues.csv",
        "did you mean issues.csv?",
        "`method` cannot be `iterativ`",
        "the input `table` has no column `text`",
    ] {
        assert!(said.text.contains(expected), "{expected}\n{}", said.text);
    }
}

/// The real issues, where they lie beside the project.
fn real_issues() -> Option<PathBuf> {
    let path = repository().join("../shared/data/datasets-issues.jsonl.gz");
    let found = path.canonicalize().ok();
    if found.is_none() {
        eprintln!("skipped: there is no {}", path.display());
    }
    found
}

const LABELS: &str = r#"
[steps.tags]
op    = "map_labels"
input = "fields"

[steps.tags.map]
bug = "bug"
enhancement = "enhancement"
"dataset request" = "dataset request"
"dataset-viewer" = "dataset viewer"
"dataset contribution" = "dataset contribution"
"dataset bug" = "dataset bug"
documentation = "documentation"
"generic discussion" = "generic discussion"
"Dataset discussion" = "generic discussion"
question = "question"
vision = "vision"
streaming = "streaming"
speech = "speech"
"#;

#[test]
fn the_real_issues_have_71_exact_duplicates_and_1657_labelled_rows() {
    let Some(data) = real_issues() else { return };
    let project = Project::new(&format!("{PREPARE}\n{LABELS}"));
    let data = format!("vars.data={}", data.display());
    let said = project.engine("run", &["--set", &data]);
    assert_eq!(said.code, 0, "{}", said.text);
    let issues = project.table("issues.table");
    assert_eq!(issues.num_rows(), 7258);
    let bodies = issues.text_column("body").unwrap();
    assert_eq!(bodies.iter().filter(Option::is_none).count(), 312);
    assert_eq!(project.notes("unique"), ["7,258 rows, 71 removed"]);
    assert_eq!(project.table("unique.removed").num_rows(), 71);
    assert_eq!(project.notes("tags")[0], "1,657 of 7,258 rows labelled");
    assert_eq!(
        project.notes("overview")[1],
        "words a text: median 52, 90 % up to 256, longest 12,227"
    );
}
