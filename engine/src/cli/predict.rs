//! `engine predict`: labels for new rows, by a model that a pipeline trained.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use table::read::{Format, OnError};
use table::source::Source;
use tensor::{Device, DeviceChoice};

use super::named::{Named, Origin};
use super::terminal::say;
use super::workplace::CacheArguments;
use crate::pipeline::Override;
use crate::plan::Manifest;
use crate::report::number;
use crate::run::interrupt;
use crate::steps::predict::{Labeller, Rule};
use crate::steps::transformer::encoder::{Encoder, EncoderOptions};
use crate::steps::transformer::inference::InferencePrecision;
use crate::steps::{PortType, StepError};
use crate::tagging::{Account, Input, Output, Reading, TagError, Tagger, TextFields, read_rule};

/// Tags rows with a model that a pipeline trained: every row as it came, with `labels` and `scores`.
///
/// Rows come from a file, from `github://OWNER/REPO/issues`, or from the standard input, a JSON object a line; results leave as rows
/// arrive. A field of a row that is called `labels` or `scores` is kept as `given_labels` or `given_scores`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Predict {
    /// The model: a folder that a `train` step wrote, or PIPELINE.toml:STEP, PIPELINE.toml:STEP[n=64,seed=0].PORT, as `engine show` names
    /// outputs.
    model: String,
    /// The rows: JSONL, CSV, TSV, Parquet or text, compressed or not, a pattern, or an address as `load` takes it; `-` or nothing for
    /// the standard input. GITHUB_TOKEN, where it is set, is sent to GitHub.
    file: Option<String>,
    /// The layout: jsonl, csv, tsv, parquet, text, github-issues or jira-issues. Default: what names and content tell; jsonl for the
    /// standard input.
    #[arg(long, value_name = "FORMAT", value_parser = parsed::<Format>)]
    format: Option<Format>,
    /// The fields that make up the text, a blank line between them. Default: text; else title and body.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    text: Vec<String>,
    /// Predicts every label whose score is above it: a number; or what `evaluate` chose, as its metrics in a JSON file or as
    /// PIPELINE.toml:STEP.metrics; or a JSON file of a number for each label. Default: 0.5, or what training found.
    #[arg(long, value_name = "NUMBER|FILE", conflicts_with = "top_k")]
    threshold: Option<String>,
    /// Predicts so many labels for each row, those with the highest scores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Writes a file instead, .jsonl, .csv, .tsv or .parquet; it is there once all rows are in it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What becomes of a row that cannot be read: `fail` stops with its line, `skip` leaves it out and says so in the end.
    #[arg(long, value_name = "WHAT", default_value = "fail", value_parser = parsed::<OnError>)]
    on_error: OnError,
    /// What a transformer is computed on: `auto`, `cpu`, `gpu` or `gpu:N`.
    #[arg(long, value_name = "DEVICE", env = "ENGINE_DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// What a transformer computes in: `f32`, `half`, or `auto` for half precision where the processor is fast at it. Default: f32.
    #[arg(long, value_name = "PRECISION", value_parser = parsed::<InferencePrecision>)]
    precision: Option<InferencePrecision>,
    /// For a neighbour look-up, the model that its training rows were embedded with. Default: that of the pipeline, where MODEL is a
    /// step of one.
    #[arg(long, value_name = "MODEL")]
    encoder: Option<String>,
    /// Sets a variable of the pipelines that are named: vars.NAME=VALUE, or pipeline.seed=N. May be given several times.
    #[arg(long = "set", value_name = "vars.NAME=VALUE")]
    overrides: Vec<Override>,
    #[command(flatten)]
    cache: CacheArguments,
}

const EXAMPLES: &str = "\
Examples:
  engine predict 'pipelines/issues_baselines.toml:logistic[n=64,seed=0]' new.jsonl
  engine predict model/ github://OWNER/REPO/issues --top-k 2 --output tagged.csv
  tail -f issues.jsonl | engine predict model/ --threshold 0.3 | jq -c '[.number, .labels]'";

/// A value that is written in files as text.
fn parsed<T: DeserializeOwned>(written: &str) -> Result<T, String> {
    serde_json::from_value(Json::String(written.to_owned())).map_err(|error| error.to_string())
}

impl Predict {
    /// Reads the model, tags the rows.
    pub fn execute(self) -> Result<ExitCode> {
        let cancelled = interrupt::flag()
            .into_diagnostic()
            .wrap_err("listening to signals")?;
        let input = self.input()?;
        let tagger = self.tagger()?;
        let reading = Reading {
            format: self.format,
            text: TextFields::new(self.text.clone()),
            on_error: self.on_error,
        };
        let mut output = match &self.output {
            None => Output::stdout(),
            Some(path) => Output::file(path).map_err(report)?,
        };
        let tagged = input.tag(&tagger, &reading, &mut output, &cancelled);
        let tagged = tagged.and_then(|account| output.finish().map(|()| account));
        match tagged {
            Ok(account) => {
                self.say_account(&account);
                Ok(ExitCode::SUCCESS)
            }
            Err(TagError::ReaderGone) => Ok(ExitCode::SUCCESS),
            Err(TagError::Failed(StepError::Cancelled)) => {
                say("interrupted\n");
                Ok(ExitCode::from(interrupt::EXIT_CODE as u8))
            }
            Err(TagError::BadRow(bad)) => Err(miette!(
                help = "mend the row, or read on without such rows: --on-error skip",
                "{bad}"
            )),
            Err(TagError::Failed(error)) => Err(report(error)),
        }
    }

