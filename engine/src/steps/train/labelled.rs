//! Trainings of a transformer on labelled rows: what feeds them, and the folder that comes of them.

use std::path::{Path, PathBuf};

use methods::{Labelled, MethodError, Outcome, Problem, Session, Targets, Text, with_labels};
use nn::bert::Pretrained;
use nn::{EncoderConfig, ModelConfig, Pooling, SequenceClassifier};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tensor::{Device, RandomKey};
use text::{LabelSets, Task};

use super::super::model_card::{TRAINING, Training};
use super::super::rows::Judged;
use super::super::transformer::folder::carry_tokenizer;
use super::super::transformer::recorder::{self, Recorder};
use super::super::transformer::tokens::Tokens;
use super::super::transformer::tuning::Tuning;
use super::super::words::{number, rows};
use super::super::{Check, Context, InputPort, OutputPort, PortType, Resources, StepError};
use super::examples::Examples;
use super::{Method, Tuned};

/// Stream of the seed that a new head is drawn from.
const HEAD: u64 = 0x6865_6164;

/// A method that trains a transformer on labelled rows.
pub trait OnLabelled: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The value of `method`.
    const NAME: &'static str;
    /// Raised whenever the same parameters and inputs give another model than before.
    const VERSION: u32;

    /// What feeds it beside the ports `train`, `model` and `valid`.
    fn more_inputs(&self) -> Vec<InputPort> {
        Vec::new()
    }

    /// Checks its own parameters and inputs.
    fn check(&self, _check: &mut Check) {}

    /// Trains and writes all outputs.
    fn train(&self, setup: &Setup, tuning: &Tuning, context: &Context<'_>)
    -> Result<(), StepError>;
}

impl<M: OnLabelled> Method for Tuned<M> {
    const NAME: &'static str = M::NAME;
    const VERSION: u32 = M::VERSION;

    fn inputs(&self) -> Vec<InputPort> {
        let mut inputs = vec![
            InputPort::one("model", PortType::Model),
            InputPort::optional("valid", PortType::Table),
        ];
        inputs.extend(self.own.more_inputs());
        inputs
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let mut outputs = vec![OutputPort::new("model", PortType::Model)];
        outputs.extend(recorder::outputs());
        outputs
    }

    fn check(&self, check: &mut Check) {
        self.shared.check(check);
        self.own.check(check);
    }

    fn seeded(&self) -> bool {
        true
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn train(&self, examples: &Examples, context: &Context<'_>) -> Result<(), StepError> {
        let setup = Setup::read(M::NAME, examples, &self.shared, context)?;
        self.own.train(&setup, &self.shared, context)
    }
}

/// Everything that such a training begins with.
pub struct Setup {
    /// The folder of the model.
    pub source: PathBuf,
    /// Its tokenizer, which cuts texts to what the training and the model take.
    pub tokens: Tokens,
    /// The names of the labels, sorted.
    pub labels: Vec<String>,
    /// The configuration of a model with a head for these labels.
    pub config: EncoderConfig,
    /// Where it is computed.
    pub device: Device,
    /// The column of texts.
    text: String,
    training: (Vec<Text>, Targets),
    validation: Option<(Vec<Text>, Targets)>,
}

impl Setup {
    /// Reads the rows, the tokenizer and the model's configuration.
    pub fn read(
        method: &str,
        examples: &Examples,
        tuning: &Tuning,
        context: &Context<'_>,
    ) -> Result<Setup, StepError> {
        let source = context.path("model")?.to_owned();
        let config = EncoderConfig::from_file(source.join("config.json"))?;
        let tokens = Tokens::open(&source, tuning.max_length())?.within(config.max_tokens());
        let rows = examples.read(context)?;
        let labels = rows.labels.vocabulary().to_vec();
        let problem = match rows.task {
            Task::MultiLabel => Problem::Multi,
            Task::MultiClass => Problem::Single,
        };
        let labelled = (
            tokens.of_port(context, "train", examples.text())?,
            targets(&rows.labels, problem)?,
        );
        let validation = match context.optional_path("valid") {
            None => None,
            Some(_) => {
                let table = context.columns("valid", &[examples.labels()])?;
                let judged = Judged::read(&table, examples.labels(), labels.clone(), rows.task)?;
                if judged.outside > 0 {
                    context.note(format!(
                        "{} labels of `valid` that no training row has left out",
                        number(judged.outside)
                    ));
                }
                let texts = tokens.of_port(context, "valid", examples.text())?;
                let texts = judged.rows.iter().map(|&row| texts[row].clone()).collect();
                Some((texts, targets(&judged.labels, problem)?))
            }
        };
        let mut config = with_labels(&config, &labels, problem);
        let training = Training {
            method: method.to_owned(),
            rows: labelled.0.len(),
        };
        let training = serde_json::to_value(training)
            .map_err(|error| StepError::new(format!("describing the training: {error}")))?;
        config.other.insert(TRAINING.to_owned(), training);
        Ok(Setup {
            config,
            device: context.open_device()?,
            source,
            tokens,
            labels,
            text: examples.text().to_owned(),
            training: labelled,
            validation,
        })
    }

