//! The losses of prompts beside PyTorch, their training, and prompts with examples.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    bits, close, devices, expected, floats, masked_lm, multi, names, native, single,
    straight_and_resumed, text, vocabulary,
};
use methods::loss::Goal;
use methods::prompt::in_context::{Causal, CausalScorer, Demonstration, InContext, choose};
use methods::prompt::{
    Objective, Pattern, Piece, Words, among_labels, decoupled, label_conditioned,
};
use methods::{
    Decision, InContextClassifier, Labelled, MethodError, Optimisation, Problem, Prompt,
    PromptClassifier, Prompting, Session, Targets, Text, Thresholds, prompt,
};
use nn::bert::MaskedLm;
use nn::gpt2::{Gpt2Config, Gpt2LanguageModel};
use nn::{Forward, Init, Pretrained};
use serde_json::Value;
use tensor::{DType, Device, RandomKey, Tensor};

fn check(loss: &Tensor, leaf: &Tensor, case: &Value) {
    close(
        &[loss.item().expect("a loss")],
        &[case["loss"].as_f64().expect("a loss") as f32],
        1e-5,
        "loss",
    );
    let gradients = loss.backward().expect("gradients");
    let gradient = gradients
        .get(leaf)
        .expect("a gradient")
        .to_f32_vec()
        .expect("numbers");
    close(&gradient, &floats(&case["gradient"]), 1e-5, "gradient");
}

fn scores(case: &Value, rows: usize, device: &Device) -> Tensor {
    Tensor::new(&floats(&case["scores"]), [rows, 20], device)
        .and_then(|x| x.requires_grad())
        .expect("scores")
}

fn whole(value: &Value) -> Vec<u32> {
    floats(value).into_iter().map(|x| x as u32).collect()
}

#[test]
fn both_losses_of_adapet_equal_those_of_pytorch() {
    for device in devices() {
        let case = &expected()["adapet"]["label"];
        let leaf = scores(case, 4, &device);
        let verbalizers: Vec<Vec<u32>> = whole(&case["words"])
            .into_iter()
            .map(|word| vec![word])
            .collect();
        let words = Words::new(&verbalizers, &device).expect("words");
        let q = words.probabilities(&leaf).expect("probabilities");
        close(
            &q.to_f32_vec().expect("numbers"),
            &floats(&case["probabilities"]),
            1e-6,
            "probabilities",
        );
        let has = Tensor::new(&floats(&case["targets"]), [4, 3], &device).expect("targets");
        check(&decoupled(&q, &has).expect("a loss"), &leaf, case);
        let case = &expected()["adapet"]["conditioned"];
        let leaf = scores(case, 6, &device);
        let words = Tensor::new(&whole(&case["originals"]), [6], &device).expect("words");
        let right = Tensor::new(&floats(&case["right"]), [6], &device).expect("right ones");
        check(
            &label_conditioned(&leaf, &words, &right).expect("a loss"),
            &leaf,
            case,
        );
    }
}

#[test]
fn a_label_of_several_words_has_the_mean_of_their_probabilities_and_pets_loss_looks_at_labels_alone()
 {
    let device = native();
    let scores = [1.0_f32, 2.0, 0.0, -1.0];
    let sum: f32 = scores.iter().map(|x| x.exp()).sum();
    let q = [
        (1.0_f32.exp() + (-1.0_f32).exp()) / 2.0 / sum,
        2.0_f32.exp() / sum,
    ];
    let tensor = Tensor::new(&scores, [1, 4], &device).expect("scores");
    let words = Words::new(&[vec![0, 3], vec![1]], &device).expect("words");
    let found = words.probabilities(&tensor).expect("probabilities");
    close(&found.to_f32_vec().expect("numbers"), &q, 1e-6, "q");
    let goal = Goal::new(&Targets::Single(vec![0]), &[0], &device).expect("a goal");
    let loss = among_labels(&found, &goal)
        .and_then(|loss| Ok(loss.item()?))
        .expect("a loss");
    close(&[loss], &[-(q[0] / (q[0] + q[1])).ln()], 1e-6, "loss");
}

