//! What was found in a file and why it leads to a case, in words.

use crate::report::number::count;
use crate::survey::{Labels, Survey};

use super::Case;

/// Labels that are named.
const NAMED: usize = 8;
/// How many times as frequent as the rarest label the most frequent one is where a file is called unbalanced.
const UNBALANCED: usize = 10;
/// Rows that a label needs at least, so that each part gets one.
const ROWS_FOR_PARTS: usize = 4;

/// What the file holds, one fact each.
pub fn findings(survey: &Survey) -> Vec<String> {
    let number = |value: usize| count(value as u64);
    let mut found = Vec::new();
    let texts = &survey.texts;
    found.push(format!(
        "text: {}; {} words in the median, nine of ten have {} or fewer",
        survey.text.join(" + "),
        number(texts.median_words),
        number(texts.most_words)
    ));
    let odd: Vec<String> = [
        (texts.repeated, "repeat an earlier one"),
        (texts.empty, "are empty"),
    ]
    .into_iter()
    .filter(|(rows, _)| *rows > 0)
    .map(|(rows, what)| format!("{} {what}", number(rows)))
    .collect();
    if !odd.is_empty() {
        found.push(format!("of the texts, {}", odd.join(" and ")));
    }
    if let Some(labels) = &survey.labels {
        found.extend(about_labels(labels));
    }
    found
}

fn about_labels(labels: &Labels) -> Vec<String> {
    let frequent = labels.by_frequency();
    let one_line = |name: &str| name.replace(char::is_control, " ");
    let named: Vec<String> = frequent
        .iter()
        .take(NAMED)
        .map(|(name, times)| format!("{} {}", one_line(name), count(*times as u64)))
        .collect();
    let more = match frequent.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more", count(more as u64)),
    };
    let mut found = vec![format!("labels: {}{more}", named.join(", "))];
    if let (Some((most, many)), Some((least, few))) = (frequent.first(), frequent.last())
        && *many >= UNBALANCED * few
    {
        found.push(format!(
            "unbalanced: `{}` is {} times as frequent as `{}`; macro F1 shows how rare labels fare, micro F1 hardly does",
            one_line(most),
            count((many / few) as u64),
            one_line(least)
        ));
    }
    let rare: Vec<String> = frequent
        .iter()
        .filter(|(_, times)| *times < ROWS_FOR_PARTS)
        .map(|(name, _)| format!("`{}`", one_line(name)))
        .collect();
    if !rare.is_empty() {
        let (shown, rest) = rare.split_at(rare.len().min(NAMED));
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" and {} more", count(more as u64)),
        };
        found.push(format!(
            "too rare to be learned and tested, with fewer than {ROWS_FOR_PARTS} rows: {}{more}; label more of them, or leave them out by op = \"map_labels\"",
            shown.join(", ")
        ));
    }
    found
}

/// Why these methods.
pub fn reasons(survey: &Survey, case: Case) -> String {
    let labelled = count(survey.labelled() as u64);
    let unlabelled = count(survey.unlabelled() as u64);
    match case {
        Case::NoLabels => "No labels: nothing can be learned from examples, so the pipeline asks models that know the language already. \
             Zero-shot says which of the labels that you name fits a text; fill-mask says which words come to a model's mind, from which \
             labels may be chosen. Word counts then learn what zero-shot says, to see whether they can stand in for it. None of this \
             tells how right it is: label a hundred rows by hand, and let engine init look again."
            .to_owned(),
        Case::FewLabels => format!(
            "Few labels and little else: {labelled} labelled rows teach no model a language, and {unlabelled} without labels do not \
             either, so a pretrained one brings it. Look-up only compares its vectors; SetFit learns from pairs of rows, of which few \
             rows make many; prompts ask by the labels' own words; augmentation makes more rows of those that there are. Word counts \
             are what all of them must beat."
        ),
        Case::UnlabelledText => format!(
            "Few labels and much text: {labelled} labelled rows are few, and {unlabelled} without labels are worth reading. Domain \
             adaptation learns their language, UDA asks that a model says the same of two versions of a text, and UST lets a model \
             teach the next one what it is sure of. Fine-tuning on the labels alone and word counts are what these must beat."
        ),
        Case::ManyLabels => format!(
            "Many labels: of {labelled} labelled rows, fine-tuning of a pretrained model can learn what each label means. The slices \
             show whether as many were needed, and word counts whether a model was."
        ),
    }
}
