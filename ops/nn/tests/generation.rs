//! What models write, token for token as `transformers` does, on both devices. tests/peers/models.py makes the fixtures.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{devices, floats, integers, rows};
use nn::generate::{
    EarlyStopping, GenerateOptions, Sampling, Written, continuation_scores, generate, read_prefix,
};
use nn::gpt2::Gpt2LanguageModel;
use nn::seq2seq::Seq2SeqLanguageModel;
use nn::{Forward, Packed, Pretrained};
use serde_json::Value;
use tensor::{Device, RandomKey};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models")
}

fn expected(name: &str) -> Value {
    let text = fs::read_to_string(fixtures().join("expected.json")).expect("the fixtures");
    let mut all: Value = serde_json::from_str(&text).expect("JSON");
    all[name].take()
}

fn read<M: Pretrained>(name: &str, device: &Device) -> M {
    let key = RandomKey::new(0);
    M::from_folder(fixtures().join(name), key, device)
        .expect("a model")
        .0
}

/// The options of `transformers` as ours.
fn options(given: &Value, forced_bos: Option<&Value>) -> GenerateOptions {
    let usual = GenerateOptions::default();
    let size = |name: &str, usual: usize| given[name].as_u64().map_or(usual, |size| size as usize);
    let token = |value: &Value| value.as_u64().map(|token| token as u32);
    GenerateOptions {
        max_new_tokens: size("max_new_tokens", 0),
        min_new_tokens: size("min_new_tokens", 0),
        eos_token_ids: integers(&given["eos_token_id"]),
        forced_bos_token_id: forced_bos.and_then(token),
        forced_eos_token_id: token(&given["forced_eos_token_id"]),
        no_repeat_ngram_size: size("no_repeat_ngram_size", 0),
        beams: size("num_beams", 1),
        per_prompt: size("num_return_sequences", 1),
        length_penalty: given["length_penalty"]
            .as_f64()
            .map_or(usual.length_penalty, |penalty| penalty as f32),
        early_stopping: match &given["early_stopping"] {
            Value::Bool(true) => EarlyStopping::Full,
            Value::String(_) => EarlyStopping::Impossible,
            _ => EarlyStopping::Unlikely,
        },
        sampling: None,
    }
}

