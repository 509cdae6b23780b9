//! What methods share that train a transformer on texts without labels.

use methods::Session;
use nn::bert::Pretrained;
use nn::{EncoderConfig, ModelConfig};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tensor::RandomKey;

use super::super::joined::Joined;
use super::super::transformer::folder::carry_tokenizer;
use super::super::transformer::recorder::{self, Recorder};
use super::super::transformer::tokens::Tokens;
use super::super::transformer::tuning::Tuning;
use super::super::words::rows;
use super::super::{
    Check, Context, InputPort, OutputPort, PortType, Resources, Step, StepError, StepKind,
};

/// A way to learn from texts without labels: of the port `train`, judged on the port `valid`.
pub trait OnTexts: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The value of `method`.
    const NAME: &'static str;
    /// Raised whenever the same parameters and inputs give another model than before.
    const VERSION: u32;
    /// What learns.
    type Network: Pretrained<Config = EncoderConfig>;

    /// Ports beside `train`, `model` and `valid`.
    fn inputs() -> Vec<InputPort> {
        Vec::new()
    }

    /// Checks its parameters and inputs.
    fn check(&self, check: &mut Check);

    /// Trains the network.
    fn learn(
        &self,
        network: Self::Network,
        lesson: &Lesson<'_>,
        session: &mut Session<'_>,
    ) -> Result<Learned<Self::Network>, StepError>;
}

/// What a method learns from, and how long and how fast.
pub struct Lesson<'a> {
    /// The step's context, with the texts at its ports.
    pub context: &'a Context<'a>,
    /// The tokenizer.
    pub tokens: Tokens,
    /// How long and how fast.
    pub tuning: &'a Tuning,
}

/// What a method has learned.
pub struct Learned<N> {
    /// The trained network.
    pub network: N,
    /// How many rows it learned from.
    pub rows: usize,
    /// What it is worth on the port `valid`, for a note.
    pub worth: Option<String>,
}

impl<M: OnTexts> StepKind for Joined<Tuning, M> {
    const OP: &'static str = "train";
    const METHOD: Option<&'static str> = Some(M::NAME);
    const VERSION: u32 = M::VERSION;
}

impl<M: OnTexts> Step for Joined<Tuning, M> {
    fn inputs(&self) -> Vec<InputPort> {
        let mut inputs = vec![
            InputPort::one("train", PortType::Table),
            InputPort::one("model", PortType::Model),
            InputPort::optional("valid", PortType::Table),
        ];
        inputs.extend(M::inputs());
        inputs
    }

    fn outputs(&self) -> Vec<OutputPort> {
        let mut outputs = vec![OutputPort::new("model", PortType::Model)];
        outputs.extend(recorder::outputs());
        outputs
    }

    fn check(&self, check: &mut Check) {
        self.own.check(check);
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
        let lesson = Lesson {
            context,
            tokens,
            tuning: &self.shared,
        };
        let device = context.open_device()?;
        let key = RandomKey::new(context.seed);
        let (network, _) = M::Network::from_folder(source, key, &device)?;
        let mut recorder = Recorder::new(context)?;
        let mut session = Session::new(context.seed, &mut recorder)
            .saved_in(context.resume_folder.join("training"));
        let learned = self.own.learn(network, &lesson, &mut session)?;
        context.check()?;
        let folder = context.output_path("model");
        carry_tokenizer(source, &folder, lesson.tokens.max_length())?;
        learned.network.save(&folder)?;
        context.note(rows(learned.rows));
        if let Some(worth) = learned.worth {
            context.note(format!("{worth} on `valid`"));
        }
        recorder.finish()
    }
}
