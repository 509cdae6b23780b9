//! `method = "back_translation"`.

use methods::batches_of_lengths;
use nn::generate::GenerateOptions;
use nn::seq2seq::{Seq2SeqConfig, Seq2SeqFamily, Seq2SeqLanguageModel};
use nn::{Forward, ModelConfig, Packed, Pretrained};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::near_miss;
use tensor::{Device, RandomKey};
use text::Workers;
use text::tokens::{Options as Lengths, Tokenizer, count_truncated};

use super::super::rows::texts;
use super::super::transformer::folder::require_trained;
use super::super::words::{first, number};
use super::super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind,
};
use super::made;

/// Makes new texts by translating texts to another language and back (Sennrich et al. 2016; Xie et al. 2019), by a model of the kind of
/// M2M100 and beam search.
///
/// The output `augmented` has `copies` rows for each row of the input, with its other columns, and the column `augmented_from` with
/// the number of that row. Copies are the best ones that the search found on the way back. A text that is empty, or of which nothing
/// is left, stays as it is. What else the model's generation_config.json says of writing, such as a penalty of lengths, holds as well.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackTranslation {
    /// The column of texts; a null is an empty text.
    #[serde(default = "text_column")]
    text: String,
    /// New texts for each text; `num_beams` at most.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    copies: usize,
    /// The language of the texts, as the model names it: `en`, or `eng_Latn` for NLLB.
    #[serde(default = "english")]
    from: String,
    /// The language that they are translated to and back from.
    #[serde(default = "german")]
    via: String,
    /// How many translations are followed at a time: 1 takes the likeliest token each time.
    #[serde(default = "five")]
    #[schemars(range(min = 1))]
    num_beams: usize,
    /// Tokens of a text and of a translation at most, special ones included, and never more than the model takes; longer texts are cut.
    #[serde(default = "two_hundred")]
    #[schemars(range(min = 4))]
    max_length: usize,
}

fn text_column() -> String {
    "text".to_owned()
}

fn one() -> usize {
    1
}

fn english() -> String {
    "en".to_owned()
}

fn german() -> String {
    "de".to_owned()
}

fn five() -> usize {
    5
}

fn two_hundred() -> usize {
    200
}

impl StepKind for BackTranslation {
    const OP: &'static str = "augment";
    const METHOD: Option<&'static str> = Some("back_translation");
    const VERSION: u32 = 1;
}

impl Step for BackTranslation {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("table", PortType::Table),
            InputPort::one("model", PortType::Model),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("augmented", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        check.require("text", "table", &self.text, ColumnType::Text);
        if self.from == self.via {
            check.problem(
                "via",
                "texts are not changed by a translation to their own language",
                Some("name another language, such as \"de\" or \"fr\"".to_owned()),
            );
        }
        if self.copies > self.num_beams {
            check.problem(
                "copies",
                format!(
                    "a search with {} beams finds no {} translations",
                    self.num_beams, self.copies
                ),
                Some(format!("set num_beams = {}, or ask for fewer", self.copies)),
            );
        }
        made::check(check);
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let translator = Translator::open(self, context)?;
        let table = context.table("table")?;
        let column = table.text_column(&self.text)?;
        let texts = texts(&column);
        let written: Vec<usize> = (0..texts.len())
            .filter(|&row| !texts[row].trim().is_empty())
            .collect();
        let chosen: Vec<&str> = written.iter().map(|&row| texts[row]).collect();
        let [from, via] = translator.languages;
        let there = translator.translate(&chosen, [from, via], 1, 0)?;
        let there: Vec<&str> = there
            .iter()
            .map(|ways| ways.first().map_or("", String::as_str))
            .collect();
        let back = translator.translate(&there, [via, from], self.copies, chosen.len())?;
        let original: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let mut versions = vec![original; self.copies];
        for (&row, ways) in written.iter().zip(&back) {
            for (copy, version) in versions.iter_mut().enumerate() {
                // A search that ended early may have found fewer.
                let way = ways.get(copy).or(ways.last());
                if let Some(way) = way.filter(|way| !way.is_empty()) {
                    version[row].clone_from(way);
                }
            }
        }
        made::write(context, &table, &self.text, versions)
    }
}

/// A model, its tokenizer, and two of its languages.
struct Translator<'a> {
    model: Seq2SeqLanguageModel,
    device: Device,
    tokenizer: Tokenizer,
    options: GenerateOptions,
    /// The token that ends what is read.
    end: u32,
    /// Tokens of a text at most.
    most: usize,
    /// The languages' tokens: that of the texts, and the other.
    languages: [u32; 2],
    context: &'a Context<'a>,
}

