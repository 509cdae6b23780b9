use super::*;
use crate::steps::model::Model;
use crate::steps::testing::{Trial, expected_of_models, labelled, word_model};
use crate::steps::tokenizer::LearnTokenizer;
use serde_json::{Value as Json, json};

fn trial(parameters: Json, text: &str) -> Trial {
    let folder = word_model("roberta_masked_lm", &[]);
    Trial::new::<FillMask>(parameters)
        .input("table", &labelled(&[(text, "bug")]))
        .kept("model", folder)
}

/// Patterns and texts that give the sentences of the fixture.
const SENTENCES: [(&str, &str); 2] = [("w7 w9 {mask} {text}", "w30"), ("{mask} {text}", "w12")];

#[test]
fn words_and_scores_are_those_of_the_pipeline_of_transformers() {
    let expected = &expected_of_models("fill_mask")["top"];
    for (row, (pattern, text)) in SENTENCES.iter().enumerate() {
        let outcome = trial(json!({ "pattern": pattern }), text).run();
        let words = outcome.texts("fillings", "token");
        let table = outcome.table("fillings");
        let scores = table.float_column("score").unwrap();
        for (at, expected) in expected[row].as_array().unwrap().iter().enumerate() {
            let token = match expected["token"].as_u64().unwrap() {
                2 => "</s>".to_owned(),
                4 => "<mask>".to_owned(),
                token => format!("w{token}"),
            };
            assert_eq!(words[at], token);
            let score = expected["probability"].as_f64().unwrap();
            assert!((scores.value(at) - score).abs() < 1e-4);
        }
        assert_eq!(outcome.ints("fillings", "rank"), [1, 2, 3, 4, 5]);
        assert_eq!(outcome.ints("fillings", "row"), [0; 5]);
    }
    let outcome = trial(json!({ "pattern": SENTENCES[0].0, "top_k": 1 }), "w30").run();
    assert_eq!(outcome.texts("fillings", "text"), ["w7 w9 w27 w30"]);
}

#[test]
fn labels_score_the_share_of_their_words() {
    let fixture = expected_of_models("fill_mask");
    let of = |row: usize, token: u64| {
        let found = fixture["of_targets"][row].as_array().unwrap().iter();
        let mut found = found.filter(|found| found["token"] == token);
        found.next().unwrap()["probability"].as_f64().unwrap()
    };
    let targets = json!({ "a": ["w8", "w40"], "b": ["w21"] });
    for (row, (pattern, text)) in SENTENCES.iter().enumerate() {
        let parameters = json!({ "pattern": pattern, "targets": targets });
        let outcome = trial(parameters, text).run();
        let table = outcome.table("predictions");
        let (a, b) = (of(row, 8) + of(row, 40), of(row, 21));
        for (label, expected) in [("a", a / (a + b)), ("b", b / (a + b))] {
            let column = table.float_column(&format!("score.{label}")).unwrap();
            assert!((column.value(0) - expected).abs() < 1e-4);
        }
        let likeliest = if a > b { "a" } else { "b" };
        assert_eq!(outcome.labels("predictions", "predicted"), [[likeliest]]);
    }
    let all = json!({ "targets": targets, "threshold": 0.0, "pattern": "{mask} {text}" });
    let outcome = trial(all, "w12").run();
    assert_eq!(outcome.labels("predictions", "predicted"), [["a", "b"]]);
}

#[test]
fn long_texts_are_cut_so_that_the_sentence_stays_whole() {
    let long = "w12 <mask> w13 w14 w15 w16 w17 w18 w19";
    let parameters = json!({ "pattern": "w7 {text} w9 {mask}", "max_length": 9, "top_k": 1 });
    let outcome = trial(parameters.clone(), long).run();
    let short = trial(parameters, "w12 <mask> w13 w14").run();
    let text = outcome.texts("fillings", "text");
    assert!(
        text[0].starts_with("w7 w12 <mask> w13 w14 w9 w"),
        "{text:?}"
    );
    assert_eq!(text, short.texts("fillings", "text"));
    assert!(outcome.notes[2].contains("1 of 1 texts cut to 9"));
    assert_eq!(short.notes.len(), 2);
    let parameters = json!({ "pattern": "w7 {text} w9 {mask}", "max_length": 5 });
    let said = trial(parameters, long).fails();
    assert!(
        said.contains("has 5 tokens, which leaves none of 5"),
        "{said}"
    );
}

#[test]
fn words_that_are_not_one_token_of_their_own_are_refused() {
    let rows = labelled(&[("the loader crashes", ""), ("the loader loads files", "")]);
    let vocabulary = Trial::new::<LearnTokenizer>(json!({ "vocab_size": 60, "max_length": 64 }))
        .input("texts", &rows)
        .run();
    let shape = json!({ "hidden_size": 16, "layers": 1, "heads": 2, "max_tokens": 64 });
    let model = Trial::new::<Model>(json!({ "model": shape }))
        .artifact("tokenizer", &vocabulary.path("tokenizer"), &[])
        .run();
    let trial = |parameters: Json| {
        Trial::new::<FillMask>(parameters)
            .input("table", &rows)
            .artifact("model", &model.path("model"), &[])
    };
    let outcome = trial(json!({ "top_k": 2 })).run();
    assert_eq!(outcome.ints("fillings", "row"), [0, 0, 1, 1]);
    let text = &outcome.texts("fillings", "text")[0];
    assert!(
        text.starts_with("the loader crashes This is about "),
        "{text}"
    );
    for (word, said) in [
        ("loaded", "tokens of the vocabulary, and must be one"),
        ("crocodile", "does not have the word `crocodile` for `b`"),
        ("LOADER", "the same token as a word for `a`"),
    ] {
        let targets = json!({ "a": ["loader"], "b": [word] });
        let found = trial(json!({ "targets": targets })).fails();
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for (parameters, parameter) in [
        (json!({ "pattern": "about {mask}" }), "pattern"),
        (json!({ "threshold": 0.5 }), "threshold"),
        (json!({ "targets": { "a": ["w8"] } }), "targets"),
        (json!({ "targets": { "a": ["w8"], "b": [] } }), "targets"),
        (
            json!({ "targets": { "a": ["w8"], "b": ["w8"] } }),
            "targets",
        ),
    ] {
        let problems = Trial::new::<FillMask>(parameters).problems();
        assert_eq!(problems[0].parameter, parameter, "{problems:?}");
    }
    let rows = labelled(&[("w7", "")]);
    let folder = word_model("roberta_classifier", &[]);
    let said = Trial::new::<FillMask>(json!({}))
        .input("table", &rows)
        .kept("model", folder)
        .fails();
    assert!(said.contains("no head that fills masks"), "{said}");
    let folder = word_model("roberta_masked_lm", &[(4, "w4")]);
    let said = Trial::new::<FillMask>(json!({}))
        .input("table", &rows)
        .kept("model", folder)
        .fails();
    assert!(said.contains("no mask token"), "{said}");
}
