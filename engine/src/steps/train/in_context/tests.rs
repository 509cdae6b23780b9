use super::*;
use crate::steps::evaluate::Evaluate;
use crate::steps::predict::Predict;
use crate::steps::testing::{Outcome, Trial, labelled, word_model};
use crate::steps::train::Train;
use serde_json::{Value as Json, json};

fn training() -> Table {
    labelled(&[
        ("w5 w6", "w20"),
        ("w7", "w21"),
        ("w8 w9", "w20"),
        ("w10", "w20 w21"),
    ])
}

fn trial(mut parameters: Json) -> Trial {
    let defaults = [
        ("template", json!("w30 {text} w31 {label} w32")),
        ("content_free", json!(["w33", ""])),
        ("demonstrations", json!(2)),
    ];
    for (name, value) in defaults {
        if parameters.get(name).is_none() {
            parameters[name] = value;
        }
    }
    Trial::new::<Train<InContext>>(parameters)
        .input("train", &training())
        .kept("model", word_model("gpt2", &[]))
}

fn predict(trained: &Outcome, parameters: Json, rows: &Table) -> Outcome {
    Trial::new::<Predict>(parameters)
        .artifact("model", &trained.path("model"), &[])
        .input("table", rows)
        .run()
}

fn scores(outcome: &Outcome) -> Vec<[f64; 2]> {
    let table = outcome.table("predictions");
    let [a, b] = ["score.w20", "score.w21"].map(|name| table.float_column(name).unwrap());
    let rows = a.values().iter().zip(b.values());
    rows.map(|(a, b)| [*a, *b]).collect()
}

/// What the model itself says of the words behind a prompt, `[w20, w21]`.
fn of_whole_prompt(prompt: &[u32]) -> [f64; 2] {
    let folder = word_model("gpt2", &[]);
    let device = tensor::Device::cpu();
    let key = RandomKey::new(0);
    let (model, _) = Gpt2LanguageModel::from_folder(folder.path(), key, &device).unwrap();
    let packed = nn::Packed::new(&[prompt.to_vec()], &device).unwrap();
    let scores = model.forward(&packed, nn::Forward::inference()).unwrap();
    let scores = scores.to_f32_vec().unwrap();
    let last = &scores[scores.len() - 53..];
    let [a, b] = [20, 21].map(|word| f64::from(last[word]).exp());
    [a / (a + b), b / (a + b)]
}

#[test]
fn probabilities_are_those_of_the_prompt_divided_by_those_without_content() {
    let trained = trial(json!({})).run();
    let rows = labelled(&[("w11 w12", "w20"), ("", "w21")]);
    let found = scores(&predict(&trained, json!({}), &rows));
    let mut shown = Vec::new();
    for (text, label) in trained
        .texts("shown", "text")
        .iter()
        .zip(trained.texts("shown", "label"))
    {
        for word in format!("w30 {text} w31 {label} w32").split_whitespace() {
            shown.push(word[1..].parse().unwrap());
        }
    }
    let ask = |text: &[u32]| of_whole_prompt(&[&shown[..], &[30], text, &[31]].concat());
    let empty = [ask(&[33]), ask(&[])];
    let prior = [0, 1].map(|label| (empty[0][label] + empty[1][label]) / 2.0);
    for (found, text) in found.iter().zip([&[11, 12][..], &[]]) {
        let [a, b] = ask(text);
        let (a, b) = (a / prior[0], b / prior[1]);
        assert!((found[0] - a / (a + b)).abs() < 1e-4, "{found:?}, {a} {b}");
    }
    assert_eq!(trained.texts("shown", "label").len(), 2);
    assert!(trained.notes[0].starts_with("2 labels, 2 examples of up to "));
}

#[test]
fn the_model_is_judged_like_any_other() {
    let trained = trial(json!({ "content_free": [], "demonstrations": 0 })).run();
    let rows = labelled(&[("w11 w12", "w20"), ("w40", "w21")]);
    let predicted = predict(&trained, json!({ "top_k": 1 }), &rows);
    let expected = [
        of_whole_prompt(&[30, 11, 12, 31]),
        of_whole_prompt(&[30, 40, 31]),
    ];
    for (found, expected) in scores(&predicted).iter().zip(expected) {
        assert!(
            (found[0] - expected[0]).abs() < 1e-4,
            "{found:?} {expected:?}"
        );
    }
    let judged = Trial::new::<Evaluate>(json!({}))
        .input("test", &predicted.table("predictions"))
        .artifact("model", &trained.path("model"), &[])
        .run();
    let metrics = judged.json("metrics");
    assert_eq!(metrics["method"], "in_context");
    assert_eq!(metrics["training_rows"], 4);
}

#[test]
fn thresholds_are_found_on_validation_rows() {
    let valid = labelled(&[("w11 w12", "w20 w21"), ("w40", "w20 w21")]);
    let trained = trial(json!({})).input("valid", &valid).run();
    let predicted = predict(&trained, json!({}), &valid);
    // Every row has every label, so the least probability is enough.
    assert_eq!(
        predicted.labels("predictions", "predicted"),
        [["w20", "w21"], ["w20", "w21"]]
    );
}

#[test]
fn long_texts_are_cut_and_too_many_examples_refused() {
    let trained = trial(json!({})).run();
    let long = format!("w11 {}", "w12 ".repeat(60));
    let cut = predict(&trained, json!({}), &labelled(&[(&long, "")]));
    assert!(
        cut.notes[0].contains("1 of 1 texts cut to"),
        "{:?}",
        cut.notes
    );
    // 24 tokens; each example takes 4 and its text.
    let said = trial(json!({ "max_length": 8 })).fails();
    assert!(said.contains("2 examples and a text of 8 tokens"), "{said}");
    let said = trial(json!({ "demonstrations": 4, "instruction": "w1 w5 w6 w7 w8 w9" })).fails();
    assert!(said.contains("do not fit into the model's 24"), "{said}");
}

#[test]
fn words_that_tell_nothing_apart_are_refused() {
    let said = trial(json!({ "verbalizers": { "w20": "w21" } })).fails();
    assert!(
        said.contains("`w21` for the label `w21` is also that of `w20`"),
        "{said}"
    );
    let said = trial(json!({ "verbalizers": { "bug": "w21" } })).fails();
    assert!(said.contains("words for `bug`"), "{said}");
    let said = Trial::new::<Train<InContext>>(json!({}))
        .input("train", &training())
        .kept("model", word_model("roberta_masked_lm", &[]))
        .fails();
    assert!(said.contains("gpt2"), "{said}");
    for template in ["{text} {label}", "w1 {label} w2 {text}", "{text} is"] {
        let problems = trial(json!({ "template": template })).problems();
        assert_eq!(problems[0].parameter, "template");
    }
}
