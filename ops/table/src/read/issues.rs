//! The layouts of issue trackers: GitHub's REST API, Jira's search API and Jira's CSV export.

use serde_json::Value;

use super::columns::{Column, Kind};
use super::csv::Source;
use super::json::tree::{How, Tree};

/// The key under which GitHub's search answers hold the issues.
pub(crate) const GITHUB_ROWS: &str = "items";
/// The key under which Jira's search answers hold the issues.
pub(crate) const JIRA_ROWS: &str = "issues";

/// The columns of GitHub's issues, and where they are in the REST API's layout
/// (GitHub REST API 2022-11-28, "List repository issues").
pub(crate) fn github() -> (Vec<Column>, Tree) {
    let mut tree = Tree::new(false);
    let mut columns = Vec::new();
    let plain: [(&str, &[&str], Kind); 11] = [
        ("number", &["number"], Kind::Int),
        ("title", &["title"], Kind::Text),
        ("body", &["body"], Kind::Text),
        ("labels", &["labels"], Kind::Lists),
        ("state", &["state"], Kind::Text),
        ("author", &["user", "login"], Kind::Text),
        ("created_at", &["created_at"], Kind::Text),
        ("updated_at", &["updated_at"], Kind::Text),
        ("closed_at", &["closed_at"], Kind::Text),
        ("comments", &["comments"], Kind::Int),
        ("is_pull_request", &["pull_request"], Kind::Bool),
    ];
    for (index, (name, path, kind)) in plain.into_iter().enumerate() {
        columns.push(Column::fixed(name, kind));
        match name {
            "labels" => {
                tree.add_names(path, "name", index);
                // Older answers of the API give a label as its bare name.
                tree.allow_bare(path, index);
            }
            "is_pull_request" => {
                columns[index].false_if_absent = true;
                tree.add_leaf(path, index, How::Present);
            }
            _ => tree.add_leaf(path, index, How::Value),
        }
    }
    columns.push(Column::fixed("html_url", Kind::Text));
    tree.add_leaf(&["html_url"], columns.len() - 1, How::Value);
    (columns, tree)
}

/// The columns of Jira's issues, where they are in the search API's layout (Jira Cloud REST API,
/// versions 2 and 3), and what they are called in a CSV export.
pub(crate) fn jira() -> (Vec<Column>, Tree, Vec<Source>) {
    let mut tree = Tree::new(false);
    let mut columns = Vec::new();
    let mut sources = Vec::new();
    let mut add = |name: &str, kind: Kind, headers: &[&str]| {
        columns.push(Column::fixed(name, kind));
        sources.push(Source {
            names: headers.iter().map(|&header| header.to_owned()).collect(),
            separator: None,
        });
        columns.len() - 1
    };
    let key = add("key", Kind::Text, &["Issue key", "Key"]);
    tree.add_leaf(&["key"], key, How::Value);
    let title = add("title", Kind::Text, &["Summary"]);
    tree.add_leaf(&["fields", "summary"], title, How::Value);
    let body = add("body", Kind::Text, &["Description"]);
    tree.add_leaf(&["fields", "description"], body, How::Text(document_text));
    let labels = add("labels", Kind::Lists, &["Labels"]);
    tree.add_leaf(&["fields", "labels"], labels, How::Value);
    let components = add(
        "components",
        Kind::Lists,
        &["Component/s", "Components", "Component"],
    );
    tree.add_names(&["fields", "components"], "name", components);
    let kind = add("type", Kind::Text, &["Issue Type"]);
    tree.add_leaf(&["fields", "issuetype", "name"], kind, How::Value);
    let status = add("status", Kind::Text, &["Status"]);
    tree.add_leaf(&["fields", "status", "name"], status, How::Value);
    let priority = add("priority", Kind::Text, &["Priority"]);
    tree.add_leaf(&["fields", "priority", "name"], priority, How::Value);
    let author = add("author", Kind::Text, &["Reporter"]);
    tree.add_leaf(&["fields", "reporter"], author, How::Text(person));
    let created = add("created_at", Kind::Text, &["Created"]);
    tree.add_leaf(&["fields", "created"], created, How::Value);
    let updated = add("updated_at", Kind::Text, &["Updated"]);
    tree.add_leaf(&["fields", "updated"], updated, How::Value);
    let closed = add("closed_at", Kind::Text, &["Resolved"]);
    tree.add_leaf(&["fields", "resolutiondate"], closed, How::Value);
    (columns, tree, sources)
}

/// The text of a Jira description: a string as it is, an Atlassian document (a tree of nodes with
/// `type`, `text` and `content`) as the text in it, blocks apart by line ends.
fn document_text(json: &str) -> Result<Option<String>, String> {
    let document: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(match document {
        Value::Null => None,
        Value::String(text) => Some(text),
        tree => {
            let mut text = String::new();
            append_node(&tree, &mut text);
            Some(text.trim_end().to_owned())
        }
    })
}

fn append_node(node: &Value, out: &mut String) {
    let kind = node.get("type").and_then(Value::as_str).unwrap_or_default();
    let attribute = |name: &str| {
        node.get("attrs")
            .and_then(|attributes| attributes.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match kind {
        "text" => out.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default()),
        "hardBreak" => out.push('\n'),
        "mention" | "emoji" | "status" => out.push_str(attribute("text")),
        "inlineCard" | "blockCard" => out.push_str(attribute("url")),
        _ => {}
    }
    if kind == "listItem" {
        out.push_str("- ");
    }
    for child in node
        .get("content")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        append_node(child, out);
    }
    match kind {
        "paragraph" | "heading" | "codeBlock" | "rule" | "blockCard" if !out.is_empty() => {
            out.push('\n');
        }
        "tableCell" | "tableHeader" => {
            // A cell holds paragraphs; a row of the table is one line.
            out.truncate(out.trim_end_matches('\n').len());
            out.push('\t');
        }
        "tableRow" => {
            out.truncate(out.trim_end_matches('\t').len());
            out.push('\n');
        }
        _ => {}
    }
}

/// A person's name as it is shown, or the best that stands for it.
fn person(json: &str) -> Result<Option<String>, String> {
    let person: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(match &person {
        Value::String(name) => Some(name.clone()),
        _ => ["displayName", "name", "emailAddress", "accountId"]
            .iter()
            .find_map(|key| person.get(key).and_then(Value::as_str))
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atlassian_document_becomes_its_text() {
        let document = r#"{"type":"doc","version":1,"content":[
            {"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"Steps"}]},
            {"type":"paragraph","content":[{"type":"text","text":"Open "},{"type":"mention","attrs":{"id":"1","text":"@mira"}},{"type":"hardBreak"},{"type":"text","text":"the log"}]},
            {"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"one"}]}]},{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"two"}]}]}]},
            {"type":"table","content":[{"type":"tableRow","content":[{"type":"tableCell","content":[{"type":"paragraph","content":[{"type":"text","text":"a"}]}]},{"type":"tableCell","content":[{"type":"paragraph","content":[{"type":"text","text":"b"}]}]}]}]}
        ]}"#;
        assert_eq!(
            document_text(document).unwrap().unwrap(),
            "Steps\nOpen @mira\nthe log\n- one\n- two\na\tb"
        );
    }
}