fn assert_written(found: &[Vec<Written>], plan: &Value, what: &str) {
    let expected = plan["written"].as_array().expect("texts");
    assert_eq!(found.len(), expected.len());
    for (text, (found, expected)) in found.iter().zip(expected).enumerate() {
        let what = format!("{what}: text {text} with {}", plan["options"]);
        let tokens: Vec<Vec<u32>> = found.iter().map(|one| one.tokens.clone()).collect();
        assert_eq!(tokens, rows(&expected["sequences"]), "{what}");
        if expected["scores"].is_array() {
            for (found, expected) in found.iter().zip(floats(&expected["scores"])) {
                let difference = (found.score - expected).abs();
                assert!(
                    difference < 1e-4 * expected.abs().max(1.0),
                    "{what}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn gpt2_writes_token_for_token_what_transformers_writes() {
    let fixture = expected("gpt2");
    let prompts = rows(&fixture["prompts"]);
    for device in devices() {
        let model: Gpt2LanguageModel = read("gpt2", &device);
        for plan in fixture["generations"].as_array().expect("plans") {
            let options = options(&plan["options"], None);
            let cache = model.model().cache(prompts.len());
            let found = generate(&model, &prompts, cache, &options, Forward::inference());
            assert_written(&found.expect("texts"), plan, &format!("GPT-2 on {device}"));
        }
    }
}

#[test]
fn bart_and_m2m100_write_token_for_token_what_transformers_writes() {
    for name in ["bart", "m2m100"] {
        let fixture = expected(name);
        for device in devices() {
            let model: Seq2SeqLanguageModel = read(name, &device);
            let sources = Packed::new(&rows(&fixture["sources"]), &device).expect("texts");
            for plan in fixture["generations"].as_array().expect("plans") {
                let options = options(&plan["options"], fixture.get("forced_bos_token_id"));
                let found = model.generate(&sources, &options, Forward::inference());
                assert_written(&found.expect("texts"), plan, &format!("{name} on {device}"));
            }
        }
    }
}

#[test]
fn continuations_score_the_sum_of_their_log_probabilities_with_and_without_a_common_beginning() {
    let fixture = expected("gpt2");
    let prompts = rows(&fixture["prompts"]);
    let continuations = rows(&fixture["continuations"]);
    let forward = Forward::inference();
    for device in devices() {
        let model: Gpt2LanguageModel = read("gpt2", &device);
        let cache = model.model().cache(prompts.len());
        let found = continuation_scores(&model, cache, &prompts, &continuations, forward);
        let found = found.expect("scores");
        for (found, expected) in found
            .iter()
            .zip(fixture["scores"].as_array().expect("rows"))
        {
            for (found, expected) in found.iter().zip(floats(expected)) {
                assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
            }
        }
        // The beginning of a prompt, read once, and its endings behind it.
        let (beginning, ending) = prompts[2].split_at(5);
        let cache = read_prefix(&model, model.model().cache(1), beginning, forward);
        let endings = vec![ending.to_vec(); 2];
        let cache = cache.expect("a cache");
        let behind = continuation_scores(&model, cache, &endings, &continuations, forward);
        for row in behind.expect("scores") {
            for (one, other) in row.iter().zip(&found[2]) {
                assert!((one - other).abs() < 1e-4, "{one}, not {other}");
            }
        }
        let cache = model.model().cache(1);
        let error = continuation_scores(&model, cache, &prompts[..1], &[vec![]], forward);
        let error = error.expect_err("an error").to_string();
        assert!(error.contains("continuation 0 has no tokens"), "{error}");
    }
}

#[test]
fn drawn_texts_depend_on_their_key_and_not_on_what_is_drawn_beside() {
    let fixture = expected("gpt2");
    let prompts = rows(&fixture["prompts"]);
    let device = Device::cpu();
    let model: Gpt2LanguageModel = read("gpt2", &device);
    let write = |prompts: &[Vec<u32>], sampling: Sampling| {
        let options = GenerateOptions {
            max_new_tokens: 6,
            per_prompt: 3,
            sampling: Some(sampling),
            ..GenerateOptions::default()
        };
        let cache = model.model().cache(prompts.len());
        generate(&model, prompts, cache, &options, Forward::inference()).expect("texts")
    };
    let sampling = Sampling::new(RandomKey::new(8));
    let all = write(&prompts, sampling);
    assert_eq!(all, write(&prompts, sampling));
    assert_eq!(all[0], write(&prompts[..1], sampling)[0]);
    assert_ne!(all, write(&prompts, Sampling::new(RandomKey::new(9))));
    assert!(all[0][0] != all[0][1] || all[0][1] != all[0][2]);
    // The likeliest alone is what greedy search takes.
    let greedy = &fixture["generations"][0]["written"];
    let likeliest = write(
        &prompts,
        Sampling {
            top_k: 1,
            ..sampling
        },
    );
    for (text, written) in likeliest.iter().enumerate() {
        let expected = &rows(&greedy[text]["sequences"])[0][..6];
        assert!(written.iter().all(|written| written.tokens == expected));
    }
}

#[test]
fn options_that_contradict_each_other_and_prompts_without_place_are_refused() {
    let device = Device::cpu();
    let model: Gpt2LanguageModel = read("gpt2", &device);
    let refused = |prompt: Vec<u32>, options: GenerateOptions| {
        let cache = model.model().cache(1);
        generate(&model, &[prompt], cache, &options, Forward::inference())
            .expect_err("an error")
            .to_string()
    };
    let usual = GenerateOptions::default();
    let sampling = Some(Sampling::new(RandomKey::new(0)));
    let many = GenerateOptions {
        per_prompt: 2,
        ..usual.clone()
    };
    assert!(refused(vec![5], many).contains("need as many beams"));
    let both = GenerateOptions {
        beams: 2,
        sampling,
        ..usual.clone()
    };
    assert!(refused(vec![5], both).contains("choose one"));
    let long = refused(vec![5; 6], usual.clone());
    assert!(
        long.contains("6 tokens, and 20 more do not fit into the model's 24"),
        "{long}"
    );
    assert!(refused(vec![], usual.clone()).contains("has no tokens"));
    assert!(refused(vec![53], usual).contains("no token 53"));
}