impl<'a> Translator<'a> {
    fn open(
        parameters: &BackTranslation,
        context: &'a Context<'a>,
    ) -> Result<Translator<'a>, StepError> {
        let folder = context.path("model")?;
        let advice =
            "take one that translates between many languages, such as facebook/m2m100_418M";
        let config = Seq2SeqConfig::from_file(folder.join("config.json"))
            .map_err(|error| StepError::from(error).help(advice))?;
        if config.family()? != Seq2SeqFamily::M2m100 {
            return Err(StepError::new(format!(
                "the model is a {}, which does not translate between languages that are named",
                config.model_type
            ))
            .help(advice));
        }
        let tokenizer = Tokenizer::from_file(folder)?;
        let language = |parameter, name: &str| language(&tokenizer, parameter, name);
        let languages = [
            language("from", &parameters.from)?,
            language("via", &parameters.via)?,
        ];
        let own = GenerateOptions::from_folder(folder)?;
        let ends = match own.eos_token_ids.is_empty() {
            true => config.eos_token_id.as_slice().to_vec(),
            false => own.eos_token_ids.clone(),
        };
        let end = *ends.first().ok_or_else(|| {
            StepError::new("the model's config.json names no token that ends a text")
                .help("write `eos_token_id` into it, the number of `</s>` in tokenizer.json")
        })?;
        let most = parameters.max_length.min(config.max_position_embeddings);
        let device = context.open_device()?;
        let key = RandomKey::new(0);
        let (model, report) = Seq2SeqLanguageModel::from_folder(folder, key, &device)?;
        require_trained(&report, "part that writes", advice)?;
        Ok(Translator {
            model,
            device,
            options: GenerateOptions {
                max_new_tokens: most,
                min_new_tokens: own.min_new_tokens.min(most),
                eos_token_ids: ends,
                beams: parameters.num_beams,
                ..own
            },
            tokenizer,
            end,
            most,
            languages,
            context,
        })
    }

    /// The `ways` best translations of each text, the best first. Of all texts, `before` were translated before.
    fn translate(
        &self,
        texts: &[&str],
        [from, to]: [u32; 2],
        ways: usize,
        before: usize,
    ) -> Result<Vec<Vec<String>>, StepError> {
        let lengths = Lengths {
            // Beside the language and the end.
            max_length: Some(self.most.saturating_sub(2)),
            add_special: false,
            ..Lengths::default()
        };
        let workers = Workers::new(self.context.threads());
        let encodings = self.tokenizer.encode(texts, &lengths, workers)?;
        let cut = count_truncated(&encodings);
        // What was written to the full length has no place for an end.
        if cut > 0 && before == 0 {
            self.context.note(format!(
                "{} of {} texts cut to {} tokens",
                number(cut),
                number(texts.len()),
                number(self.most)
            ));
        }
        let ids: Vec<Vec<u32>> = encodings
            .into_iter()
            .map(|encoding| [&[from], &encoding.ids[..], &[self.end]].concat())
            .collect();
        let options = GenerateOptions {
            forced_bos_token_id: Some(to),
            per_prompt: ways,
            ..self.options.clone()
        };
        let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
        let tokens = methods::BATCH_TOKENS / options.beams.max(1);
        let mut all = vec![Vec::new(); texts.len()];
        let mut done = before;
        for batch in batches_of_lengths(&lengths, tokens) {
            self.context.check()?;
            let sources: Vec<&[u32]> = batch.iter().map(|&place| &ids[place][..]).collect();
            let packed = Packed::new(&sources, &self.device)?;
            let found = self
                .model
                .generate(&packed, &options, Forward::inference())?;
            for (written, &place) in found.into_iter().zip(&batch) {
                let texts = written.into_iter().map(|way| self.text_of(&way.tokens, to));
                all[place] = texts.collect::<Result<_, _>>()?;
            }
            done += batch.len();
            let total = 2 * texts.len() as u64;
            (self.context.progress).update(done as u64, total, "translations");
        }
        Ok(all)
    }

    fn text_of(&self, tokens: &[u32], language: u32) -> Result<String, StepError> {
        let ends = &self.options.eos_token_ids;
        let words: Vec<u32> = tokens
            .iter()
            .copied()
            .filter(|token| *token != language && !ends.contains(token))
            .collect();
        Ok(self.tokenizer.decode(&words, true)?.trim().to_owned())
    }
}