/// `[CLS] text 30 [MASK] [SEP]`, with words 31 to 33 for the labels.
fn pattern() -> Prompt {
    Prompt {
        pattern: Pattern {
            pieces: vec![
                Piece::Tokens(vec![1]),
                Piece::Text,
                Piece::Tokens(vec![30]),
                Piece::Mask,
                Piece::Tokens(vec![2]),
            ],
            max_tokens: 12,
        },
        verbalizers: vec![vec![31], vec![32], vec![33]],
    }
}

fn quick() -> Prompting {
    Prompting {
        optimisation: Optimisation {
            epochs: 100.0,
            learning_rate: 2e-3,
            ..Optimisation::default()
        },
        ..Prompting::default()
    }
}

type Case = (
    fn(usize, u64) -> (Vec<Text>, Targets),
    Objective,
    Thresholds,
);

#[test]
fn labels_that_words_tell_are_learned_by_either_loss() {
    let device = native();
    let cases: [Case; 3] = [
        (single, Objective::Decoupled, Thresholds::Half),
        (single, Objective::AmongLabels, Thresholds::Half),
        (multi, Objective::Decoupled, Thresholds::One),
    ];
    for (make, objective, thresholds) in cases {
        let ((texts, targets), (new, known), validation) = (make(72, 1), make(60, 2), make(30, 4));
        let options = Prompting {
            objective,
            thresholds,
            ..quick()
        };
        let data = (
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            thresholds.need_validation().then_some(Labelled {
                texts: &validation.0,
                targets: &validation.1,
            }),
        );
        let (trained, _) = prompt(
            masked_lm(&device),
            &vocabulary(),
            &pattern(),
            &names(3),
            data,
            &options,
            &mut Session::new(7, &mut ()),
        )
        .expect("a training");
        let found = trained.predict(&new, DType::F32).expect("predictions");
        let all = (0..60).flat_map(|text| (0..3).map(move |label| (text, label)));
        let right = all
            .filter(|&(text, label)| found.has(text, label) == known.has(text, label))
            .count();
        assert!(right > 144, "{right} of 180 by {objective:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model");
        trained.save(&path).expect("a folder");
        let opened = PromptClassifier::open(&path, &device).expect("a model");
        let of = |model: &PromptClassifier<MaskedLm>| {
            model
                .probabilities(&new, DType::F32)
                .expect("probabilities")
        };
        assert_eq!(
            (of(&opened), &opened.decision),
            (of(&trained), &trained.decision)
        );
    }
}

#[test]
fn an_interrupted_training_ends_with_the_bits_of_one_that_is_not() {
    let device = native();
    let (texts, targets) = multi(12, 1);
    let options = Prompting {
        optimisation: Optimisation {
            epochs: 4.0,
            ..quick().optimisation
        },
        ..quick()
    };
    let [(straight, notes), (resumed, again)] = straight_and_resumed(&[3], |session| {
        let data = (
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            None,
        );
        prompt(
            masked_lm(&device),
            &vocabulary(),
            &pattern(),
            &names(3),
            data,
            &options,
            session,
        )
    });
    assert!(bits(&straight.0.network) == bits(&resumed.0.network));
    assert_eq!(notes.losses(), again.losses());
}

#[test]
fn prompts_that_cannot_work_are_refused_with_what_to_do() {
    let device = native();
    let (texts, targets) = multi(12, 1);
    let refused = |change: &dyn Fn(&mut Prompt), options: &Prompting| {
        let mut changed = pattern();
        change(&mut changed);
        let data = (
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            None,
        );
        let outcome = prompt(
            masked_lm(&device),
            &vocabulary(),
            &changed,
            &names(3),
            data,
            options,
            &mut Session::new(7, &mut ()),
        );
        outcome.map(|_| ()).expect_err("an error").to_string()
    };
    let no_mask = refused(
        &|prompt| prompt.pattern.pieces.retain(|piece| *piece != Piece::Mask),
        &quick(),
    );
    assert!(no_mask.contains("one mask"), "{no_mask}");
    let same = refused(&|prompt| prompt.verbalizers[1] = vec![31], &quick());
    assert!(
        same.contains("`label0` and `label1` have a word in common"),
        "{same}"
    );
    let long = refused(&|prompt| prompt.pattern.max_tokens = 99, &quick());
    assert!(long.contains("takes 16"), "{long}");
    let unknown = refused(&|prompt| prompt.verbalizers[2] = vec![400], &quick());
    assert!(unknown.contains("token 400"), "{unknown}");
    let several = refused(
        &|_| {},
        &Prompting {
            objective: Objective::AmongLabels,
            ..quick()
        },
    );
    assert!(several.contains("use the decoupled one"), "{several}");
}

