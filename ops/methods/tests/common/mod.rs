//! What tests of methods share: a tiny model, texts whose labels can be learned, and who watches.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;

use methods::{Evaluation, Observer, StepReport, Targets, Text, Vocabulary, with_labels};
use nn::bert::{BertConfig, BertForMaskedLm, BertForSequenceClassification, Pretrained};
use nn::{Init, Module, named_tensors};
use serde_json::Value;
use tensor::{Device, RandomKey};

pub const WORDS: usize = 40;

/// The native device: one thread, since threads that wait for each other gain nothing on models as small as these.
pub fn native() -> Device {
    Device::cpu_with_threads(1)
}

/// The native device, and an adapter where there is one.
pub fn devices() -> Vec<Device> {
    let gpu = match Device::gpu(None) {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var_os("ENGINE_REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("ENGINE_REQUIRE_GPU is set, but: {error}")
        }
        Err(_) => None,
    };
    std::iter::once(native()).chain(gpu).collect()
}

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

pub fn expected() -> Value {
    let text = std::fs::read_to_string(fixtures().join("methods/expected.json")).expect("fixtures");
    serde_json::from_str(&text).expect("JSON")
}

pub fn floats(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers
        .map(|number| number.as_f64().expect("a number") as f32)
        .collect()
}

pub fn close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * expected.abs().max(1.0),
            "{what}: element {place} is {found}, not {expected}"
        );
    }
}

pub fn config(dropout: f32) -> BertConfig {
    BertConfig {
        vocab_size: WORDS,
        hidden_size: 32,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        intermediate_size: 64,
        max_position_embeddings: 16,
        hidden_dropout_prob: dropout,
        attention_probs_dropout_prob: dropout,
        initializer_range: 0.1,
        ..BertConfig::default()
    }
}

pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|label| format!("label{label}")).collect()
}

pub fn vocabulary() -> Vocabulary {
    Vocabulary {
        size: WORDS,
        mask: 3,
        pad: 0,
        special: vec![0, 1, 2, 3],
    }
}

fn build<M: Pretrained<Config = BertConfig>>(config: &BertConfig, device: &Device) -> M {
    let init = Init {
        deviation: config.initializer_range,
        key: RandomKey::new(17),
        device,
    };
    M::new(config, &init).expect("a model")
}

pub fn classifier(
    labels: usize,
    targets: &Targets,
    device: &Device,
) -> BertForSequenceClassification {
    let config = with_labels(&config(0.1), &names(labels), targets.problem());
    build(&config, device)
}

pub fn masked_lm(device: &Device) -> BertForMaskedLm {
    build(&config(0.0), device)
}

pub fn model<M: Pretrained<Config = BertConfig>>(device: &Device) -> M {
    build(&config(0.1), device)
}

pub fn text(words: &[u32]) -> Text {
    let ids: Vec<u32> = [1].iter().chain(words).chain(&[2]).copied().collect();
    let special = ids.iter().map(|id| *id < 4).collect();
    Text { ids, special }
}

/// A number below `count`.
pub fn draw(key: RandomKey, place: u64, count: u32) -> u32 {
    key.word(place) % count
}

/// Texts of 6 words of which one or two tell the label: words 4 to 6 label 0, 7 to 9 label 1, 10 to 12 label 2; the rest, 16 and
/// more, says nothing.
pub fn single(count: usize, seed: u64) -> (Vec<Text>, Targets) {
    let make = |row: u64| {
        let key = RandomKey::new(seed).fold(row);
        let label = row as u32 % 3;
        let mut words: Vec<u32> = (0..6).map(|place| 16 + draw(key, place, 6)).collect();
        for place in 0..2 {
            words[draw(key, 10 + place, 6) as usize] = 4 + 3 * label + draw(key, 20 + place, 3);
        }
        (text(&words), label)
    };
    let (texts, labels) = (0..count as u64).map(make).unzip();
    (texts, Targets::Single(labels))
}

