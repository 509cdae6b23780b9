//! Weights in files: written, read, cut into shards, damaged, and of other models.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{fixtures, model};
use nn::bert::{
    BertConfig, BertForMaskedLm, BertForSequenceClassification, BertModel, Pretrained,
    SentenceEncoder,
};
use nn::safetensors::{SafeTensors, Weights, write, write_sharded};
use nn::{Forward, named_tensors};
use tensor::{DType, Device, RandomKey, Tensor};

fn written(name: &str, header: &str, data: &[u8], folder: &Path) -> std::path::PathBuf {
    let path = folder.join(name);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(&path, bytes).expect("a file");
    path
}

fn refusal(header: &str, data: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written("m.safetensors", header, data, folder.path());
    SafeTensors::open(path).expect_err("an error").to_string()
}

#[test]
fn tensors_of_every_type_come_back_with_the_same_bits() {
    let device = Device::cpu();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.safetensors");
    let single = Tensor::new(
        &[1.5_f32, -0.0, f32::MIN_POSITIVE, f32::NAN],
        [2, 2],
        &device,
    )
    .expect("a tensor");
    let tensors = vec![
        ("f32".to_owned(), single.clone()),
        (
            "f16".to_owned(),
            single
                .narrow(1, 0, 1)
                .and_then(|x| x.cast(DType::F16))
                .expect("a tensor"),
        ),
        (
            "bf16".to_owned(),
            single.cast(DType::BF16).expect("a tensor"),
        ),
        (
            "u32".to_owned(),
            Tensor::new(&[7_u32, u32::MAX], [2], &device).expect("a tensor"),
        ),
        (
            "i32".to_owned(),
            Tensor::new(&[-7_i32], (), &device).expect("a tensor"),
        ),
        (
            "bool".to_owned(),
            Tensor::from_bools(&[true, false, true], [3], &device).expect("a tensor"),
        ),
        (
            "empty".to_owned(),
            Tensor::zeros([0, 3], &device).expect("a tensor"),
        ),
        ("view".to_owned(), single.transpose(0, 1).expect("a view")),
    ];
    write(&path, &tensors).expect("a file");
    let file = SafeTensors::open(&path).expect("a file");
    assert_eq!(file.names().count(), tensors.len());
    assert_eq!(file.metadata()["format"], "pt");
    for (name, tensor) in &tensors {
        let read = file
            .get(name)
            .expect("a tensor")
            .tensor(&device)
            .expect("a tensor");
        assert_eq!(
            (read.shape(), read.dtype()),
            (tensor.shape(), tensor.dtype()),
            "{name}"
        );
        assert_eq!(
            read.bytes().expect("bytes"),
            tensor.bytes().expect("bytes"),
            "{name}"
        );
    }
    assert_eq!(
        fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "nothing temporary remains"
    );
}

#[test]
fn data_that_lie_anywhere_in_a_file_and_doubles_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let header = r#"{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"c":{"dtype":"F64","shape":[],"data_offsets":[9,17]},"d":{"dtype":"I64","shape":[1],"data_offsets":[17,25]}}"#;
    let data = [
        &[1_u8][..],
        &2.5_f32.to_le_bytes(),
        &(-1.0_f32).to_le_bytes(),
        &0.1_f64.to_le_bytes(),
        &7_i64.to_le_bytes(),
    ]
    .concat();
    let file = SafeTensors::open(written("odd.safetensors", header, &data, folder.path()))
        .expect("a file");
    let load = |name: &str| file.get(name).expect("a tensor").tensor(&Device::cpu());
    assert_eq!(
        load("b").expect("a tensor").to_f32_vec().expect("values"),
        [2.5, -1.0]
    );
    assert_eq!(load("c").expect("a tensor").item().expect("a number"), 0.1);
    let error = load("d").expect_err("an error").to_string();
    assert!(
        error.contains("odd.safetensors") && error.contains("`d`") && error.contains("I64"),
        "{error}"
    );
}

