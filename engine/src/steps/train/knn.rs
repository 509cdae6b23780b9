//! `method = "knn"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{Table, columns};
use text::LabelSets;
use text::metrics::Report;

use super::super::neighbours::{Config, Neighbours, decide, vectors};
use super::super::rows::Judged;
use super::super::words::{number, rows};
use super::super::{Check, ColumnType, Context, InputPort, OutputPort, PortType, StepError};
use super::Method;
use super::examples::Examples;
use crate::report::number::fraction;
use crate::report::plot::{Heatmap, Unit};

/// Looks labels up: a row gets the labels that at least `votes` of its `k` nearest training rows carry, by the cosine of their vectors.
///
/// The rows come from `embed`. Where each row carries one label, the one with the most votes is taken, and of several with as many
/// that of the nearest row. Of several `k` and `votes`, those are kept that are best on the rows of the port `valid`; the outputs
/// `micro` and `macro` show F1 there for all of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knn {
    /// The column of vectors.
    #[serde(default = "vector_column")]
    vector: String,
    /// How many of the nearest rows vote; one number, or several to choose from.
    #[serde(default = "ks")]
    #[schemars(length(min = 1))]
    k: Vec<usize>,
    /// How many votes a label needs; one number, or several to choose from. More than `k` are left out.
    #[serde(default = "votes")]
    #[schemars(length(min = 1))]
    votes: Vec<usize>,
    /// By what they are chosen.
    #[serde(default)]
    best_by: F1,
    /// Whether the mean of the training rows' vectors is taken from all vectors before they are compared. An encoder's vectors
    /// lie to one side, which hides the differences between texts of one domain (SimpleShot, Wang et al. 2019, section 3: CL2N).
    #[serde(default = "yes")]
    centre: bool,
}

/// By what k and votes are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum F1 {
    /// F1 of all decisions together.
    #[default]
    MicroF1,
    /// The mean of the labels' F1.
    MacroF1,
}

fn vector_column() -> String {
    "vector".to_owned()
}

fn yes() -> bool {
    true
}

fn ks() -> Vec<usize> {
    vec![1, 2, 3, 5, 8, 12, 20]
}

fn votes() -> Vec<usize> {
    vec![1, 2, 3, 4, 5]
}

/// F1 at one place of the sweep.
struct Trial {
    k: usize,
    votes: usize,
    micro: f64,
    macro_: f64,
}

impl Method for Knn {
    const NAME: &'static str = "knn";
    const VERSION: u32 = 2;

    fn inputs(&self) -> Vec<InputPort> {
        vec![InputPort::optional("valid", PortType::Table)]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![
            OutputPort::new("model", PortType::Model),
            OutputPort::new("sweep", PortType::Table),
            OutputPort::new("micro", PortType::Figure),
            OutputPort::new("macro", PortType::Figure),
        ]
    }

    fn check(&self, check: &mut Check) {
        for port in ["train", "valid"] {
            check.require("vector", port, &self.vector, ColumnType::Any);
        }
        for (name, values) in [("k", &self.k), ("votes", &self.votes)] {
            if values.is_empty() || values.contains(&0) {
                check.problem(name, format!("`{name}` must hold numbers from 1"), None);
            } else if values.len() > 1 && !check.is_fed("valid") {
                check.problem(
                    name,
                    format!("several values of `{name}` need validation rows to choose on, and nothing feeds the port `valid`"),
                    Some(format!("add valid = \"...\" to the inputs, or give one number: {name} = [{}]", values[0])),
                );
            }
        }
    }

    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError> {
        let labelled = examples.read(context)?;
        let table = context.columns("train", &[&self.vector])?;
        let (values, dimension) = vectors(&table, &self.vector)?;
        let (labels, task) = (labelled.labels, labelled.task);
        let names = labels.vocabulary().to_vec();
        let count = labels.rows();
        let neighbours = Neighbours::new(&values, dimension, labels, self.centre)?;
        let mut trials = Vec::new();
        if context.optional_path("valid").is_some() {
            let table = context.columns("valid", &[&self.vector, examples.labels()])?;
            let (queries, width) = vectors(&table, &self.vector)?;
            if width != dimension {
                return Err(StepError::new(format!(
                    "vectors of `valid` have {width} numbers, those of `train` {dimension}"
                ))
                .help("embed both with the same model"));
            }
            let judged = Judged::read(&table, examples.labels(), names.clone(), task)?;
            let queries: Vec<f32> = (judged.rows.iter())
                .flat_map(|row| &queries[row * width..(row + 1) * width])
                .copied()
                .collect();
            let truth = judged.labels;
            let ks: Vec<usize> = self.k.iter().copied().filter(|&k| k <= count).collect();
            let most = ks.iter().copied().max().unwrap_or(1);
            let nearest = neighbours.search(&queries, most, context.threads())?;
            for k in ks {
                context.check()?;
                let found = nearest.votes(k);
                for &needed in self.votes.iter().filter(|&&needed| needed <= k) {
                    let predicted = decide(&found, needed, &names, task)?;
                    trials.push(trial(k, needed, &truth, &predicted, task)?);
                }
            }
        }
        let score = |trial: &Trial| match self.best_by {
            F1::MicroF1 => trial.micro,
            F1::MacroF1 => trial.macro_,
        };
        let mut best: Option<&Trial> = None;
        for trial in &trials {
            if best.is_none_or(|best| score(trial) > score(best)) {
                best = Some(trial);
            }
        }
        let (k, votes) = best.map_or((self.k[0].min(count), self.votes[0]), |best| {
            (best.k, best.votes)
        });
        let config = Config {
            method: Self::NAME.to_owned(),
            task,
            labels: names,
            training_rows: count,
            dimension,
            k,
            votes: votes.min(k),
        };
        neighbours.save(&context.output_path("model"), &config)?;
        context.write_table("sweep", &sweep(&trials, k, votes)?)?;
        context.write_text(
            "micro",
            &heatmap("micro F1 on valid", &trials, |trial| trial.micro),
        )?;
        context.write_text(
            "macro",
            &heatmap("macro F1 on valid", &trials, |trial| trial.macro_),
        )?;
        let chosen = best.map(|best| format!(", micro F1 {} on valid", fraction(best.micro)));
        context.note(format!(
            "{}, k = {}, {} votes{}",
            rows(count),
            number(k),
            number(config.votes),
            chosen.unwrap_or_default()
        ));
        Ok(())
    }
}

