//! The whole file.

use std::fmt::Write;

use table::read::Format;

use crate::report::number::count;
use crate::survey::Survey;

use super::section::{SAMPLE, Section, Var};
use super::{Case, findings, reasons};

/// Where comments are broken.
const WIDTH: usize = 136;
/// Texts that models look at first, where there are more and no labels.
const LOOK: usize = 500;
/// Labelled rows from which one seed is enough to begin with.
const LARGE: usize = 5000;
/// Tokens a word has, roughly, for a vocabulary of 30,000.
const TOKENS_PER_WORD: usize = 2;

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// What the file holds.
    pub survey: &'a Survey,
    /// What that calls for.
    pub case: Case,
    /// The pipeline's name.
    pub name: &'a str,
    /// The path of the file, as the pipeline is to read it.
    pub source: &'a str,
    /// The path of the pipeline, as the user would type it.
    pub file: &'a str,
    /// The model to begin with; the one that fits the case by default.
    pub model: Option<&'a str>,
    /// Labels that texts may get, where none carries any.
    pub candidates: &'a [String],
}

impl Plan<'_> {
    pub(super) fn model(&self) -> String {
        quoted(self.model.unwrap_or(match self.case {
            Case::NoLabels => "typeform/distilbert-base-uncased-mnli",
            _ => "sentence-transformers/all-MiniLM-L6-v2",
        }))
    }

    pub(super) fn has_unlabelled(&self) -> bool {
        self.case == Case::UnlabelledText
    }

    pub(super) fn is_large(&self) -> bool {
        self.survey.labelled() > LARGE
    }

    /// Whether there are more texts without labels than models are to look at first.
    fn is_sampled(&self) -> bool {
        self.case == Case::NoLabels && self.survey.rows > LOOK
    }

    fn sections(&self) -> impl Iterator<Item = &'static Section> {
        let is_sampled = self.is_sampled();
        let sections = self.case.sections().iter();
        sections.filter(move |section| is_sampled || section.name != SAMPLE.name)
    }

    /// Sizes of slices, all below the rows to train on.
    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> {
        let rows = self.survey.labelled() / 2;
        let sizes: &[usize] = match self.case {
            Case::ManyLabels => &[16, 64, 256, 1024, 4096],
            _ => &[8, 16, 32, 64, 128],
        };
        sizes.iter().copied().filter(move |size| *size < rows)
    }

    /// Tokens that hold nine texts of ten, and no more than takes a reasonable time.
    pub(super) fn max_length(&self) -> usize {
        let tokens = self.survey.texts.most_words * TOKENS_PER_WORD;
        tokens.next_power_of_two().clamp(32, 128)
    }

    pub(super) fn candidates(&self) -> String {
        let issues = ["bug", "feature request", "question", "documentation"];
        let others = ["question", "complaint", "praise", "request"];
        let names: Vec<String> = match (self.candidates, self.survey.format) {
            ([], Format::GithubIssues | Format::JiraIssues) => issues.map(quoted).to_vec(),
            ([], _) => others.map(quoted).to_vec(),
            (named, _) => named.iter().map(|name| quoted(name)).collect(),
        };
        format!("[{}]", names.join(", "))
    }

    fn vars(&self) -> Vec<Var> {
        let mut vars: Vec<Var> = vec![Var {
            name: "data",
            value: quoted(self.source),
            comment: "",
        }];
        let read = self.sections().flat_map(|section| section.vars);
        for var in read.map(|var| var(self)) {
            if !vars.iter().any(|known| known.name == var.name) {
                vars.push(var);
            }
        }
        vars
    }
}

