//! Which of four cases a file is.

use clap::ValueEnum;

use crate::survey::Survey;

use super::section::{self, Section};

/// Labelled rows from which they may be many, half of which are trained on.
const MANY_ROWS: usize = 1000;
/// Rows of the label in the middle from which its labels are many.
const MANY_PER_LABEL: usize = 100;
/// Rows without labels from which they may be worth reading.
const MUCH_TEXT: usize = 100;

/// What a file calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// No labels: zero-shot and filled gaps.
    NoLabels,
    /// Few labels and nothing else: look-up, SetFit, prompts and augmentation.
    FewLabels,
    /// Few labels and much text without: domain adaptation, UDA and UST.
    UnlabelledText,
    /// Many labels: fine-tuning.
    ManyLabels,
}

impl Case {
    /// The case that a file is.
    pub fn of(survey: &Survey) -> Case {
        let Some(labels) = &survey.labels else {
            return Case::NoLabels;
        };
        if labels.labelled >= MANY_ROWS && labels.median() >= MANY_PER_LABEL {
            Case::ManyLabels
        } else if survey.unlabelled() >= labels.labelled.max(MUCH_TEXT) {
            Case::UnlabelledText
        } else {
            Case::FewLabels
        }
    }

    /// What its pipeline is made of, in order.
    pub(super) fn sections(self) -> &'static [Section] {
        use section::{
            ADAPTATION, AUGMENTATION, BASELINES, DISTILLED, DISTINCT, ENCODER, FILL_MASK,
            FINE_TUNING, LOOK_UP, MASKED, PARTS, PROMPTS, SAMPLE, SETFIT, STATS, UDA, UST, WORDS,
            ZERO_SHOT,
        };
        match self {
            Case::NoLabels => &[DISTINCT, WORDS, SAMPLE, ZERO_SHOT, FILL_MASK, DISTILLED],
            Case::FewLabels => &[
                DISTINCT,
                STATS,
                PARTS,
                BASELINES,
                ENCODER,
                LOOK_UP,
                SETFIT,
                MASKED,
                PROMPTS,
                AUGMENTATION,
            ],
            Case::UnlabelledText => &[
                DISTINCT,
                STATS,
                PARTS,
                BASELINES,
                ENCODER,
                ADAPTATION,
                FINE_TUNING,
                UDA,
                UST,
            ],
            Case::ManyLabels => &[DISTINCT, STATS, PARTS, BASELINES, ENCODER, FINE_TUNING],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use table::read::Format;

    use super::*;
    use crate::survey::{Labels, Texts};

    fn file(rows: usize, counts: &[usize]) -> Survey {
        let counts: BTreeMap<String, usize> = (counts.iter().enumerate())
            .map(|(label, count)| (format!("label {label}"), *count))
            .collect();
        let labelled = counts.values().sum();
        let labels = Labels {
            column: "labels".to_owned(),
            are_lists: true,
            are_numbers: false,
            labelled,
            counts,
        };
        Survey {
            format: Format::Jsonl,
            rows,
            text: vec!["text".to_owned()],
            texts: Texts::default(),
            labels: (labelled > 0).then_some(labels),
        }
    }

    #[test]
    fn labels_and_texts_without_them_decide_the_case() {
        assert_eq!(Case::of(&file(5000, &[])), Case::NoLabels);
        assert_eq!(Case::of(&file(300, &[100, 80])), Case::FewLabels);
        assert_eq!(Case::of(&file(450, &[100, 80])), Case::UnlabelledText);
        assert_eq!(Case::of(&file(2000, &[900, 800])), Case::ManyLabels);
        // Many rows in all, but half of the labels have few of them.
        let counts = [700, 450, 150, 90, 70, 70, 60, 30, 20, 20, 20, 20];
        assert_eq!(Case::of(&file(7258, &counts)), Case::UnlabelledText);
        assert_eq!(Case::of(&file(1800, &counts)), Case::FewLabels);
        // Twenty rows are not much text, though there are fewer labels.
        assert_eq!(Case::of(&file(30, &[6, 4])), Case::FewLabels);
    }
}
