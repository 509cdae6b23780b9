//! DistilBERT, RoBERTa, GPT-2, BART and M2M100 against `transformers`, on both devices. tests/peers/models.py makes the fixtures.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{
    assert_close, assert_gradients, cross_entropy, devices, floats, integers, rows, stored,
};
use nn::bert::{Filling, Fillings};
use nn::gpt2::{Gpt2LanguageModel, Gpt2Model};
use nn::safetensors::Weights;
use nn::seq2seq::{Seq2SeqClassifier, Seq2SeqLanguageModel, Seq2SeqModel};
use nn::zero_shot::NliModel;
use nn::{
    Encoder, Forward, LoadReport, MaskedLm, Packed, Pooling, Pretrained, SentenceEncoder,
    SequenceClassifier, named_tensors,
};
use serde_json::Value;
use tensor::{Device, RandomKey, Tensor};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models")
}

fn expected() -> Value {
    let text = fs::read_to_string(fixtures().join("expected.json")).expect("the fixtures");
    serde_json::from_str(&text).expect("JSON")
}

fn outputs(name: &str) -> Weights {
    Weights::open(fixtures().join(name).join("expected.safetensors")).expect("a file")
}

fn read<M: Pretrained>(name: &str, device: &Device) -> M {
    let key = RandomKey::new(0);
    let (model, report) = M::from_folder(fixtures().join(name), key, device).expect("a model");
    assert_eq!(report, LoadReport::default(), "{name}");
    model
}

fn packed(value: &Value, device: &Device) -> Packed {
    Packed::new(&rows(value), device).expect("texts")
}

fn numbers(values: &[u32], device: &Device) -> Tensor {
    Tensor::new(values, [values.len()], device).expect("numbers")
}

#[test]
fn classifiers_of_every_family_give_the_states_losses_and_gradients_of_transformers() {
    let fixture = expected();
    for device in devices() {
        for name in ["distilbert_classifier", "roberta_classifier"] {
            let outputs = outputs(name);
            let model: SequenceClassifier = read(name, &device);
            let texts = packed(&fixture["ids"], &device);
            let hidden = model
                .encoder()
                .hidden_states(&texts, Forward::inference())
                .expect("states");
            for (place, hidden) in hidden.iter().enumerate() {
                let expected = stored(&outputs, &format!("hidden.{place}"));
                assert_close(hidden, &expected, 1e-5, &format!("{name}: state {place}"));
            }
            let logits = model.forward(&texts, Forward::inference()).expect("logits");
            assert_close(&logits, &stored(&outputs, "logits"), 1e-5, name);
            let labels = numbers(&integers(&fixture["labels"]), &device);
            let loss = cross_entropy(&logits, &labels).expect("a loss");
            assert_close(&loss, &stored(&outputs, "loss"), 1e-5, name);
            let gradients = loss.backward().expect("gradients");
            assert_gradients(&model, &gradients, &outputs, name);
            let training = Forward::training(RandomKey::new(1));
            let dropped = model.forward(&texts, training).expect("logits");
            assert_ne!(
                dropped.bytes().expect("bytes"),
                logits.bytes().expect("bytes"),
                "{name}: dropout"
            );
        }
    }
}

#[test]
fn masked_words_of_every_family_equal_those_of_transformers() {
    let fixture = expected();
    for device in devices() {
        for name in ["distilbert_masked_lm", "roberta_masked_lm"] {
            let outputs = outputs(name);
            let model: MaskedLm = read(name, &device);
            let texts = packed(&fixture["ids"], &device);
            let all = model
                .forward(&texts, None, Forward::inference())
                .expect("logits");
            assert_close(&all, &stored(&outputs, "logits"), 1e-5, name);
            let places = numbers(&integers(&fixture["masked"]["places"]), &device);
            let targets = numbers(&integers(&fixture["masked"]["targets"]), &device);
            let loss = model
                .loss(&texts, &places, &targets, Forward::inference())
                .expect("a loss");
            assert_close(&loss, &stored(&outputs, "loss"), 1e-5, name);
            let gradients = loss.backward().expect("gradients");
            assert_gradients(&model, &gradients, &outputs, name);
        }
    }
}

fn assert_fillings(found: &[Filling], expected: &Value) {
    let expected = expected.as_array().expect("words");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let probability = expected["probability"].as_f64().expect("a number");
        assert_eq!(Some(u64::from(found.token)), expected["token"].as_u64());
        assert!((f64::from(found.probability) - probability).abs() < 1e-4);
    }
}

