//! `method = "mlm"`: domain adaptation, or training from scratch, as a masked language model.

use methods::{Masking, Mlm as Options, Session, mlm};
use nn::bert::Pretrained;
use nn::{EncoderConfig, MaskedLm, ModelConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::RandomKey;

use super::super::joined::Joined;
use super::super::transformer::folder::carry_tokenizer;
use super::super::transformer::recorder::{self, Recorder};
use super::super::transformer::tokens::Tokens;
use super::super::transformer::tuning::Tuning;
use super::super::words::rows;
use super::super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};

/// Trains a transformer to find hidden words (Devlin et al. 2019, section 3.1), on texts that need no labels: adapts a pretrained
/// model to the texts of a domain (Gururangan et al. 2020), or trains a new one from scratch.
///
/// Other words are hidden each time that a text is read. Special tokens never are. On the rows of the port `valid` the same words are
/// hidden each time, and the perplexity is exp(loss) there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mlm {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// The share of words that are to be found.
    #[serde(default = "share")]
    #[schemars(range(min = 0, max = 1))]
    mask_probability: f64,
    /// The share of these that are replaced by the mask token.
    #[serde(default = "most")]
    #[schemars(range(min = 0, max = 1))]
    masked: f64,
    /// The share of these that are replaced by any token; the rest stay as they are.
    #[serde(default = "few")]
    #[schemars(range(min = 0, max = 1))]
    replaced: f64,
}

fn text_column() -> String {
    "text".to_owned()
}

fn share() -> f64 {
    0.15
}

fn most() -> f64 {
    0.8
}

fn few() -> f64 {
    0.1
}

impl StepKind for Joined<Tuning, Mlm> {
    const OP: &'static str = "train";
    const METHOD: Option<&'static str> = Some("mlm");
    const VERSION: u32 = 1;
}

impl Step for Joined<Tuning, Mlm> {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("train", PortType::Table),
            InputPort::one("model", PortType::Model),
            InputPort::optional("valid", PortType::Table),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let mut outputs = vec![OutputPort::new("model", PortType::Model)];
        outputs.extend(recorder::outputs());
        outputs
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "train", &self.own.text, ColumnType::Text);
        self.shared.check(check);
    }

    fn seeded(&self) -> bool {
        true
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let source = context.path("model")?;
        let config = EncoderConfig::from_file(source.join("config.json"))?;
        let tokens = Tokens::open(source, self.shared.max_length())?.within(config.max_tokens());
        let training = tokens.of_port(context, "train", &self.own.text)?;
        let validation = match context.optional_path("valid") {
            Some(_) => tokens.of_port(context, "valid", &self.own.text)?,
            None => Vec::new(),
        };
        let device = context.open_device()?;
        let key = RandomKey::new(context.seed);
        let (network, _) = MaskedLm::from_folder(source, key, &device)?;
        let options = Options {
            optimisation: self.shared.optimisation(),
            masking: Masking {
                probability: self.own.mask_probability,
                masked: self.own.masked,
                replaced: self.own.replaced,
            },
            selection: self.shared.selection(),
        };
        let mut recorder = Recorder::new(context)?;
        let mut session = Session::new(context.seed, &mut recorder)
            .saved_in(context.resume_folder.join("training"));
        let (network, outcome) = mlm(
            network,
            &tokens.vocabulary()?,
            &training,
            &validation,
            &options,
            &mut session,
        )?;
        context.check()?;
        let folder = context.output_path("model");
        carry_tokenizer(source, &folder, tokens.max_length())?;
        network.save(&folder)?;
        context.note(rows(training.len()));
        if let Some(last) = outcome.evaluations.last()
            && let Some(perplexity) = last.metric("perplexity")
        {
            context.note(format!("perplexity {perplexity:.1} on `valid`"));
        }
        recorder.finish()
    }
}