fn trial(
    k: usize,
    votes: usize,
    truth: &LabelSets,
    predicted: &LabelSets,
    task: text::Task,
) -> Result<Trial, StepError> {
    let report = Report::new(truth, predicted, task)?;
    Ok(Trial {
        k,
        votes,
        micro: report.micro_avg.f1,
        macro_: report.macro_avg.f1,
    })
}

fn sweep(trials: &[Trial], k: usize, votes: usize) -> Result<Table, StepError> {
    let chosen = trials
        .iter()
        .map(|trial| (trial.k, trial.votes) == (k, votes));
    Ok(Table::from_columns(vec![
        (
            "k",
            columns::ints(trials.iter().map(|trial| trial.k as i64)),
        ),
        (
            "votes",
            columns::ints(trials.iter().map(|trial| trial.votes as i64)),
        ),
        (
            "micro_f1",
            columns::floats(trials.iter().map(|trial| trial.micro)),
        ),
        (
            "macro_f1",
            columns::floats(trials.iter().map(|trial| trial.macro_)),
        ),
        ("chosen", columns::bools(chosen)),
    ])?)
}

fn heatmap(title: &str, trials: &[Trial], value: impl Fn(&Trial) -> f64) -> String {
    let distinct = |of: fn(&Trial) -> usize| {
        let mut values: Vec<usize> = trials.iter().map(of).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let (ks, votes) = (distinct(|trial| trial.k), distinct(|trial| trial.votes));
    let at = |k: usize, needed: usize| {
        let found = trials
            .iter()
            .find(|trial| (trial.k, trial.votes) == (k, needed));
        found.map_or(f64::NAN, &value)
    };
    let words = |values: &[usize]| values.iter().map(ToString::to_string).collect();
    Heatmap {
        title: title.to_owned(),
        column_label: "votes that a label needs".to_owned(),
        columns: words(&votes),
        row_label: "k".to_owned(),
        rows: words(&ks),
        values: ks
            .iter()
            .map(|&k| votes.iter().map(|&needed| at(k, needed)).collect())
            .collect(),
        unit: Unit::Fraction,
    }
    .to_svg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::predict::Predict;
    use crate::steps::testing::labelled;
    use crate::steps::testing::{Outcome, Trial as StepTrial};
    use crate::steps::train::Train;
    use serde_json::json;

    fn embedded(rows: &[(&str, &str)], vectors: &[[f32; 2]]) -> Table {
        let column = columns::vectors(vectors.concat(), 2).unwrap();
        labelled(rows).with_column("vector", column).unwrap()
    }

    fn training() -> Table {
        embedded(
            &[("a", "bug"), ("b", "bug io"), ("c", "docs"), ("d", "docs")],
            &[[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]],
        )
    }

    /// The labels that the model of a training gives to rows.
    fn predicted(training: &Outcome, rows: &Table) -> Vec<Vec<String>> {
        StepTrial::new::<Predict>(json!({}))
            .artifact("model", &training.path("model"), &[])
            .input("table", rows)
            .run()
            .labels("predictions", "predicted")
    }

    #[test]
    fn rows_get_the_labels_that_enough_of_the_nearest_carry() {
        let outcome = StepTrial::new::<Train<Knn>>(json!({ "k": [2], "votes": [2] }))
            .input("train", &training())
            .run();
        let rows = embedded(&[("x", ""), ("y", "")], &[[0.9, 0.05], [0.05, 0.9]]);
        let predicted = StepTrial::new::<Predict>(json!({}))
            .artifact("model", &outcome.path("model"), &[])
            .input("table", &rows)
            .run();
        assert_eq!(
            predicted.labels("predictions", "predicted"),
            [["bug"], ["docs"]]
        );
        let io = predicted
            .table("predictions")
            .float_column("score.io")
            .unwrap();
        assert_eq!(io.values(), &[0.5, 0.0][..]);
    }

    #[test]
    fn k_and_votes_are_chosen_on_the_validation_rows() {
        let valid = embedded(&[("x", "bug"), ("y", "docs")], &[[0.9, 0.05], [0.05, 0.9]]);
        let outcome = StepTrial::new::<Train<Knn>>(json!({ "k": [1, 2, 9], "votes": [1, 2] }))
            .input("train", &training())
            .input("valid", &valid)
            .run();
        let sweep = outcome.table("sweep");
        // k = 9 is more than there are rows; k = 1 with 2 votes is impossible.
        assert_eq!(outcome.ints("sweep", "k"), [1, 2, 2]);
        assert_eq!(outcome.ints("sweep", "votes"), [1, 1, 2]);
        let chosen = sweep.bool_column("chosen").unwrap();
        let f1 = sweep.float_column("micro_f1").unwrap();
        let best = (0..3).find(|&row| chosen.value(row)).unwrap();
        assert!((f1.value(best) - 1.0).abs() < 1e-12);
        assert!(outcome.text("micro").contains("<svg"));
    }

    #[test]
    fn rows_of_a_class_that_no_training_row_has_choose_nothing() {
        let training = embedded(
            &[("a", "bug"), ("b", "bug"), ("c", "docs")],
            &[[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]],
        );
        let valid = embedded(
            &[("x", "speech"), ("y", "docs"), ("z", "bug")],
            &[[0.9, 0.05], [0.05, 0.9], [0.9, 0.0]],
        );
        let parameters = json!({ "k": [1, 3], "votes": [1], "task": "multi_class" });
        let outcome = StepTrial::new::<Train<Knn>>(parameters)
            .input("train", &training)
            .input("valid", &valid)
            .run();
        let f1 = outcome.table("sweep").float_column("micro_f1").unwrap();
        assert_eq!(f1.values(), &[1.0, 0.5][..]);
    }

    /// Around a far mean the cosine sees only how far to its side a vector lies.
    #[test]
    fn vectors_are_compared_from_the_mean_of_the_training_rows() {
        let training = embedded(&[("a", "bug"), ("b", "docs")], &[[10.0, 10.1], [10.0, 9.9]]);
        let rows = embedded(&[("x", ""), ("y", "")], &[[10.3, 10.2], [9.7, 9.8]]);
        for (centre, expected) in [(true, ["bug", "docs"]), (false, ["docs", "bug"])] {
            let outcome = StepTrial::new::<Train<Knn>>(
                json!({ "k": [1], "votes": [1], "centre": centre, "task": "multi_class" }),
            )
            .input("train", &training)
            .run();
            assert_eq!(predicted(&outcome, &rows), expected.map(|label| [label]));
        }
    }

    #[test]
    fn a_single_row_and_a_row_at_the_mean_can_be_compared() {
        for vectors in [&[[1.0, 0.0]][..], &[[1.0, 0.0], [1.0, 0.0]]] {
            let texts = [("a", "bug"), ("b", "bug")];
            let outcome = StepTrial::new::<Train<Knn>>(json!({ "k": [1], "votes": [1] }))
                .input("train", &embedded(&texts[..vectors.len()], vectors))
                .run();
            let rows = embedded(&texts, &[[1.0, 0.0], [0.0, 1.0]]);
            assert_eq!(predicted(&outcome, &rows), [["bug"], ["bug"]]);
        }
    }

    #[test]
    fn of_labels_with_as_many_votes_the_nearest_row_has_its_own() {
        let outcome =
            StepTrial::new::<Train<Knn>>(json!({ "k": [2], "votes": [1], "task": "multi_class" }))
                .input(
                    "train",
                    &embedded(&[("a", "bug"), ("b", "docs")], &[[1.0, 0.0], [0.0, 1.0]]),
                )
                .run();
        let rows = embedded(&[("x", ""), ("y", "")], &[[0.9, 0.2], [0.2, 0.9]]);
        assert_eq!(predicted(&outcome, &rows), [["bug"], ["docs"]]);
    }

    #[test]
    fn several_values_need_rows_to_choose_on() {
        let trial =
            StepTrial::new::<Train<Knn>>(json!({ "k": [1, 2] })).input("train", &training());
        let places: Vec<String> = trial.problems().into_iter().map(|p| p.parameter).collect();
        assert_eq!(places, ["k", "votes"]);
    }
}