#[test]
fn words_behind_masks_are_those_of_the_pipeline() {
    let fixture = &expected()["fill_mask"];
    let mask = fixture["mask"].as_u64().expect("a token") as u32;
    let targets = integers(&fixture["targets"]);
    for device in devices() {
        let model: MaskedLm = read("roberta_masked_lm", &device);
        let texts = packed(&fixture["ids"], &device);
        let fill = |asked| model.fill(&texts, mask, asked, Forward::inference());
        let top = fill(Fillings::Top(5)).expect("words");
        let among = fill(Fillings::Of(&targets)).expect("words");
        for text in 0..2 {
            assert_eq!((top[text].len(), among[text].len()), (1, 1));
            assert_fillings(&top[text][0], &fixture["top"][text]);
            assert_fillings(&among[text][0], &fixture["of_targets"][text]);
        }
        let error = fill(Fillings::Of(&[53])).expect_err("an error").to_string();
        assert!(error.contains("no token 53"), "{error}");
        let unmasked = Packed::new(&[[5_u32, 6]], &device).expect("texts");
        let none = model.fill(&unmasked, mask, Fillings::Top(5), Forward::inference());
        assert_eq!(none.expect("nothing"), [Vec::<Vec<Filling>>::new()]);
    }
}

#[test]
fn gpt2_gives_the_states_losses_and_gradients_of_transformers() {
    let (fixture, outputs) = (&expected()["gpt2"], outputs("gpt2"));
    for device in devices() {
        let model: Gpt2LanguageModel = read("gpt2", &device);
        let texts = packed(&fixture["ids"], &device);
        let hidden = model
            .model()
            .forward(&texts, Forward::inference())
            .expect("states");
        assert_close(&hidden, &stored(&outputs, "hidden"), 1e-5, "states");
        let logits = model.forward(&texts, Forward::inference()).expect("logits");
        assert_close(&logits, &stored(&outputs, "logits"), 1e-5, "logits");
        for forward in [Forward::inference(), Forward::inference().recomputing()] {
            let loss = model.loss(&texts, forward).expect("a loss");
            assert_close(&loss, &stored(&outputs, "loss"), 1e-5, "loss");
            let gradients = loss.backward().expect("gradients");
            assert_gradients(&model, &gradients, &outputs, "GPT-2");
        }
        let single = Packed::new(&[[5_u32]], &device).expect("texts");
        let error = model
            .loss(&single, Forward::inference())
            .expect_err("an error")
            .to_string();
        assert!(error.contains("no text has a second token"), "{error}");
    }
}

#[test]
fn encoder_decoders_give_the_states_losses_and_gradients_of_transformers() {
    let fixture = expected();
    for device in devices() {
        for name in ["bart", "m2m100"] {
            let (fixture, outputs) = (&fixture[name], outputs(name));
            let model: Seq2SeqLanguageModel = read(name, &device);
            let sources = packed(&fixture["sources"], &device);
            let targets = packed(&fixture["targets"], &device);
            let encoded = model
                .model()
                .encode(&sources, Forward::inference())
                .expect("states");
            assert_close(&encoded, &stored(&outputs, "encoded"), 1e-5, name);
            let shifted = model.model().shifted(&targets).expect("texts");
            let hidden = model
                .model()
                .forward(&sources, &shifted, Forward::inference())
                .expect("states");
            assert_close(&hidden, &stored(&outputs, "hidden"), 1e-5, name);
            let logits = model
                .forward(&sources, &targets, Forward::inference())
                .expect("logits");
            assert_close(&logits, &stored(&outputs, "logits"), 1e-5, name);
            for forward in [Forward::inference(), Forward::inference().recomputing()] {
                let loss = model.loss(&sources, &targets, forward).expect("a loss");
                assert_close(&loss, &stored(&outputs, "loss"), 1e-5, name);
                let gradients = loss.backward().expect("gradients");
                assert_gradients(&model, &gradients, &outputs, name);
            }
        }
    }
}

#[test]
fn the_classifier_of_bart_gives_the_scores_losses_and_gradients_of_transformers() {
    let (fixture, outputs) = (expected(), outputs("bart_classifier"));
    for device in devices() {
        let model: Seq2SeqClassifier = read("bart_classifier", &device);
        let texts = packed(&fixture["bart_texts"], &device);
        let logits = model.forward(&texts, Forward::inference()).expect("logits");
        assert_close(&logits, &stored(&outputs, "logits"), 1e-5, "logits");
        let labels = numbers(&integers(&fixture["labels"]), &device);
        let loss = cross_entropy(&logits, &labels).expect("a loss");
        assert_close(&loss, &stored(&outputs, "loss"), 1e-5, "loss");
        let gradients = loss.backward().expect("gradients");
        assert_gradients(&model, &gradients, &outputs, "BART");
        let endless = Packed::new(&[vec![0, 7, 2], vec![0, 7]], &device).expect("texts");
        let error = model.forward(&endless, Forward::inference());
        let error = error.expect_err("an error").to_string();
        assert!(error.contains("text 1 has no ending token"), "{error}");
    }
}

