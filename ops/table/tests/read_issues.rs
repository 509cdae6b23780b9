//! The layouts of GitHub and Jira.

#![allow(clippy::unwrap_used)]

use arrow_array::Array;
use table::read::{Format, LocalFile, OnError, ReadOptions, read_table};
use table::{Table, TableError};

fn read(name: &str, content: &str, format: Format) -> Result<Table, TableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    read_table(&[LocalFile::new(path)], &ReadOptions::new(format)).map(|(table, _)| table)
}

const GITHUB: &str = r#"{"number":7,"title":"Crash","user":{"login":"ann","url":"https:\/\/x"},"labels":[{"id":1,"name":"bug"},{"name":"io"}],"state":"open","comments":2,"created_at":"2025-01-02T03:04:05Z","closed_at":null,"pull_request":null,"body":"a\r\nb","html_url":"https:\/\/github.com\/o\/r\/issues\/7","reactions":{"+1":0}}
{"number":8,"title":"Add","user":null,"labels":["old style"],"state":"closed","comments":0,"pull_request":{"url":"u"},"body":null}
{"number":9,"title":"Ask","labels":[]}
"#;

fn check_github(table: &Table) {
    assert_eq!(
        table.column_names().collect::<Vec<_>>(),
        [
            "number",
            "title",
            "body",
            "labels",
            "state",
            "author",
            "created_at",
            "updated_at",
            "closed_at",
            "comments",
            "is_pull_request",
            "html_url"
        ]
    );
    assert_eq!(table.num_rows(), 3);
    assert_eq!(table.int_column("number").unwrap().values(), &[7, 8, 9]);
    let body = table.text_column("body").unwrap();
    assert_eq!(
        body.iter().collect::<Vec<_>>(),
        [Some("a\r\nb"), None, None]
    );
    assert_eq!(
        table.string_lists("labels").unwrap().to_vecs(),
        [
            vec!["bug".to_owned(), "io".into()],
            vec!["old style".into()],
            vec![]
        ]
    );
    let pulls = table.bool_column("is_pull_request").unwrap();
    assert_eq!(
        pulls.iter().collect::<Vec<_>>(),
        [Some(false), Some(true), Some(false)]
    );
    assert_eq!(
        table.text_column("html_url").unwrap().value(0),
        "https://github.com/o/r/issues/7"
    );
    let author = table.text_column("author").unwrap();
    assert_eq!(author.iter().collect::<Vec<_>>(), [Some("ann"), None, None]);
}

#[test]
fn github_issues_are_read_from_lines_arrays_and_search_answers() {
    let array = format!("[{}]", GITHUB.trim().replace('\n', ","));
    let search = format!(
        "{{\"total_count\":3,\"note\":\"items\",\"items\":{array},\"incomplete_results\":false}}"
    );
    for content in [GITHUB.to_owned(), array, search] {
        check_github(&read("issues.json", &content, Format::GithubIssues).unwrap());
    }
}

#[test]
fn a_broken_first_line_costs_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issues.jsonl");
    std::fs::write(&path, format!("{{\"number\": 1, \"title\": \"cu\n{GITHUB}")).unwrap();
    let options = ReadOptions {
        on_error: OnError::Skip,
        ..ReadOptions::new(Format::GithubIssues)
    };
    let (table, report) = read_table(&[LocalFile::new(path)], &options).unwrap();
    check_github(&table);
    assert_eq!((report.bad_rows, report.first_bad[0].line), (1, 1));
}

#[test]
fn what_has_no_titles_is_no_tracker() {
    for format in [Format::GithubIssues, Format::JiraIssues] {
        let error = read("a.jsonl", "{\"text\":\"x\"}\n", format).unwrap_err();
        assert!(error.to_string().contains("no row has a title"), "{error}");
    }
}

const JIRA_ISSUES: &str = r#"{"key":"DATA-1","self":"https://x","fields":{"summary":"Slow read","description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"It is "},{"type":"text","text":"slow.","marks":[{"type":"strong"}]}]},{"type":"paragraph","content":[{"type":"text","text":"Why?"}]}]},"labels":["performance","io"],"components":[{"name":"reader"}],"issuetype":{"name":"Bug"},"status":{"name":"Open"},"priority":{"name":"Major"},"reporter":{"displayName":"Ann B.","name":"ann"},"created":"2025-01-02T03:04:05.000+0000","issues":["x"]}}
{"key":"DATA-2","fields":{"summary":"Docs","description":"plain","labels":[],"components":[],"reporter":null}}
"#;

fn check_jira(table: &Table) {
    assert_eq!(table.num_rows(), 2);
    assert_eq!(table.text_column("title").unwrap().value(0), "Slow read");
    let body = table.text_column("body").unwrap();
    assert_eq!(body.value(0), "It is slow.\nWhy?");
    assert_eq!(body.value(1), "plain");
    assert_eq!(
        table.string_lists("labels").unwrap().to_vecs(),
        [vec!["performance".to_owned(), "io".into()], vec![]]
    );
    assert_eq!(
        table.string_lists("components").unwrap().to_vecs(),
        [vec!["reader".to_owned()], vec![]]
    );
    assert_eq!(table.text_column("type").unwrap().value(0), "Bug");
    assert_eq!(table.text_column("author").unwrap().value(0), "Ann B.");
}

#[test]
fn jira_issues_are_read_from_lines_and_search_answers() {
    let array = format!("[{}]", JIRA_ISSUES.trim().replace('\n', ","));
    let search = format!("{{\"startAt\":0,\"total\":2,\"issues\":{array}}}");
    let pages: Vec<String> = JIRA_ISSUES
        .lines()
        .map(|issue| format!("{{\"expand\":\"{{[\",\"issues\":[{issue}],\"total\":2}}"))
        .collect();
    for content in [JIRA_ISSUES.to_owned(), array, search, pages.join("\n")] {
        check_jira(&read("jira.json", &content, Format::JiraIssues).unwrap());
    }
}

#[test]
fn jira_csv_export_repeats_columns_for_lists() {
    let content = "Summary,Issue key,Issue id,Issue Type,Status,Priority,Reporter,Created,Labels,Labels,Component/s,Sprint,Sprint,Description\n\
        Slow read,DATA-1,1,Bug,Open,Major,Ann B.,02/Jan/25 3:04 AM,performance,io,reader,S1,S2,\"It is slow.\nWhy?\"\n\
        Docs,DATA-2,2,Task,Open,Minor,,03/Jan/25 3:04 AM,,,,,,plain\n";
    let table = read("export.csv", content, Format::JiraIssues).unwrap();
    check_jira(&table);
    assert_eq!(table.text_column("key").unwrap().value(1), "DATA-2");
}

/// The real issues lie beside the project where it is measured; elsewhere there is nothing to do.
#[test]
fn real_issues_are_read_whole() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/datasets-issues.jsonl.gz");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let options = ReadOptions {
        threads: 2,
        ..ReadOptions::new(Format::GithubIssues)
    };
    let (table, report) = read_table(&[LocalFile::new(path)], &options).unwrap();
    assert_eq!(
        (report.rows, report.bad_rows, report.blank_lines),
        (7_258, 0, 0)
    );
    // Counted by Python's json module.
    assert_eq!(table.column("body").unwrap().null_count(), 312);
    assert_eq!(
        table.bool_column("is_pull_request").unwrap().true_count(),
        4_239
    );
    assert_eq!(table.column("closed_at").unwrap().null_count(), 846);
    assert_eq!(table.column("title").unwrap().null_count(), 0);
}