/// The text of a commented pipeline, which `engine run` takes as it is.
pub fn pipeline_text(plan: &Plan<'_>) -> String {
    let mut parts = vec![header(plan), settings(plan), rows(plan)];
    parts.extend(plan.sections().map(|section| filled(section.text, plan)));
    parts.extend(comparison(plan));
    parts.join("\n")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn header(plan: &Plan<'_>) -> String {
    let survey = plan.survey;
    let mut text = String::new();
    let mut comment = |words: &str| {
        for line in wrapped(words) {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
    };
    let source = plan.source.replace(char::is_control, " ");
    let labelled = match &survey.labels {
        None => "none with a label".to_owned(),
        Some(labels) => format!(
            "{} with {} of {} labels",
            count(labels.labelled as u64),
            match labels.are_lists {
                true => "one or more",
                false => "one",
            },
            count(labels.counts.len() as u64)
        ),
    };
    comment(&format!(
        "{source}: {} rows, {labelled}.",
        count(survey.rows as u64)
    ));
    for finding in findings(survey) {
        comment(&format!("- {finding}"));
    }
    comment("");
    comment(&reasons(survey, plan.case));
    comment("");
    comment(&format!("    engine run {}", plan.file));
    comment("");
    comment(
        "Models are fetched from the hub once; --set vars.model=models/encoder takes a folder, or another name: a larger model, or one \
         of the texts' language where that is not English. `engine plan` says what would run and why, `engine ops` lists what a step can \
         do, `engine ops split` explains one, and --target NAME runs a step and what it needs.",
    );
    text
}

/// Words on lines of a comment; the second and later lines of an item are indented.
fn wrapped(words: &str) -> Vec<String> {
    if words.starts_with(' ') {
        return vec![words.to_owned()];
    }
    let indent = if words.starts_with("- ") { "  " } else { "" };
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines
}

fn settings(plan: &Plan<'_>) -> String {
    let mut text = format!(
        "[pipeline]\nname = {}\nseed = 0\n\n# --set vars.NAME=VALUE on the command line replaces one.\n[vars]\n",
        quoted(plan.name)
    );
    let vars = plan.vars();
    let name = vars.iter().map(|var| var.name.len()).max().unwrap_or(0);
    let value = |var: &Var| var.value.chars().count();
    let wide = (vars.iter().filter(|var| !var.comment.is_empty()))
        .map(value)
        .max()
        .unwrap_or(0);
    for var in &vars {
        // Writing to a `String` cannot fail.
        let _written = match var.comment {
            "" => writeln!(text, "{:name$} = {}", var.name, var.value),
            comment => writeln!(
                text,
                "{:name$} = {:wide$}   # {comment}",
                var.name, var.value
            ),
        };
    }
    text
}

/// Loads the file, and names what is learned from `text` and what is learned `labels`, so that all further steps take their defaults.
fn rows(plan: &Plan<'_>) -> String {
    let survey = plan.survey;
    let format = serde_json::to_value(survey.format).unwrap_or_default();
    let format = quoted(format.as_str().unwrap_or("jsonl"));
    let labels = survey
        .labels
        .as_ref()
        .filter(|_| plan.case != Case::NoLabels);
    let mut text = format!(
        "# ---- Rows ----\n\n[steps.rows]\nop     = \"load\"\nsource = \"${{vars.data}}\"\nformat = {format}\n"
    );
    if let Some(labels) = labels.filter(|labels| labels.are_numbers) {
        text.push_str(&format!(
            "types  = {{ {} = \"text\" }}   # the labels are numbers in the file\n",
            quoted(&labels.column)
        ));
    }
    let learned = match labels {
        Some(_) => "`text` is what is learned from, and `labels` what is learned.",
        None => "`text` is what models read.",
    };
    text.push_str(&format!(
        "\n# {learned}\n[steps.texts]\nop      = \"select\"\ninput   = \"rows.table\"\n"
    ));
    let mut renamed = Vec::new();
    let mut columns = Vec::new();
    let column = match survey.text.as_slice() {
        [only] => only.clone(),
        several => {
            // A name that no column of the file has that is kept.
            let taken = labels.is_some_and(|labels| labels.column == "text");
            let joined = if taken { "joined" } else { "text" };
            let several: Vec<String> = several.iter().map(|name| quoted(name)).collect();
            text.push_str(&format!(
                "concat  = {{ {joined} = {{ columns = [{}], separator = \"\\n\\n\" }} }}\n",
                several.join(", ")
            ));
            joined.to_owned()
        }
    };
    let kept = [
        Some((column.as_str(), "text")),
        labels.map(|labels| (labels.column.as_str(), "labels")),
    ];
    for (old, new) in kept.into_iter().flatten() {
        columns.push(quoted(old));
        if old != new {
            renamed.push(format!("{} = \"{new}\"", quoted(old)));
        }
    }
    text.push_str(&format!("columns = [{}]\n", columns.join(", ")));
    if !renamed.is_empty() {
        text.push_str(&format!("rename  = {{ {} }}\n", renamed.join(", ")));
    }
    text
}

fn filled(text: &str, plan: &Plan<'_>) -> String {
    let look = (LOOK as f64 / plan.survey.rows.max(1) as f64 * 1e4).ceil() / 1e4;
    let are_lists = (plan.survey.labels.as_ref()).is_some_and(|labels| labels.are_lists);
    let measure = match plan.has_unlabelled() {
        true => "max_steps     = \"${vars.steps}\"\nbatch_size    = 8\neval_steps    = 40",
        false => "epochs        = \"${vars.epochs}\"\nbatch_size    = 16",
    };
    text.replace("FILE", plan.file)
        .replace(
            "@split@",
            if are_lists { "iterative" } else { "stratified" },
        )
        .replace("@measure@", measure)
        .replace(
            "@texts@",
            if plan.is_sampled() {
                "sample.look"
            } else {
                "distinct.kept"
            },
        )
        .replace("@look@", &format!("{look:.4}"))
        .replace("@rest@", &format!("{:.4}", 1.0 - look))
}

fn comparison(plan: &Plan<'_>) -> Option<String> {
    let lines: Vec<String> = plan
        .sections()
        .flat_map(|section| section.lines)
        .map(|(line, step)| format!("{} = \"{step}\"", quoted(line)))
        .collect();
    (!lines.is_empty()).then(|| {
        format!(
            "# ---- Side by side: micro and macro F1 by training rows, a line for each method, the seeds as a band ----\n\n\
             [steps.compare]\nop    = \"compare\"\nx     = \"n\"\nband  = \"seed\"\n\n[steps.compare.input]\n{}\n",
            lines.join("\n")
        )
    })
}