fn assert_scores(found: &Tensor, expected: &Value, what: &str) {
    let expected: Vec<f32> = (expected.as_array().expect("rows").iter())
        .flat_map(floats)
        .collect();
    for (found, expected) in found.to_f32_vec().expect("scores").iter().zip(&expected) {
        assert!(
            (found - expected).abs() < 1e-4,
            "{what}: {found}, not {expected}"
        );
    }
    assert_eq!(found.elements(), expected.len(), "{what}");
}

#[test]
fn labels_without_examples_score_as_in_the_pipeline() {
    let fixture = &expected()["zero_shot"];
    let labels = fixture["labels"].as_u64().expect("a number") as usize;
    let key = RandomKey::new(0);
    for device in devices() {
        let (model, _) = NliModel::from_folder(fixtures().join("bart_classifier"), key, &device)
            .expect("a model");
        let entailment = model.entailment().expect("labels");
        assert_eq!((entailment.entailment, entailment.contradiction), (2, 0));
        let pairs = packed(&fixture["pairs"], &device);
        let scores = model.forward(&pairs, Forward::inference()).expect("scores");
        let of_labels = |labels, multi| entailment.label_scores(&scores, labels, multi);
        let single = of_labels(labels, false).expect("scores");
        assert_scores(&single, &fixture["single"], "one label a text");
        let multi = of_labels(labels, true).expect("scores");
        assert_scores(&multi, &fixture["multi"], "several labels a text");
        let only = of_labels(1, false).expect("scores").reshape([2, labels]);
        let only = only
            .and_then(|only| only.narrow(1, 0, 1))
            .expect("a column");
        assert_scores(&only, &fixture["one"], "one label in all");
        assert!(of_labels(4, true).is_err());
    }
    let device = Device::cpu();
    let (model, _) = NliModel::from_folder(fixtures().join("roberta_classifier"), key, &device)
        .expect("a model");
    assert_eq!(model.max_tokens(), 14);
    let refused = |name: &str| {
        NliModel::from_folder(fixtures().join(name), key, &device)
            .expect_err("an error")
            .to_string()
    };
    assert!(refused("distilbert_classifier").contains("no label begins with `entail`"));
    assert!(refused("gpt2").contains("bert, distilbert, roberta, bart"));
}

#[test]
fn heads_are_drawn_anew_and_reported_where_a_folder_has_other_ones() {
    let device = Device::cpu();
    let key = RandomKey::new(4);
    let folder = |name: &str| fixtures().join(name);
    let (_, report) = Encoder::from_folder(folder("roberta_masked_lm"), key, &device).expect("it");
    assert_eq!(report.missing, ["pooler.dense.weight", "pooler.dense.bias"]);
    assert!(
        report
            .unexpected
            .iter()
            .all(|name| name.starts_with("lm_head."))
    );
    let (_, report) =
        SequenceClassifier::from_folder(folder("distilbert_masked_lm"), key, &device).expect("it");
    let drawn = ["pre_classifier", "classifier"]
        .map(|name| ["weight", "bias"].map(|part| format!("{name}.{part}")))
        .concat();
    assert_eq!(report.missing, drawn);
    let (model, report) =
        MaskedLm::from_folder(folder("roberta_classifier"), key, &device).expect("it");
    assert_eq!(report.missing.len(), 5);
    // Saved without the prefix, read with it.
    let (bare, _) = Encoder::from_folder(folder("distilbert_masked_lm"), key, &device).expect("it");
    let saved = tempfile::tempdir().expect("a folder");
    let path = saved.path().join("bare");
    bare.save(&path).expect("a folder");
    let (again, report) = SequenceClassifier::from_folder(&path, key, &device).expect("it");
    assert_eq!((report.missing.len(), report.unexpected.len()), (4, 0));
    let bytes = |tensors: Vec<(String, Tensor)>| -> Vec<Vec<u8>> {
        let tensors = tensors.into_iter();
        tensors
            .map(|(_, tensor)| tensor.bytes().expect("bytes"))
            .collect()
    };
    let of = |model: &Encoder| bytes(named_tensors(model).expect("tensors"));
    assert!(of(&bare) == of(again.encoder()));
    let error = MaskedLm::from_folder(folder("gpt2"), key, &device)
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("model_type is gpt2") && error.contains("roberta"),
        "{error}"
    );
    assert_eq!(
        (model.encoder().max_tokens(), model.encoder().hidden_size()),
        (14, 16)
    );
    let (gpt2, report) = Gpt2Model::from_folder(folder("gpt2"), key, &device).expect("it");
    assert_eq!(report, LoadReport::default());
    assert_eq!(gpt2.config().n_positions, 24);
    let (_, report) =
        Seq2SeqModel::from_folder(folder("bart_classifier"), key, &device).expect("it");
    assert_eq!(report.unexpected.len(), 4);
}