    /// The texts of another port.
    pub fn rows(&self, context: &Context<'_>, port: &str) -> Result<Vec<Text>, StepError> {
        self.tokens.of_port(context, port, &self.text)
    }

    /// The rows to learn from.
    pub fn training(&self) -> Labelled<'_> {
        Labelled {
            texts: &self.training.0,
            targets: &self.training.1,
        }
    }

    /// The rows to choose on.
    pub fn validation(&self) -> Option<Labelled<'_>> {
        self.validation
            .as_ref()
            .map(|(texts, targets)| Labelled { texts, targets })
    }

    /// The model with a new head for the labels, which reads this of a text; by default what `transformers` has it read.
    pub fn classifier(
        &self,
        context: &Context<'_>,
        pooling: Option<Pooling>,
    ) -> Result<SequenceClassifier, StepError> {
        let config = EncoderConfig {
            classifier_pooling: pooling,
            ..self.config.clone()
        };
        self.load_with(&config, context)
    }

    /// The model with the head of a kind of models; what the folder lacks is drawn from the seed.
    pub fn load<M: Pretrained<Config = EncoderConfig>>(
        &self,
        context: &Context<'_>,
    ) -> Result<M, StepError> {
        self.load_with(&self.config, context)
    }

    fn load_with<M: Pretrained<Config = EncoderConfig>>(
        &self,
        config: &EncoderConfig,
        context: &Context<'_>,
    ) -> Result<M, StepError> {
        let key = RandomKey::new(context.seed).fold(HEAD);
        let (network, _) = M::from_folder_with(&self.source, config, key, &self.device)?;
        Ok(network)
    }

    /// Runs a training of several parts, one outcome each, and writes all outputs.
    pub fn train<T>(
        &self,
        context: &Context<'_>,
        train: impl FnOnce(&mut Session<'_>) -> Result<(T, Vec<Outcome>), MethodError>,
        save: impl FnOnce(&T, &Path) -> Result<(), MethodError>,
    ) -> Result<(), StepError> {
        let mut recorder = Recorder::new(context)?;
        let mut session = Session::new(context.seed, &mut recorder)
            .saved_in(context.resume_folder.join("training"));
        let (trained, outcomes) = train(&mut session)?;
        context.check()?;
        let folder = context.output_path("model");
        carry_tokenizer(&self.source, &folder, self.tokens.max_length())?;
        save(&trained, &folder)?;
        context.note(format!(
            "{}, {} labels",
            rows(self.training.0.len()),
            number(self.labels.len())
        ));
        if let [outcome] = &outcomes[..]
            && let Some(best) = outcome.best
        {
            let early = if outcome.stopped_early {
                ", stopped early"
            } else {
                ""
            };
            let step = outcome.evaluations[best].step;
            context.note(format!("best after step {}{early}", number(step as usize)));
        }
        recorder.finish()
    }
}

/// Labels of rows as the methods take them.
pub fn targets(sets: &LabelSets, problem: Problem) -> Result<Targets, StepError> {
    Ok(match problem {
        Problem::Single => Targets::Single(sets.single("training a model of one label a row")?),
        Problem::Multi => Targets::Multi(
            sets.iter()
                .map(|row| {
                    let mut flags = vec![false; sets.labels()];
                    row.iter().for_each(|label| flags[*label as usize] = true);
                    flags
                })
                .collect(),
        ),
    })
}