/// Prefers label 0 whatever it reads, and less so the more often word 9 is in the prompt.
struct Biased;

impl CausalScorer for Biased {
    fn max_tokens(&self) -> usize {
        24
    }

    fn log_probabilities(
        &self,
        prompts: &[Vec<u32>],
        words: &[Vec<u32>],
    ) -> methods::Result<Vec<Vec<f32>>> {
        let of = |prompt: &Vec<u32>, words: &Vec<u32>| {
            assert!(prompt.len() + words.len() <= self.max_tokens());
            let nines = prompt.iter().filter(|id| **id == 9).count() as f32;
            let p = 0.8 / (1.0 + nines);
            words.len() as f32 * if words[0] == 31 { p } else { 1.0 - p }.ln()
        };
        Ok(prompts
            .iter()
            .map(|prompt| words.iter().map(|words| of(prompt, words)).collect())
            .collect())
    }
}

fn shown() -> InContext {
    InContext {
        instruction: vec![20, 21],
        demonstrations: vec![
            Demonstration {
                text: vec![11, 12],
                label: 0,
            },
            Demonstration {
                text: vec![13],
                label: 1,
            },
        ],
        before: vec![22],
        between: vec![23],
        after: vec![24],
        verbalizers: vec![vec![31], vec![32, 33]],
        by_length: true,
    }
}

#[test]
fn what_a_model_prefers_without_content_is_divided_out() {
    let texts = [text(&[9]), text(&[10])];
    let plain = shown()
        .probabilities(&Biased, &texts)
        .expect("probabilities");
    close(&plain, &[0.4, 0.6, 0.8, 0.2], 1e-6, "plain");
    let calibrated = shown()
        .calibrated(&Biased, &texts, &[text(&[]), text(&[14])])
        .expect("probabilities");
    // p / (0.8, 0.2), brought to sum 1.
    close(
        &calibrated,
        &[0.5 / 3.5, 3.0 / 3.5, 0.5, 0.5],
        1e-6,
        "calibrated",
    );
    assert!(matches!(
        shown().calibrated(&Biased, &texts, &[]),
        Err(MethodError::Input { .. })
    ));
}

#[test]
fn examples_stand_before_the_text_as_far_as_there_is_room() {
    let prompt = |text: &[u32], most| shown().prompt(text, most).expect("a prompt");
    let first = [22, 11, 12, 23, 31, 24];
    let second = [22, 13, 23, 32, 33, 24];
    assert_eq!(
        prompt(&[15], 24),
        [&[20, 21], &first[..], &second, &[22, 15, 23]].concat()
    );
    assert_eq!(
        prompt(&[15], 16),
        [&[20, 21], &first[..], &[22, 15, 23]].concat()
    );
    assert_eq!(prompt(&[15; 9], 8), [20, 21, 22, 15, 15, 15, 15, 23]);
    assert!(shown().prompt(&[15], 4).is_err());
}

fn small_gpt2(device: &Device) -> Gpt2LanguageModel {
    let config = Gpt2Config {
        vocab_size: 40,
        n_positions: 24,
        n_embd: 16,
        n_layer: 2,
        n_head: 2,
        ..Gpt2Config::default()
    };
    let init = Init {
        deviation: 0.3,
        key: RandomKey::new(3),
        device,
    };
    Gpt2LanguageModel::new(&config, &init).expect("a model")
}

