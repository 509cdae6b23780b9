//! [`Family`]: models that compute alike, and what their files call the parts.

/// Encoders that compute as BERT does. What tells them apart: the names in their files, where positions begin to be counted,
/// whether tokens have types, and what their heads hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Devlin et al. 2019.
    Bert,
    /// Sanh et al. 2019: without types of tokens, and without a pooler.
    DistilBert,
    /// Liu et al. 2019: positions are counted from behind the padding token's number.
    Roberta,
}

/// What config.json of DistilBERT calls a number, and what the others call it.
const DISTILBERT_KEYS: [(&str, &str); 8] = [
    ("dim", "hidden_size"),
    ("n_layers", "num_hidden_layers"),
    ("n_heads", "num_attention_heads"),
    ("hidden_dim", "intermediate_size"),
    ("activation", "hidden_act"),
    ("dropout", "hidden_dropout_prob"),
    ("attention_dropout", "attention_probs_dropout_prob"),
    ("seq_classif_dropout", "classifier_dropout"),
];

/// What BERT calls a part, and what DistilBERT calls it; the longer names first.
const DISTILBERT_PARTS: [(&str, &str); 9] = [
    ("encoder.layer.", "transformer.layer."),
    (".attention.self.query.", ".attention.q_lin."),
    (".attention.self.key.", ".attention.k_lin."),
    (".attention.self.value.", ".attention.v_lin."),
    (".attention.output.dense.", ".attention.out_lin."),
    (".attention.output.LayerNorm.", ".sa_layer_norm."),
    (".intermediate.dense.", ".ffn.lin1."),
    (".output.dense.", ".ffn.lin2."),
    (".output.LayerNorm.", ".output_layer_norm."),
];

impl Family {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Bert, Self::DistilBert, Self::Roberta];

    /// The family of a `model_type` in config.json.
    pub fn of(model_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|family| family.model_type() == model_type)
    }

    /// Its `model_type` in config.json, with which the names of its tensors may begin.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "BERT",
            Self::DistilBert => "DistilBERT",
            Self::Roberta => "RoBERTa",
        }
    }

    /// What config.json calls a number, where that is not BERT's name for it, and BERT's name.
    pub(super) fn config_keys(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::DistilBert => &DISTILBERT_KEYS,
            Self::Bert | Self::Roberta => &[],
        }
    }

    /// The name of a tensor that BERT calls `name`.
    pub(super) fn rename(self, name: String) -> String {
        match self {
            Self::Bert | Self::Roberta => name,
            Self::DistilBert => DISTILBERT_PARTS
                .iter()
                .fold(name, |name, (part, called)| name.replacen(part, called, 1)),
        }
    }

    /// Of a classifier: the map before its last one, where BERT has its pooler, and the last one.
    pub(super) fn classifier_parts(self) -> [&'static str; 2] {
        match self {
            Self::Bert => ["bert.pooler.dense", "classifier"],
            Self::DistilBert => ["pre_classifier", "classifier"],
            Self::Roberta => ["classifier.dense", "classifier.out_proj"],
        }
    }

    /// Of the head for masked words: its map, its normalisation, and the bias of the scores.
    pub(super) fn masked_lm_parts(self) -> [&'static str; 3] {
        match self {
            Self::Bert => [
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                "cls.predictions.bias",
            ],
            Self::DistilBert => [
                "vocab_transform",
                "vocab_layer_norm",
                "vocab_projector.bias",
            ],
            Self::Roberta => ["lm_head.dense", "lm_head.layer_norm", "lm_head.bias"],
        }
    }
}