/// The token of a language: `__de__` for `de`, or what is named as it is, such as `deu_Latn`.
fn language(tokenizer: &Tokenizer, parameter: &str, name: &str) -> Result<u32, StepError> {
    let marked = format!("__{name}__");
    let whole = || {
        name.contains('_')
            .then(|| tokenizer.token_to_id(name))
            .flatten()
    };
    if let Some(token) = tokenizer.token_to_id(&marked).or_else(whole) {
        return Ok(token);
    }
    let known: Vec<String> = (0..tokenizer.vocab_size() as u32)
        .filter_map(|token| tokenizer.id_to_token(token))
        .filter_map(|token| {
            let inner = token.strip_prefix("__")?.strip_suffix("__")?;
            Some(inner.to_owned()).filter(|inner| !inner.is_empty())
        })
        .collect();
    let error = StepError::new(format!(
        "the model knows no language `{name}`, which `{parameter}` names: its vocabulary has no token `{marked}`"
    ));
    let near = near_miss(name, known.iter().map(String::as_str));
    Err(match (near, known.is_empty()) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?")),
        (None, false) => error.help(format!("languages: {}", first(known.clone(), 12))),
        (None, true) => error.help(
            "take a model whose vocabulary names languages, such as facebook/m2m100_418M, or name the token itself, such as `deu_Latn`",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::{Trial, labelled, word_model};
    use serde_json::{Value as Json, json};
    use table::Table;

    fn expected() -> Json {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/back_translation.json"
        );
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn texts() -> Table {
        let fixture = expected();
        let texts = fixture["texts"].as_array().unwrap().iter();
        let mut rows: Vec<(&str, &str)> = texts.map(|t| (t.as_str().unwrap(), "bug")).collect();
        rows.insert(1, ("", "docs"));
        labelled(&rows)
    }

    fn trial(mut parameters: Json, model: &str) -> Trial {
        parameters["max_length"] = json!(12);
        let folder = word_model(model, &[(0, "__en__"), (50, "__de__")]);
        Trial::new::<BackTranslation>(parameters)
            .input("table", &texts())
            .kept("model", folder)
    }

    #[test]
    fn texts_go_there_and_back_as_transformers_translates_them() {
        let fixture = expected();
        for plan in fixture["plans"].as_array().unwrap() {
            let parameters = json!({ "num_beams": plan["num_beams"], "copies": plan["copies"] });
            let outcome = trial(parameters, "m2m100").run();
            let found = outcome.texts("augmented", "text");
            let rows = texts().num_rows();
            let copies = plan["copies"].as_u64().unwrap() as usize;
            assert_eq!(found.len(), rows * copies);
            for copy in 0..copies {
                let mut version = found[copy * rows..(copy + 1) * rows].to_vec();
                assert_eq!(version.remove(1), "");
                let back = plan["back"].as_array().unwrap().iter();
                let back: Vec<&str> = back.map(|b| b[copy].as_str().unwrap()).collect();
                assert_eq!(version, back, "copy {copy} of {plan}");
            }
            assert_eq!(outcome.labels("augmented", "labels")[1], ["docs"]);
            assert_eq!(outcome.ints("augmented", "augmented_from")[..3], [0, 1, 2]);
        }
    }

    #[test]
    fn languages_and_models_that_do_not_fit_are_refused() {
        let said = trial(json!({ "via": "dee" }), "m2m100").fails();
        assert!(said.contains("no language `dee`"), "{said}");
        assert!(said.contains("`__dee__`"), "{said}");
        let said = trial(json!({}), "bart").fails();
        assert!(said.contains("the model is a bart"), "{said}");
        let problems = trial(json!({ "via": "en" }), "m2m100").problems();
        assert_eq!(problems[0].parameter, "via");
        let problems = trial(json!({ "copies": 3, "num_beams": 2 }), "m2m100").problems();
        assert_eq!(problems[0].parameter, "copies");
    }

    #[test]
    fn long_texts_are_cut_to_what_the_model_takes() {
        let long = vec!["w12"; 40].join(" ");
        let folder = word_model("m2m100", &[(0, "__en__"), (50, "__de__")]);
        let outcome = Trial::new::<BackTranslation>(json!({ "num_beams": 1 }))
            .input("table", &labelled(&[(&long, "")]))
            .kept("model", folder)
            .run();
        assert_eq!(outcome.notes[0], "1 of 1 texts cut to 16 tokens");
    }
}