#[test]
fn a_causal_model_scores_words_as_its_whole_text_does() {
    let device = native();
    let model = small_gpt2(&device);
    let causal = Causal {
        model: &model,
        cache: model.model().cache(1),
        forward: Forward::inference(),
    };
    let texts = [text(&[15, 16]), text(&[10])];
    let shown = InContext {
        by_length: false,
        ..shown()
    };
    let found = shown.probabilities(&causal, &texts).expect("probabilities");
    for (text, found) in texts.iter().zip(found.chunks(2)) {
        let prompt = shown
            .prompt(&text.ids[1..text.len() - 1], 22)
            .expect("a prompt");
        let sums: Vec<f32> = shown
            .verbalizers
            .iter()
            .map(|words| {
                let whole = [&prompt[..], words].concat();
                let packed =
                    nn::Packed::new(std::slice::from_ref(&whole), &device).expect("a text");
                let scores = model
                    .forward(&packed, Forward::inference())
                    .and_then(|scores| Ok(scores.log_softmax(1)?.to_f32_vec()?))
                    .expect("scores");
                (prompt.len()..whole.len())
                    .map(|place| scores[(place - 1) * 40 + whole[place] as usize])
                    .sum()
            })
            .collect();
        let first = 1.0 / (1.0 + (sums[1] - sums[0]).exp());
        close(found, &[first, 1.0 - first], 1e-4, "probabilities");
    }
}

#[test]
fn examples_that_are_read_once_give_what_whole_prompts_give_before_and_after_saving() {
    let model = small_gpt2(&native());
    let causal = Causal {
        model: &model,
        cache: model.model().cache(1),
        forward: Forward::inference(),
    };
    let (texts, empty) = (
        [text(&[15, 16]), text(&[10]), text(&[])],
        [text(&[]), text(&[9])],
    );
    let expected = shown()
        .calibrated(&causal, &texts, &empty)
        .expect("probabilities");
    let decision = Decision {
        problem: Problem::Single,
        labels: vec!["a".to_owned(), "b".to_owned()],
        thresholds: vec![0.5; 2],
    };
    let classifier = InContextClassifier::new(model.clone(), shown(), &empty, decision.clone())
        .expect("a classifier");
    let go_on = |_| false;
    let found = classifier.probabilities(&texts, DType::F32, &go_on);
    close(&found.expect("numbers"), &expected, 1e-5, "read once");
    let folder = tempfile::tempdir().expect("a folder");
    classifier.save(folder.path()).expect("a saved model");
    let read = InContextClassifier::open(folder.path(), &native()).expect("the model");
    let found = read.probabilities(&texts, DType::F32, &go_on);
    close(&found.expect("numbers"), &expected, 1e-5, "saved");
    let stopped = read.probabilities(&texts, DType::F32, &|_| true);
    assert!(matches!(stopped, Err(MethodError::Interrupted { .. })));

    let long = InContext {
        instruction: vec![20; 20],
        ..shown()
    };
    let refused = InContextClassifier::new(model, long, &[], decision).expect_err("an error");
    assert!(
        refused.to_string().contains("the model takes 24"),
        "{refused}"
    );
}

#[test]
fn as_many_examples_of_each_label_are_shown_as_there_are() {
    let targets = Targets::Multi(vec![
        vec![true, true, false],
        vec![true, false, false],
        vec![false, true, false],
        vec![true, false, false],
        vec![false, false, false],
    ]);
    for seed in 0..20 {
        let key = RandomKey::new(seed);
        let two = choose(&targets, 3, 2, key);
        let mut labels: Vec<usize> = two.iter().map(|(_, label)| *label).collect();
        labels.sort_unstable();
        assert_eq!(labels, [0, 1]);
        // Those with one label only come first.
        assert!(
            two.iter().all(|(row, _)| [1, 2, 3].contains(row)),
            "{two:?}"
        );
        let mut all: Vec<usize> = choose(&targets, 3, 9, key)
            .iter()
            .map(|one| one.0)
            .collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
    }
    let key = RandomKey::new(1);
    assert_eq!(choose(&targets, 3, 4, key), choose(&targets, 3, 4, key));
}
