//! The metrics, tables and figures of an evaluation.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use serde_json::{Map, Value as Json, json};
use table::{Table, columns};
use text::Task;
use text::metrics::{Averages, Intervals, Report, average_precision, roc_auc};

use super::super::model_card::ModelCard;
use super::super::{Check, Context, StepError};
use super::decide::{Decision, Rule};
use super::predictions::Judged;
use crate::report::number;
use crate::report::plot::{Bar, BarChart, Choice, Point, Series, SweepChart, Unit};

/// Everything that is known in the end.
pub struct Outcome {
    /// The model behind the predictions.
    pub model: Option<ModelCard>,
    /// One label a row, or several.
    pub task: Task,
    /// The figures.
    pub report: Report,
    /// The ends of their intervals.
    pub intervals: Option<Intervals>,
    /// How often rows were drawn again, and the share of figures within an interval.
    pub bootstrap: (usize, f64),
    /// What decided which labels are predicted.
    pub decision: Decision,
    /// `[labels, labels]`: how often a row's label was taken for the column's.
    pub confusion: Option<Vec<Vec<usize>>>,
    /// Truth and scores.
    pub judged: Judged,
}

/// States the columns of the tables.
pub fn state_columns(check: &mut Check) {
    let schema = |columns: &[(&str, DataType)]| {
        let fields = columns
            .iter()
            .map(|(name, data_type)| Field::new(*name, data_type.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    };
    let (text, int, float) = (DataType::Utf8, DataType::Int64, DataType::Float64);
    check.output(
        "report",
        schema(&[
            ("label", text.clone()),
            ("precision", float.clone()),
            ("recall", float.clone()),
            ("f1", float.clone()),
            ("f1_low", float.clone()),
            ("f1_high", float.clone()),
            ("support", int.clone()),
            ("predicted", int.clone()),
        ]),
    );
    check.output(
        "sweep",
        schema(&[
            ("setting", float.clone()),
            ("micro_precision", float.clone()),
            ("micro_recall", float.clone()),
            ("micro_f1", float.clone()),
            ("macro_f1", float.clone()),
            ("weighted_f1", float.clone()),
            ("samples_f1", float),
            ("chosen", DataType::Boolean),
        ]),
    );
    check.output(
        "confusion",
        schema(&[("truth", text.clone()), ("predicted", text), ("rows", int)]),
    );
}

/// A row of the report: name, scores, the interval of its F1, support, and how often it was predicted.
type ReportRow = (String, Averages, Option<(f64, f64)>, usize, usize);

impl Outcome {
    /// Writes every output.
    pub fn write(&self, context: &Context<'_>) -> Result<(), StepError> {
        context.write_json("metrics", &self.metrics()?)?;
        context.write_table("report", &self.report_table()?)?;
        context.write_table("sweep", &self.sweep_table()?)?;
        context.write_table("confusion", &self.confusion_table()?)?;
        context.write_text("sweep_figure", &self.sweep_figure())?;
        context.write_text("labels_figure", &self.labels_figure())?;
        context.note(format!(
            "micro F1 {}, macro F1 {} on {} rows",
            number::fraction(self.report.micro_avg.f1),
            number::fraction(self.report.macro_avg.f1),
            number::count(self.report.rows as u64)
        ));
        Ok(())
    }

    fn metrics(&self) -> Result<Json, StepError> {
        let report = &self.report;
        let mut metrics = Map::new();
        metrics.insert("task".to_owned(), json!(self.task));
        if let Some(model) = &self.model {
            metrics.insert("method".to_owned(), json!(model.method));
            metrics.insert("training_rows".to_owned(), json!(model.training_rows));
        }
        metrics.insert("rows".to_owned(), json!(report.rows));
        for (name, average) in averages(report) {
            metrics.insert(format!("{name}_precision"), json!(average.precision));
            metrics.insert(format!("{name}_recall"), json!(average.recall));
            metrics.insert(format!("{name}_f1"), json!(average.f1));
        }
        metrics.insert("subset_accuracy".to_owned(), json!(report.subset_accuracy));
        metrics.insert("hamming_loss".to_owned(), json!(report.hamming_loss));
        if let Some(intervals) = &self.intervals {
            metrics.insert("intervals".to_owned(), self.interval_metrics(intervals));
        }
        metrics.insert("decision".to_owned(), self.decision_metrics());
        metrics.insert("labels".to_owned(), self.label_metrics()?);
        if let Some(confusion) = &self.confusion {
            metrics.insert("confusion".to_owned(), json!(confusion));
        }
        Ok(Json::Object(metrics))
    }

    fn interval_metrics(&self, intervals: &Intervals) -> Json {
        let (samples, confidence) = self.bootstrap;
        let mut ends = Map::new();
        ends.insert("samples".to_owned(), json!(samples));
        ends.insert("confidence".to_owned(), json!(confidence));
        let both = averages(&intervals.low)
            .into_iter()
            .zip(averages(&intervals.high));
        for ((name, low), (_, high)) in both {
            ends.insert(format!("{name}_f1"), json!([low.f1, high.f1]));
        }
        let accuracy = [
            intervals.low.subset_accuracy,
            intervals.high.subset_accuracy,
        ];
        ends.insert("subset_accuracy".to_owned(), json!(accuracy));
        Json::Object(ends)
    }

    fn decision_metrics(&self) -> Json {
        let mut decision = Map::new();
        let (by, setting) = match &self.decision.rule {
            Rule::AsPredicted => ("as_predicted", None),
            Rule::Threshold(threshold) => ("threshold", Some(("threshold", json!(threshold)))),
            Rule::ThresholdPerLabel(_) => ("threshold_per_label", None),
            Rule::TopK(k) => ("top_k", Some(("top_k", json!(k)))),
        };
        decision.insert("by".to_owned(), json!(by));
        if let Some((name, value)) = setting {
            decision.insert(name.to_owned(), value);
        }
        if let (Some("valid"), false) = (
            self.decision.swept,
            matches!(self.decision.rule, Rule::AsPredicted),
        ) {
            decision.insert("chosen_on".to_owned(), json!("valid"));
            if let Some(point) = self.decision.chosen() {
                let valid = &point.report;
                decision.insert("valid_micro_f1".to_owned(), json!(valid.micro_avg.f1));
                decision.insert("valid_macro_f1".to_owned(), json!(valid.macro_avg.f1));
            }
        }
        Json::Object(decision)
    }

    fn label_metrics(&self) -> Result<Json, StepError> {
        let precision = average_precision(&self.judged.truth, &self.judged.scores)?;
        let area = roc_auc(&self.judged.truth, &self.judged.scores)?;
        let mut labels = Map::new();
        for (at, label) in self.report.labels.iter().enumerate() {
            let mut figures = Map::new();
            figures.insert("precision".to_owned(), json!(label.scores.precision));
            figures.insert("recall".to_owned(), json!(label.scores.recall));
            figures.insert("f1".to_owned(), json!(label.scores.f1));
            if let Some((low, high)) = self.label_interval(at) {
                figures.insert("f1_interval".to_owned(), json!([low, high]));
            }
            figures.insert("support".to_owned(), json!(label.support));
            figures.insert("predicted".to_owned(), json!(label.predicted));
            if self.judged.scored.contains(&(at as u32)) {
                figures.insert("average_precision".to_owned(), json!(precision[at]));
                figures.insert("roc_auc".to_owned(), json!(area[at]));
                if let Rule::ThresholdPerLabel(thresholds) = &self.decision.rule {
                    figures.insert("threshold".to_owned(), json!(thresholds[at]));
                }
            }
            labels.insert(label.label.clone(), Json::Object(figures));
        }
        Ok(Json::Object(labels))
    }

    fn label_interval(&self, label: usize) -> Option<(f64, f64)> {
        let intervals = self.intervals.as_ref()?;
        Some((
            intervals.low.labels[label].scores.f1,
            intervals.high.labels[label].scores.f1,
        ))
    }

    fn report_table(&self) -> Result<Table, StepError> {
        let mut rows: Vec<ReportRow> = Vec::new();
        for (at, label) in self.report.labels.iter().enumerate() {
            rows.push((
                label.label.clone(),
                label.scores,
                self.label_interval(at),
                label.support,
                label.predicted,
            ));
        }
        let support = rows.iter().map(|row| row.3).sum();
        let predicted = rows.iter().map(|row| row.4).sum();
        for (at, (name, scores)) in averages(&self.report).into_iter().enumerate() {
            let interval = self.intervals.as_ref().map(|intervals| {
                let end = |report| averages(report)[at].1.f1;
                (end(&intervals.low), end(&intervals.high))
            });
            rows.push((format!("{name} avg"), scores, interval, support, predicted));
        }
        let floats = |of: fn(&Averages) -> f64| columns::floats(rows.iter().map(|row| of(&row.1)));
        let end = |of: fn((f64, f64)) -> f64| {
            columns::optional_floats(rows.iter().map(|row| row.2.map(of)))
        };
        Ok(Table::from_columns(vec![
            ("label", columns::text(rows.iter().map(|row| &row.0))),
            ("precision", floats(|scores| scores.precision)),
            ("recall", floats(|scores| scores.recall)),
            ("f1", floats(|scores| scores.f1)),
            ("f1_low", end(|interval| interval.0)),
            ("f1_high", end(|interval| interval.1)),
            (
                "support",
                columns::ints(rows.iter().map(|row| row.3 as i64)),
            ),
            (
                "predicted",
                columns::ints(rows.iter().map(|row| row.4 as i64)),
            ),
        ])?)
    }

    fn sweep_table(&self) -> Result<Table, StepError> {
        let sweep = &self.decision.sweep;
        let chosen = self.decision.chosen().map(|point| point.setting);
        let figure =
            |of: fn(&Report) -> f64| columns::floats(sweep.iter().map(|point| of(&point.report)));
        Ok(Table::from_columns(vec![
            (
                "setting",
                columns::floats(sweep.iter().map(|point| point.setting)),
            ),
            (
                "micro_precision",
                figure(|report| report.micro_avg.precision),
            ),
            ("micro_recall", figure(|report| report.micro_avg.recall)),
            ("micro_f1", figure(|report| report.micro_avg.f1)),
            ("macro_f1", figure(|report| report.macro_avg.f1)),
            ("weighted_f1", figure(|report| report.weighted_avg.f1)),
            ("samples_f1", figure(|report| report.samples_avg.f1)),
            (
                "chosen",
                columns::bools(sweep.iter().map(|point| Some(point.setting) == chosen)),
            ),
        ])?)
    }

    fn confusion_table(&self) -> Result<Table, StepError> {
        let names = self.judged.truth.vocabulary();
        let counts = self.confusion.iter().flatten().enumerate();
        let cells: Vec<(&str, &str, i64)> = counts
            .flat_map(|(truth, row)| {
                row.iter().enumerate().map(move |(predicted, &rows)| {
                    (
                        names[truth].as_str(),
                        names[predicted].as_str(),
                        rows as i64,
                    )
                })
            })
            .collect();
        Ok(Table::from_columns(vec![
            ("truth", columns::text(cells.iter().map(|cell| cell.0))),
            ("predicted", columns::text(cells.iter().map(|cell| cell.1))),
            ("rows", columns::ints(cells.iter().map(|cell| cell.2))),
        ])?)
    }

    fn sweep_figure(&self) -> String {
        let series = |name: &str, of: fn(&Report) -> f64| Series {
            name: name.to_owned(),
            points: self
                .decision
                .sweep
                .iter()
                .map(|point| Point::exact(point.setting, of(&point.report)))
                .collect(),
        };
        let chosen = self.decision.chosen().map(|point| Choice {
            x: point.setting,
            y: point.report.micro_avg.f1,
            label: format!(
                "{}: micro F1 {}",
                number::plain(point.setting),
                number::fraction(point.report.micro_avg.f1)
            ),
        });
        let chart = SweepChart {
            title: match self.decision.swept {
                Some(part) => format!("F1 by {} on {part}", self.decision.setting),
                None => "Nothing was swept".to_owned(),
            },
            x_label: self.decision.setting.to_owned(),
            series: vec![
                series("micro F1", |report| report.micro_avg.f1),
                series("macro F1", |report| report.macro_avg.f1),
            ],
            y_unit: Unit::Fraction,
            chosen,
        };
        chart.to_svg()
    }

    fn labels_figure(&self) -> String {
        let bar = |(at, label): (usize, &text::metrics::LabelReport)| Bar {
            label: label.label.clone(),
            value: label.scores.f1,
            interval: self.label_interval(at),
            note: format!("n = {}", number::count(label.support as u64)),
        };
        let mut labels: Vec<_> = self.report.labels.iter().enumerate().collect();
        labels.sort_by_key(|(_, label)| std::cmp::Reverse(label.support));
        let chart = BarChart {
            title: "F1 by label".to_owned(),
            unit: Unit::Fraction,
            bars: labels.into_iter().map(bar).collect(),
        };
        chart.to_svg()
    }
}

/// The averages by name.
fn averages(report: &Report) -> [(&'static str, Averages); 4] {
    [
        ("micro", report.micro_avg),
        ("macro", report.macro_avg),
        ("weighted", report.weighted_avg),
        ("samples", report.samples_avg),
    ]
}