#[test]
fn vectors_of_texts_are_pooled_as_the_folder_of_sentence_transformers_says() {
    let device = Device::cpu();
    let key = RandomKey::new(0);
    let fixture = expected();
    let texts = packed(&fixture["ids"], &device);
    let name = fixtures().join("roberta_masked_lm");
    let (model, _) = SentenceEncoder::from_folder(name, key, &device).expect("a model");
    assert!(model.pooling() == Pooling::Mean && model.normalizes());
    let hidden = model
        .encoder()
        .forward(&texts, Forward::inference())
        .and_then(|hidden| Ok(hidden.to_f32_vec()?))
        .expect("states");
    let row = |place: usize| &hidden[place * 16..][..16];
    let saved = tempfile::tempdir().expect("a folder");
    // The first text has 7 tokens, the second 1.
    let places = [(Pooling::Cls, [0, 7]), (Pooling::Last, [6, 7])];
    for (pooling, places) in places {
        let path = saved.path().join("model");
        model
            .clone()
            .with_pooling(pooling, false)
            .save(&path)
            .expect("a folder");
        let (again, _) = SentenceEncoder::from_folder(&path, key, &device).expect("a model");
        assert!(again.pooling() == pooling && !again.normalizes());
        let vectors = again
            .forward(&texts, Forward::inference())
            .expect("vectors");
        let vectors = vectors.to_f32_vec().expect("values");
        assert_eq!(&vectors[..16], row(places[0]), "{pooling:?}");
        assert_eq!(&vectors[16..32], row(places[1]), "{pooling:?}");
    }
    let pooling = saved.path().join("model/1_Pooling/config.json");
    fs::write(&pooling, r#"{"pooling_mode_max_tokens": true}"#).expect("a file");
    let error = SentenceEncoder::from_folder(saved.path().join("model"), key, &device)
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("1_Pooling") && error.contains("one pooling"),
        "{error}"
    );
}

fn noted(ids: &Value, targets: Option<&Value>, logits: nn::Result<Tensor>) -> Value {
    let logits = logits
        .and_then(|logits| Ok(logits.to_f32_vec()?))
        .expect("logits");
    let mut case = serde_json::json!({ "ids": ids, "logits": logits });
    if let Some(targets) = targets {
        case["targets"] = targets.clone();
    }
    case
}

/// `ENGINE_SAVE_MODELS=FOLDER cargo test -p nn --test models kept_for`, then `python tests/peers/models.py check FOLDER`.
#[test]
fn saved_models_are_kept_for_transformers_to_read() {
    let Some(folder) = std::env::var_os("ENGINE_SAVE_MODELS") else {
        eprintln!("ignored: ENGINE_SAVE_MODELS names no folder");
        return;
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).expect("a folder");
    let device = Device::cpu();
    let fixture = expected();
    let forward = Forward::inference();
    let ids = &fixture["ids"];
    let texts = packed(ids, &device);
    let mut outputs = serde_json::Map::new();
    for name in ["distilbert_classifier", "roberta_classifier"] {
        let model: SequenceClassifier = read(name, &device);
        model.save(folder.join(name)).expect("a folder");
        outputs.insert(
            name.to_owned(),
            noted(ids, None, model.forward(&texts, forward)),
        );
    }
    for name in ["distilbert_masked_lm", "roberta_masked_lm"] {
        let model: MaskedLm = read(name, &device);
        model.save(folder.join(name)).expect("a folder");
        let logits = model.forward(&texts, None, forward);
        outputs.insert(name.to_owned(), noted(ids, None, logits));
    }
    let model: Gpt2LanguageModel = read("gpt2", &device);
    model.save(folder.join("gpt2")).expect("a folder");
    outputs.insert(
        "gpt2".to_owned(),
        noted(ids, None, model.forward(&texts, forward)),
    );
    for name in ["bart", "m2m100"] {
        let model: Seq2SeqLanguageModel = read(name, &device);
        model.save(folder.join(name)).expect("a folder");
        let (sources, targets) = (&fixture[name]["sources"], &fixture[name]["targets"]);
        let logits = model.forward(
            &packed(sources, &device),
            &packed(targets, &device),
            forward,
        );
        outputs.insert(name.to_owned(), noted(sources, Some(targets), logits));
    }
    let model: Seq2SeqClassifier = read("bart_classifier", &device);
    model
        .save(folder.join("bart_classifier"))
        .expect("a folder");
    let ids = &fixture["bart_texts"];
    let logits = model.forward(&packed(ids, &device), forward);
    outputs.insert("bart_classifier".to_owned(), noted(ids, None, logits));
    fs::write(
        folder.join("outputs.json"),
        Value::Object(outputs).to_string(),
    )
    .expect("a file");
}