/// The same with any of three labels.
pub fn multi(count: usize, seed: u64) -> (Vec<Text>, Targets) {
    let make = |row: u64| {
        let key = RandomKey::new(seed).fold(row);
        let mut words: Vec<u32> = (0..6).map(|place| 16 + draw(key, place, 6)).collect();
        let has: Vec<bool> = (0..3).map(|label| draw(key, 30 + label, 2) == 1).collect();
        for (label, _) in has.iter().enumerate().filter(|(_, has)| **has) {
            let word = 4 + 3 * label as u32 + draw(key, 20 + label as u64, 3);
            words[2 * label + draw(key, 40 + label as u64, 2) as usize] = word;
        }
        (text(&words), has)
    };
    let (texts, labels) = (0..count as u64).map(make).unzip();
    (texts, Targets::Multi(labels))
}

/// The same text with the first word of a label in place of its others.
pub fn first_words(text: &Text) -> Text {
    let first = |id: &u32| match *id {
        4..16 => *id - (*id - 4) % 3,
        id => id,
    };
    Text {
        ids: text.ids.iter().map(first).collect(),
        special: text.special.clone(),
    }
}

/// Versions of a text in which words that say nothing are others, and words of a label others of the same.
pub fn augment(text: &Text, versions: u64) -> Vec<Text> {
    let other = |version: u64| {
        let key = RandomKey::new(99)
            .fold(version)
            .fold(u64::from(text.ids[1]));
        let mut made = text.clone();
        for (place, id) in made.ids.iter_mut().enumerate().filter(|(_, id)| **id > 3) {
            let random = draw(key, place as u64, 6);
            *id = match *id {
                16.. => 16 + random,
                word => word - (word - 4) % 3 + random % 3,
            };
        }
        made
    };
    (0..versions).map(other).collect()
}

/// All bits of a model.
pub fn bits<M: Module>(model: &M) -> Vec<Vec<u8>> {
    let tensors = named_tensors(model).expect("tensors").into_iter();
    tensors
        .map(|(_, tensor)| tensor.bytes().expect("bytes"))
        .collect()
}

/// Notes everything, and stops after a step.
#[derive(Default)]
pub struct Notes {
    pub steps: Vec<StepReport>,
    pub evaluations: Vec<Evaluation>,
    pub warnings: Vec<String>,
    pub stop_after: Option<usize>,
}

impl Notes {
    pub fn stopping_after(steps: usize) -> Self {
        Self {
            stop_after: Some(steps),
            ..Self::default()
        }
    }

    pub fn losses(&self) -> Vec<f32> {
        self.steps.iter().map(|report| report.loss).collect()
    }
}

impl Observer for Notes {
    fn step(&mut self, report: &StepReport) {
        self.steps.push(report.clone());
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        self.evaluations.push(evaluation.clone());
    }

    fn warn(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
    }

    fn should_stop(&self) -> bool {
        self.stop_after == Some(self.steps.len())
    }
}

/// Runs a training to its end, and again with an interruption and a new start after each of `stops` steps: what both give.
pub fn straight_and_resumed<T>(
    stops: &[usize],
    train: impl Fn(&mut methods::Session<'_>) -> methods::Result<T>,
) -> [(T, Notes); 2] {
    let mut notes = Notes::default();
    let straight = train(&mut methods::Session::new(7, &mut notes)).expect("a training");
    let folder = tempfile::tempdir().expect("a folder");
    for &stop in stops {
        let mut notes = Notes::stopping_after(stop);
        let mut session = methods::Session::new(7, &mut notes).saved_in(folder.path());
        match train(&mut session) {
            Err(methods::MethodError::Interrupted { saved: true, .. }) => {}
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was not interrupted after {stop} steps"),
        }
    }
    let mut again = Notes::default();
    let mut session = methods::Session::new(7, &mut again).saved_in(folder.path());
    let resumed = train(&mut session).expect("a training");
    [(straight, notes), (resumed, again)]
}
