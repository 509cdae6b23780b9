//! What is kept of a training: its history as a table, its curves as a figure, its events for TensorBoard; and what is shown of it
//! while it goes on.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use methods::{Evaluation, Observer, StepReport};
use table::{Table, columns};

use super::super::words::number;
use super::super::{Context, OutputPort, PortType, StepError};
use crate::report::number::{count, plain};
use crate::report::plot::{LineChart, Panel, Point, Series, Unit};
use crate::report::tensorboard::EventWriter;

/// Points of a curve at most: more are averaged.
const POINTS: usize = 200;

/// The ports that it fills.
pub fn outputs() -> [OutputPort; 3] {
    [
        OutputPort::new("history", PortType::Table),
        OutputPort::new("curves", PortType::Figure).in_report(),
        OutputPort::new("events", PortType::File),
    ]
}

/// One number of the history.
struct Entry {
    phase: String,
    step: u64,
    epoch: f64,
    quantity: String,
    value: f64,
    /// Steps of all phases so far.
    at: u64,
}

/// Watches a training.
pub struct Recorder<'a> {
    context: &'a Context<'a>,
    entries: Vec<Entry>,
    events: EventWriter<BufWriter<File>>,
    failed: Option<std::io::Error>,
    began: Instant,
    /// The phase, and the steps of those before it.
    phase: (String, u64),
    last_step: u64,
    tokens: usize,
    seconds: f64,
    waited: f64,
    metric: String,
}

impl<'a> Recorder<'a> {
    /// Begins the file of events.
    pub fn new(context: &'a Context<'a>) -> Result<Recorder<'a>, StepError> {
        let path = context.output_path("events");
        let begun = File::create(&path)
            .and_then(|file| EventWriter::new(BufWriter::new(file), seconds_since_1970()));
        Ok(Recorder {
            context,
            entries: Vec::new(),
            events: begun.map_err(|error| StepError::io("writing", &path, &error))?,
            failed: None,
            began: Instant::now(),
            phase: (String::new(), 0),
            last_step: 0,
            tokens: 0,
            seconds: 0.0,
            waited: 0.0,
            metric: String::new(),
        })
    }

    fn enter(&mut self, phase: &str) {
        if self.phase.0 != phase {
            self.phase = (phase.to_owned(), self.phase.1 + self.last_step);
            self.last_step = 0;
        }
    }

    fn add(&mut self, step: u64, epoch: f64, quantity: &str, value: f64) {
        let at = self.phase.1 + step;
        let written = self
            .events
            .scalar(quantity, at, value as f32, seconds_since_1970());
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
        self.entries.push(Entry {
            phase: self.phase.0.clone(),
            step,
            epoch,
            quantity: quantity.to_owned(),
            value,
            at,
        });
    }

    /// Writes the outputs, and says how fast it went.
    pub fn finish(mut self) -> Result<(), StepError> {
        let path = self.context.output_path("events");
        let flushed = self.events.flush();
        let failed = self.failed.take().map_or(flushed, Err);
        failed.map_err(|error| StepError::io("writing", &path, &error))?;
        if self.seconds > 0.0 {
            self.context.note(format!(
                "{} steps, {} tokens/s, {:.1} % of the time waiting for data",
                number((self.phase.1 + self.last_step) as usize),
                count((self.tokens as f64 / self.seconds) as u64),
                100.0 * self.waited / self.seconds
            ));
        }
        let history = Table::from_columns(vec![
            (
                "phase",
                columns::text(self.entries.iter().map(|entry| &entry.phase)),
            ),
            (
                "step",
                columns::ints(self.entries.iter().map(|entry| entry.step as i64)),
            ),
            (
                "epoch",
                columns::floats(self.entries.iter().map(|entry| entry.epoch)),
            ),
            (
                "quantity",
                columns::text(self.entries.iter().map(|entry| &entry.quantity)),
            ),
            (
                "value",
                columns::floats(self.entries.iter().map(|entry| entry.value)),
            ),
        ])?;
        self.context.write_table("history", &history)?;
        self.context.write_text("curves", &self.curves())
    }

    /// Losses in one panel, scores in the other.
    fn curves(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for entry in &self.entries {
            if !names.contains(&entry.quantity.as_str()) {
                names.push(&entry.quantity);
            }
        }
        let panel = |title: &str, wanted: &dyn Fn(&str) -> bool| Panel {
            title: title.to_owned(),
            series: names
                .iter()
                .filter(|name| wanted(name))
                .map(|name| self.series(name))
                .collect(),
        };
        let losses = panel("loss", &|name| name == "loss" || name.ends_with(" loss"));
        let scores = panel("score", &|name| {
            name.ends_with("F1") || name.ends_with("accuracy")
        });
        LineChart {
            title: "Training".to_owned(),
            x_label: "steps".to_owned(),
            panels: [losses, scores]
                .into_iter()
                .filter(|panel| !panel.series.is_empty())
                .collect(),
            y_unit: Unit::Number,
            ..LineChart::default()
        }
        .to_svg()
    }

    fn series(&self, name: &str) -> Series {
        let entries: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.quantity == name)
            .collect();
        let points = entries
            .chunks(entries.len().div_ceil(POINTS).max(1))
            .map(|chunk| {
                let mean = |of: &dyn Fn(&Entry) -> f64| {
                    chunk.iter().map(|entry| of(entry)).sum::<f64>() / chunk.len() as f64
                };
                Point::exact(mean(&|entry| entry.at as f64), mean(&|entry| entry.value))
            })
            .collect();
        Series {
            name: name.to_owned(),
            points,
        }
    }
}

impl Observer for Recorder<'_> {
    fn step(&mut self, report: &StepReport) {
        self.enter(&report.phase);
        self.last_step = report.step;
        let (step, epoch) = (report.step, report.epoch);
        self.add(step, epoch, "loss", f64::from(report.loss));
        self.add(step, epoch, "learning rate", report.learning_rate);
        for (name, value) in &report.parts {
            self.add(step, epoch, name, f64::from(*value));
        }
        if !report.replayed {
            self.tokens += report.tokens;
            self.seconds += report.seconds;
            self.waited += report.waited;
        }
        let mut detail = format!("loss {}", plain(f64::from(report.loss)));
        if !self.metric.is_empty() {
            let _infallible = write!(detail, ", {}", self.metric);
        }
        if self.began.elapsed().as_secs_f64() > 0.0 && self.seconds > 0.0 {
            let rate = (self.tokens as f64 / self.seconds) as u64;
            let _infallible = write!(detail, ", {} tokens/s", count(rate));
        }
        let progress = self.context.progress;
        progress.update(report.step, report.steps, "steps");
        progress.detail(&detail);
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        self.enter(&evaluation.phase);
        let (step, epoch) = (evaluation.step, evaluation.epoch);
        for (name, value) in &evaluation.metrics {
            self.add(step, epoch, &format!("valid {}", spoken(name)), *value);
        }
        let chosen = evaluation
            .metric("micro_f1")
            .map(|value| ("micro F1", value))
            .or_else(|| evaluation.metric("loss").map(|value| ("valid loss", value)));
        if let Some((name, value)) = chosen {
            self.metric = format!("{name} {}", plain(value));
        }
    }

    fn warn(&mut self, message: &str) {
        self.context.note(message);
    }

    fn should_stop(&self) -> bool {
        self.context.is_cancelled()
    }
}

/// `micro_f1` as people say it.
fn spoken(name: &str) -> String {
    name.replace('_', " ").replace(" f1", " F1")
}

fn seconds_since_1970() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}