#[test]
fn files_that_are_cut_off_or_lie_are_refused_with_the_tensor_and_the_reason() {
    let at =
        |place: &str| format!(r#"{{"w":{{"dtype":"F32","shape":[2],"data_offsets":{place}}}}}"#);
    for (header, data, expected) in [
        (at("[0,8]"), 4, "`w`: it ends at byte"),
        (at("[8,0]"), 8, "ends at 0 before it begins at 8"),
        (at("[0,4]"), 4, "F32 of shape [2] do not fill its 4 bytes"),
        (at("[0,18446744073709551615]"), 8, "is no place in a file"),
        (at("[4,12]"), 12, "leaves a gap"),
        (at("[0,8]"), 12, "4 bytes behind the last tensor"),
        (at("[-1,8]"), 8, "`w`"),
        (r#"{"w":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#.to_owned(), 8, "do not fill"),
        (r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}"#.to_owned(), 1, "twice"),
        (r#"{"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#.to_owned(), 3, "overlaps"),
        ("[1,2]".to_owned(), 0, "its header"),
        ("{".to_owned(), 0, "its header"),
    ] {
        let error = refusal(&header, &vec![0; data]);
        assert!(error.contains(expected) && error.contains("m.safetensors"), "{header}: {error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |bytes: &[u8]| {
        let path = folder.path().join("short.safetensors");
        fs::write(&path, bytes).expect("a file");
        SafeTensors::open(path).expect_err("an error").to_string()
    };
    assert!(refused(b"").contains("0 bytes"));
    assert!(refused(&[200, 0, 0, 0, 0, 0, 0, 0, b'{']).contains("cut off after 1"));
    assert!(refused(b"PK\x03\x04 a pickle in a zip file").contains("no safetensors file"));
    let missing = SafeTensors::open(folder.path().join("none"))
        .expect_err("an error")
        .to_string();
    assert!(missing.contains("opening weights"), "{missing}");
}

#[test]
fn shards_are_cut_at_their_size_and_read_through_their_index() {
    let device = Device::cpu();
    let folder = tempfile::tempdir().expect("a folder");
    let tensors: Vec<(String, Tensor)> = (0..5)
        .map(|place| {
            (
                format!("t{place}"),
                Tensor::full(place as f32, [10], DType::F32, &device).expect("a tensor"),
            )
        })
        .collect();
    let files = write_sharded(folder.path(), &tensors, 90).expect("files");
    let names: Vec<_> = files
        .iter()
        .map(|file| {
            file.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let expected = [1, 2, 3].map(|number| format!("model-{number:05}-of-00003.safetensors"));
    assert_eq!(names, expected);
    let weights = Weights::open(folder.path()).expect("weights");
    assert_eq!(
        weights.names().collect::<Vec<_>>(),
        ["t0", "t1", "t2", "t3", "t4"]
    );
    assert_eq!(
        weights
            .get("t3")
            .expect("a tensor")
            .tensor(&device)
            .expect("a tensor")
            .to_f32_vec()
            .expect("values"),
        [3.0; 10]
    );
    let index = folder.path().join("model.safetensors.index.json");
    let text = fs::read_to_string(&index).expect("an index");
    assert!(text.contains("\"total_size\": 200"), "{text}");
    fs::write(&index, text.replace("\"t4\"", "\"t5\"")).expect("an index");
    let error = Weights::open(folder.path())
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("model-00003-of-00003.safetensors") && error.contains("`t5`"),
        "{error}"
    );
    fs::write(&index, r#"{"weight_map": {"t": "../t.safetensors"}}"#).expect("an index");
    assert!(
        Weights::open(folder.path())
            .expect_err("an error")
            .to_string()
            .contains("not beside it")
    );
}

#[test]
fn a_folder_without_safetensors_is_refused_and_pickles_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(
        Weights::open(folder.path())
            .expect_err("an error")
            .to_string()
            .contains("has neither")
    );
    fs::write(folder.path().join("pytorch_model.bin"), b"").expect("a file");
    assert!(
        Weights::open(folder.path())
            .expect_err("an error")
            .to_string()
            .contains("a pickle")
    );
}

#[test]
fn names_with_and_without_prefix_serve_both_kinds_of_models_and_heads_are_reported() {
    let device = Device::cpu();
    let config = BertConfig::read(fixtures().join("config.json")).expect("a configuration");
    let key = RandomKey::new(1);
    let classifier = fixtures().join("classifier.safetensors");
    let (bare, report) =
        BertModel::from_folder_with(&classifier, &config, key, &device).expect("a model");
    assert_eq!(report.unexpected, ["classifier.bias", "classifier.weight"]);
    assert!(report.missing.is_empty() && report.mismatched.is_empty());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bare");
    bare.save(&path).expect("a folder");
    let (again, report) =
        BertForSequenceClassification::from_folder(&path, key, &device).expect("a model");
    assert_eq!(report.missing, ["classifier.weight", "classifier.bias"]);
    for ((name, a), (_, b)) in named_tensors(&bare)
        .expect("tensors")
        .iter()
        .zip(&named_tensors(again.bert()).expect("tensors"))
    {
        assert_eq!(
            a.bytes().expect("bytes"),
            b.bytes().expect("bytes"),
            "{name}"
        );
    }
    // A classifier of other labels is drawn anew, and said so; other parts must fit.
    let labels = config.clone().with_labels(&["a", "b", "c", "d"]);
    let (_, report) =
        BertForSequenceClassification::from_folder_with(&classifier, &labels, key, &device)
            .expect("a model");
    assert_eq!(report.mismatched.len(), 2);
    let wider = BertConfig {
        intermediate_size: 65,
        ..config
    };
    let error = BertModel::from_folder_with(&classifier, &wider, key, &device)
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("encoder.layer.0.intermediate.dense.weight [64, 32] for [65, 32]"),
        "{error}"
    );
}

#[test]
fn configurations_that_make_no_model_are_refused_with_file_and_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.json");
    let refused = |text: &str| {
        fs::write(&path, text).expect("a file");
        let error = BertConfig::read(&path).expect_err("an error").to_string();
        assert!(error.contains("config.json"), "{error}");
        error
    };
    assert!(refused("{").contains("not as expected"));
    assert!(refused(r#"{"hidden_size": "wide"}"#).contains("invalid type"));
    assert!(
        refused(r#"{"hidden_size": 30, "num_attention_heads": 4}"#)
            .contains("num_attention_heads is 4: hidden_size, 30")
    );
    let unknown = refused(r#"{"model_type": "t5"}"#);
    assert!(
        unknown.contains("model_type is t5") && unknown.contains("bert, distilbert, roberta"),
        "{unknown}"
    );
    let roberta = r#"{"model_type": "roberta", "max_position_embeddings": 2}"#;
    assert!(refused(roberta).contains("first 2 rows"));
    assert!(refused(r#"{"hidden_act": "swish"}"#).contains("hidden_act is `swish`"));
    assert!(refused(r#"{"hidden_dropout_prob": 1.0}"#).contains("hidden_dropout_prob is 1"));
    assert!(
        refused(r#"{"position_embedding_type": "relative_key"}"#)
            .contains("position_embedding_type")
    );
    assert!(refused(r#"{"vocab_size": 0}"#).contains("vocab_size is 0"));
}

#[test]
fn a_saved_folder_loads_with_the_same_bits_and_keeps_its_other_files() {
    let device = Device::cpu();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    let model: BertForMaskedLm = model("masked_lm.safetensors", &device);
    model.save(&path).expect("a folder");
    fs::write(path.join("tokenizer.json"), "{}").expect("a file");
    model.save_sharded(&path, 50_000).expect("a folder");
    assert!(path.join("tokenizer.json").is_file() && !path.join("model.safetensors").exists());
    let (again, report) =
        BertForMaskedLm::from_folder(&path, RandomKey::new(9), &device).expect("a model");
    assert_eq!(report, nn::LoadReport::default());
    for ((name, a), (_, b)) in named_tensors(&model)
        .expect("tensors")
        .iter()
        .zip(&named_tensors(&again).expect("tensors"))
    {
        assert_eq!(
            a.bytes().expect("bytes"),
            b.bytes().expect("bytes"),
            "{name}"
        );
    }
    let encoder = SentenceEncoder::from_folder(&path, RandomKey::new(9), &device).expect("a model");
    assert_eq!(encoder.1.missing.len(), 0);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

/// `ENGINE_SAVE_MODELS=FOLDER cargo test -p nn --test files kept_for`, then `python tests/peers/bert.py check FOLDER`.
#[test]
fn saved_folders_are_kept_for_transformers_to_read() {
    let Some(folder) = std::env::var_os("ENGINE_SAVE_MODELS") else {
        eprintln!("ignored: ENGINE_SAVE_MODELS names no folder");
        return;
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).expect("a folder");
    let device = Device::cpu();
    let fixture = common::expected();
    let texts = common::texts(&fixture, &device);
    let classifier: BertForSequenceClassification = model("classifier.safetensors", &device);
    classifier
        .save(folder.join("classifier"))
        .expect("a folder");
    let masked: BertForMaskedLm = model("masked_lm.safetensors", &device);
    masked.save(folder.join("masked_lm")).expect("a folder");
    masked
        .save_sharded(folder.join("sharded"), 60_000)
        .expect("a folder");
    let scores = |logits: nn::Result<Tensor>| {
        logits
            .and_then(|logits| Ok(logits.to_f32_vec()?))
            .expect("logits")
    };
    let of_words = scores(masked.forward(&texts, None, Forward::inference()));
    let outputs = serde_json::json!({
        "ids": fixture["ids"],
        "types": fixture["types"],
        "classifier": scores(classifier.forward(&texts, Forward::inference())),
        "masked_lm": of_words,
        "sharded": of_words,
    });
    fs::write(folder.join("outputs.json"), outputs.to_string()).expect("a file");
}