    fn input(&self) -> Result<Input> {
        let Some(written) = self.file.as_deref().filter(|written| *written != "-") else {
            return Ok(Input::Stdin);
        };
        let source = Source::parse(written).into_diagnostic()?;
        if let Source::Local { pattern } = &source
            && !Path::new(pattern).exists()
            && !pattern.contains(['*', '?', '['])
        {
            return Err(miette!(
                help = "name a file, a pattern such as 'issues/*.jsonl', an address, or nothing for the standard input",
                "there is no file {pattern}"
            ));
        }
        Ok(Input::Source(source))
    }

    fn tagger(&self) -> Result<Tagger> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let device = || -> Result<Device, StepError> { Ok(Device::open(self.device, threads)?) };
        let named = self.named(&self.model, PortType::Model)?;
        if !named.path.join("config.json").is_file() {
            return Err(miette!(
                help = "name a folder that a `train` step wrote (engine show FILE STEP.model --export FOLDER), or PIPELINE.toml:STEP",
                "{} is no folder of a model: it has no config.json",
                named.path.display()
            ));
        }
        let rule = self.rule()?;
        let model = Labeller::open(&named.path, self.precision.unwrap_or_default(), device)
            .map_err(report)?;
        let encoder = match &model {
            Labeller::Neighbours(_) => Some(self.encoder(named.origin.as_ref())?),
            _ => None,
        };
        let encoder = encoder
            .map(|(folder, options)| Encoder::open(&folder, &options, &device()?))
            .transpose()
            .map_err(report)?;
        Tagger::new(model, encoder, rule, threads).map_err(report)
    }

    fn named(&self, written: &str, wanted: PortType) -> Result<Named> {
        Named::find(written, wanted, &self.overrides, &self.cache)
    }

    fn rule(&self) -> Result<Rule> {
        if let Some(k) = self.top_k {
            return Ok(Rule::TopK(k as usize));
        }
        let Some(written) = &self.threshold else {
            return Ok(Rule::OfModel);
        };
        match written.parse::<f64>() {
            Ok(number) if (0.0..=1.0).contains(&number) => Ok(Rule::Threshold(number)),
            Ok(number) => Err(miette!(
                help = "scores lie between 0 and 1",
                "the threshold {number} lies outside of what scores can be"
            )),
            Err(_) => {
                let named = self.named(written, PortType::Metrics)?;
                read_rule(&named.path).map_err(report)
            }
        }
    }

    /// The encoder of a neighbour look-up, and how it makes vectors of texts.
    fn encoder(&self, origin: Option<&Origin>) -> Result<(PathBuf, EncoderOptions)> {
        let help = "name the model that the training rows were embedded with: --encoder FOLDER, or --encoder PIPELINE.toml:STEP";
        let (folder, mut options) = match (&self.encoder, origin) {
            (Some(written), _) => {
                let named = self.named(written, PortType::Model)?;
                (named.path, EncoderOptions::default())
            }
            (None, None) => {
                return Err(miette!(
                    help = help,
                    "a neighbour look-up compares vectors, and its folder does not say what makes them"
                ));
            }
            (None, Some(origin)) => embedding(origin)?.ok_or_else(|| {
                miette!(
                    help = help,
                    "it cannot be told from the pipeline which single `embed` step made the vectors of the training rows"
                )
            })?,
        };
        if let Some(precision) = self.precision {
            options.precision = precision;
        }
        Ok((folder, options))
    }

    fn say_account(&self, account: &Account) {
        let count = |rows: u64| match rows {
            1 => "1 row".to_owned(),
            rows => format!("{} rows", number::count(rows)),
        };
        if account.bad_rows > 0 {
            let shown = account.first_bad.iter().map(|bad| format!("  {bad}\n"));
            say(&format!(
                "{} could not be read and were left out, the first of them:\n{}",
                count(account.bad_rows),
                shown.collect::<String>()
            ));
        }
        if let Some(path) = &self.output {
            say(&format!("{} in {}\n", count(account.rows), path.display()));
        } else if account.rows == 0 {
            say("there were no rows\n");
        }
    }
}

/// The model of the one `embed` step behind the rows that a step was trained on, and that step's parameters.
fn embedding(origin: &Origin) -> Result<Option<(PathBuf, EncoderOptions)>> {
    let instances = &origin.pipeline.instances;
    let mut found: Vec<usize> = Vec::new();
    let mut seen = vec![false; instances.len()];
    let mut open: Vec<usize> = instances[origin.index]
        .links
        .iter()
        .filter(|link| link.port == "train")
        .map(|link| link.producer)
        .collect();
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        match instances[index].kind.op {
            "embed" => found.push(index),
            _ => open.extend(instances[index].links.iter().map(|link| link.producer)),
        }
    }
    let &[embed] = found.as_slice() else {
        return Ok(None);
    };
    let Some(link) = instances[embed]
        .links
        .iter()
        .find(|link| link.port == "model")
    else {
        return Ok(None);
    };
    let Some(model) = origin.output(link.producer, &link.output)? else {
        return Ok(None);
    };
    let action = origin.plan.instances[embed].action();
    let manifest = action.and_then(|action| Manifest::from_text(&action.manifest));
    let options = manifest.and_then(|manifest| serde_json::from_value(manifest.parameters).ok());
    Ok(options.map(|options| (model, options)))
}

/// A step's failure as the command line shows it.
fn report(error: StepError) -> miette::Report {
    match error {
        StepError::Failed {
            message,
            help: Some(help),
            ..
        } => miette!(help = help, "{message}"),
        other => miette!("{other}"),
    }
}
