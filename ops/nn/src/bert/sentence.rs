//! [`SentenceEncoder`]: texts as vectors that can be compared (Reimers & Gurevych 2019).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tensor::{DType, Device, RandomKey, Tensor};

use super::{Encoder, EncoderConfig, Pooling, normalize};
use crate::module::{Module, Names};
use crate::{Forward, Init, LoadReport, NnError, Packed, Parameter, Pretrained, Result, files};

/// One vector a text from its last hidden states: their mean, brought to length 1, unless it is told otherwise or the folder of
/// `sentence-transformers` says otherwise. Its tensors are those of an [`Encoder`].
#[derive(Clone, Debug)]
pub struct SentenceEncoder {
    encoder: Encoder,
    pooling: Pooling,
    normalizes: bool,
}

impl Module for SentenceEncoder {
    fn visit<'a>(&'a self, path: &str, visit: &mut dyn FnMut(Names, &'a Parameter)) {
        self.encoder.visit(path, visit);
    }

    fn visit_mut<'a>(&'a mut self, path: &str, visit: &mut dyn FnMut(Names, &'a mut Parameter)) {
        self.encoder.visit_mut(path, visit);
    }
}

impl SentenceEncoder {
    /// One vector a text, `[texts, hidden]`, in f32.
    ///
    /// # Errors
    /// As [`Encoder::forward`]; [`tensor::TensorError::Shape`] for a text without tokens.
    pub fn forward(&self, texts: &Packed, forward: Forward) -> Result<Tensor> {
        let hidden = self.encoder.forward(texts, forward)?.cast(DType::F32)?;
        let pooled = self.pooling.forward(&hidden, texts.offsets())?;
        Ok(match self.normalizes {
            true => normalize(&pooled)?,
            false => pooled,
        })
    }

    /// The same encoder with another pooling, and with vectors brought to length 1 or left as they are.
    #[must_use]
    pub fn with_pooling(self, pooling: Pooling, normalizes: bool) -> Self {
        Self {
            pooling,
            normalizes,
            ..self
        }
    }

    /// How a text's vector comes from its tokens'.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Whether vectors have length 1.
    pub fn normalizes(&self) -> bool {
        self.normalizes
    }

    /// The model below.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The same under its older name.
    pub fn bert(&self) -> &Encoder {
        &self.encoder
    }
}

impl Pretrained for SentenceEncoder {
    type Config = EncoderConfig;

    fn architecture(config: &EncoderConfig) -> &'static str {
        Encoder::architecture(config)
    }

    fn new(config: &EncoderConfig, init: &Init<'_>) -> Result<Self> {
        Ok(Self {
            encoder: Encoder::without_pooler(config, init)?,
            pooling: Pooling::Mean,
            normalizes: true,
        })
    }

    fn config(&self) -> &EncoderConfig {
        self.encoder.config()
    }

    fn from_folder(
        folder: impl AsRef<Path>,
        key: RandomKey,
        device: &Device,
    ) -> Result<(Self, LoadReport)> {
        let folder = folder.as_ref();
        let config = EncoderConfig::read(folder.join("config.json"))?;
        let (model, report) = Self::from_folder_with(folder, &config, key, device)?;
        Ok(match read_modules(folder)? {
            Some((pooling, normalizes)) => (model.with_pooling(pooling, normalizes), report),
            None => (model, report),
        })
    }

    fn save_others(&self, folder: &Path) -> Result<()> {
        write_modules(self, folder)
    }
}

const MODULES: &str = "modules.json";

/// The parts that modules.json of `sentence-transformers` may name, and what a pooling's config.json calls those known here.
const POOLINGS: [(Pooling, &str, &str); 3] = [
    (Pooling::Mean, "pooling_mode_mean_tokens", "mean"),
    (Pooling::Cls, "pooling_mode_cls_token", "cls"),
    (Pooling::Last, "pooling_mode_lasttoken", "lasttoken"),
];

/// What a folder says about pooling, and whether it normalises.
fn read_modules(folder: &Path) -> Result<Option<(Pooling, bool)>> {
    let path = folder.join(MODULES);
    if !path.is_file() {
        return Ok(None);
    }
    let modules: Vec<Value> = files::read_json(&path)?;
    let text = |module: &Value, key: &str| module[key].as_str().unwrap_or_default().to_owned();
    let (mut pooling, mut normalizes) = (Pooling::Mean, false);
    for module in &modules {
        let kind = text(module, "type");
        match kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" => {}
            "Normalize" => normalizes = true,
            "Pooling" => {
                let config = folder.join(text(module, "path")).join("config.json");
                pooling = read_pooling(&config)?;
            }
            _ => {
                return Err(NnError::file(
                    &path,
                    format!(
                        "has the module `{kind}`; only Transformer, Pooling and Normalize are known here"
                    ),
                ));
            }
        }
    }
    Ok(Some((pooling, normalizes)))
}

fn read_pooling(path: &Path) -> Result<Pooling> {
    let config: Value = files::read_json(path)?;
    let by_name = POOLINGS
        .iter()
        .find(|(_, _, name)| config["pooling_mode"] == *name);
    let chosen: Vec<&str> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
        .map(|(key, _)| key.as_str())
        .collect();
    let by_flag = match chosen[..] {
        [only] => POOLINGS.iter().find(|(_, flag, _)| *flag == only),
        _ => None,
    };
    by_name
        .or(by_flag)
        .map(|(pooling, ..)| *pooling)
        .ok_or_else(|| {
            NnError::file(
                path,
                "must choose one pooling of mean, first or last token: only these are known here",
            )
        })
}

fn write_modules(model: &SentenceEncoder, folder: &Path) -> Result<()> {
    let module = |place: usize, path: &str, kind: &str| {
        json!({
            "idx": place,
            "name": place.to_string(),
            "path": path,
            "type": format!("sentence_transformers.models.{kind}"),
        })
    };
    let mut modules = vec![
        module(0, "", "Transformer"),
        module(1, "1_Pooling", "Pooling"),
    ];
    if model.normalizes {
        modules.push(module(2, "2_Normalize", "Normalize"));
        let path = folder.join("2_Normalize");
        fs::create_dir_all(&path).map_err(NnError::io(&path, "creating the folder"))?;
    }
    let pooling = folder.join("1_Pooling");
    fs::create_dir_all(&pooling).map_err(NnError::io(&pooling, "creating the folder"))?;
    let mut config = json!({ "word_embedding_dimension": model.encoder.hidden_size() });
    for (kind, flag, _) in POOLINGS {
        config[flag] = json!(kind == model.pooling);
    }
    files::write_json(&pooling.join("config.json"), &config)?;
    files::write_json(&folder.join(MODULES), &modules)
}
