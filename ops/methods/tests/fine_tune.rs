//! Fine-tuning beside `transformers`' Trainer, and as users meet it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    Notes, bits, classifier, close, devices, expected, fixtures, floats, multi, names, native,
    single, straight_and_resumed,
};
use methods::{
    Classifier, FineTune, Labelled, MethodError, Metric, Optimisation, Problem, Selection, Session,
    Targets, Text, Thresholds, fine_tune, with_labels,
};
use nn::bert::{BertConfig, BertForSequenceClassification, Pretrained};
use nn::optim::Decay;
use tensor::{DType, RandomKey};

fn quick() -> FineTune {
    FineTune {
        optimisation: Optimisation {
            epochs: 40.0,
            learning_rate: 2e-3,
            warmup: 0.1,
            ..Optimisation::default()
        },
        ..FineTune::default()
    }
}

#[test]
fn losses_follow_those_of_the_trainer_of_transformers_step_by_step() {
    for case in expected()["trainer"].as_array().expect("cases") {
        let texts: Vec<Text> = case["ids"]
            .as_array()
            .expect("texts")
            .iter()
            .map(|ids| {
                let ids: Vec<u32> = floats(ids).into_iter().map(|id| id as u32).collect();
                Text {
                    special: vec![false; ids.len()],
                    ids,
                }
            })
            .collect();
        let problem = case["problem"].as_str().expect("a problem");
        let targets = match problem == Problem::Single.name() {
            true => Targets::Single(
                floats(&case["labels"])
                    .into_iter()
                    .map(|x| x as u32)
                    .collect(),
            ),
            false => {
                let rows = case["labels"].as_array().expect("rows").iter();
                Targets::Multi(
                    rows.map(|row| floats(row).into_iter().map(|x| x == 1.0).collect())
                        .collect(),
                )
            }
        };
        let mut config =
            BertConfig::read(fixtures().join("bert/config.json")).expect("a configuration");
        (
            config.hidden_dropout_prob,
            config.attention_probs_dropout_prob,
        ) = (0.0, 0.0);
        let config = with_labels(&config, &names(3), targets.problem());
        let options = FineTune {
            optimisation: Optimisation {
                batch_size: 4,
                learning_rate: 1e-3,
                weight_decay: 0.1,
                decay: Decay::Cosine,
                warmup: 2.0,
                shuffle: false,
                ..Optimisation::default()
            },
            ..FineTune::default()
        };
        for device in devices() {
            let file = fixtures().join("bert/classifier.safetensors");
            let (network, _) = BertForSequenceClassification::from_folder_with(
                file,
                &config,
                RandomKey::new(0),
                &device,
            )
            .expect("a model");
            let mut notes = Notes::default();
            let data = Labelled {
                texts: &texts,
                targets: &targets,
            };
            let (trained, outcome) = fine_tune(
                network,
                &names(3),
                data,
                None,
                &options,
                &mut Session::new(1, &mut notes),
            )
            .expect("a training");
            assert_eq!(outcome.steps, 12);
            close(&notes.losses(), &floats(&case["losses"]), 1e-3, problem);
            let logits = methods::loss::Goal::new(&targets, &[], &device).and_then(|_| {
                let packed = nn::Packed::new(&texts, &device)?;
                Ok(trained
                    .network
                    .forward(&packed, nn::Forward::inference())?
                    .to_f32_vec()?)
            });
            close(
                &logits.expect("logits"),
                &floats(&case["logits"]),
                5e-3,
                problem,
            );
        }
    }
}

#[test]
fn labels_that_words_tell_are_learned_and_found_in_new_texts() {
    let device = native();
    for make in [single, multi] {
        let ((texts, targets), (new, known)) = (make(96, 1), make(60, 2));
        let mut notes = Notes::default();
        let (trained, _) = fine_tune(
            classifier(3, &targets, &device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            None,
            &quick(),
            &mut Session::new(7, &mut notes),
        )
        .expect("a training");
        let found = trained.predict(&new, DType::F32).expect("predictions");
        let right = (0..60)
            .flat_map(|text| (0..3).map(move |label| (text, label)))
            .filter(|&(text, label)| found.has(text, label) == known.has(text, label))
            .count();
        assert!(
            right >= 170,
            "{right} of 180 decisions on {device}; losses {:?}",
            notes.losses()
        );
        assert!(notes.warnings.is_empty());
    }
}

#[test]
fn the_best_model_on_validation_is_kept_and_training_stops_without_gain() {
    let device = native();
    let ((texts, targets), (new, known)) = (multi(24, 1), multi(40, 2));
    let options = FineTune {
        optimisation: Optimisation {
            epochs: 60.0,
            learning_rate: 5e-3,
            ..Optimisation::default()
        },
        selection: Some(Selection {
            metric: Metric::Loss,
            every: None,
            patience: Some(3),
        }),
        thresholds: Thresholds::PerLabel,
    };
    let validation = Labelled {
        texts: &new,
        targets: &known,
    };
    let mut notes = Notes::default();
    let (trained, outcome) = fine_tune(
        classifier(3, &targets, &device),
        &names(3),
        Labelled {
            texts: &texts,
            targets: &targets,
        },
        Some(validation),
        &options,
        &mut Session::new(7, &mut notes),
    )
    .expect("a training");
    assert!(
        outcome.stopped_early && outcome.steps < 180,
        "{} steps",
        outcome.steps
    );
    let losses: Vec<f64> = notes
        .evaluations
        .iter()
        .filter_map(|evaluation| evaluation.metric("loss"))
        .collect();
    let best = outcome.best.expect("a best one");
    assert!(
        losses.iter().all(|loss| *loss >= losses[best]),
        "{best} in {losses:?}"
    );
    assert_eq!(best + 4, losses.len());
    // Computed again from the model that was kept.
    let probabilities = trained
        .probabilities(&new, DType::F32)
        .expect("probabilities");
    let loss: f64 = (0..40)
        .flat_map(|text| (0..3).map(move |label| (text, label)))
        .map(|(text, label)| {
            let p = f64::from(probabilities[3 * text + label]);
            -if known.has(text, label) {
                p.ln()
            } else {
                (1.0 - p).ln()
            }
        })
        .sum::<f64>()
        / 120.0;
    assert!(
        (loss - losses[best]).abs() < 1e-5,
        "{loss} and {}",
        losses[best]
    );
    assert!(
        trained
            .decision
            .thresholds
            .iter()
            .all(|threshold| (0.0..1.0).contains(threshold))
    );
}

#[test]
fn a_training_that_is_interrupted_twice_ends_with_the_bits_of_one_that_is_not() {
    let device = native();
    let ((texts, targets), (new, known)) = (multi(24, 1), multi(20, 2));
    let options = FineTune {
        optimisation: Optimisation {
            epochs: 5.0,
            learning_rate: 5e-3,
            group_by_length: true,
            ..Optimisation::default()
        },
        selection: Some(Selection {
            metric: Metric::MacroF1,
            every: Some(2),
            patience: None,
        }),
        thresholds: Thresholds::One,
    };
    let [(straight, notes), (resumed, again)] = straight_and_resumed(&[4, 11], |session| {
        let validation = Some(Labelled {
            texts: &new,
            targets: &known,
        });
        fine_tune(
            classifier(3, &targets, &device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            validation,
            &options,
            session,
        )
    });
    assert!(bits(&straight.0.network) == bits(&resumed.0.network));
    assert_eq!(straight.0.decision, resumed.0.decision);
    assert_eq!(straight.1, resumed.1);
    assert_eq!(notes.losses(), again.losses());
    assert_eq!(notes.evaluations, again.evaluations);
    assert!(again.steps[..11].iter().all(|report| report.replayed) && !again.steps[11].replayed);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let device = native();
    let (texts, targets) = single(12, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let train = |seed, stop| {
        let mut notes = Notes::stopping_after(stop);
        let mut session = Session::new(seed, &mut notes).saved_in(folder.path());
        fine_tune(
            classifier(3, &targets, &device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            None,
            &quick(),
            &mut session,
        )
    };
    assert!(matches!(
        train(1, 2),
        Err(MethodError::Interrupted { step: 2, .. })
    ));
    let error = train(2, 99).expect_err("an error").to_string();
    assert!(
        error.contains("another training") && error.contains("remove the folder"),
        "{error}"
    );
}

#[test]
fn a_classifier_is_saved_as_a_folder_with_its_labels_and_read_again() {
    let device = native();
    let (texts, targets) = multi(16, 1);
    let train = || {
        fine_tune(
            classifier(3, &targets, &device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            None,
            &FineTune {
                thresholds: Thresholds::Fixed(0.3),
                ..FineTune::default()
            },
            &mut Session::new(7, &mut ()),
        )
        .expect("a training")
    };
    let (trained, _) = train();
    assert!(
        bits(&trained.network) == bits(&train().0.network),
        "the same seed, the same bits"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    trained.save(&path).expect("a folder");
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path.join("config.json")).expect("a file"))
            .expect("JSON");
    assert_eq!(config["problem_type"], "multi_label_classification");
    assert_eq!(config["id2label"]["2"], "label2");
    let opened = Classifier::open(&path, &device).expect("a model");
    assert_eq!(opened.decision, trained.decision);
    assert_eq!(opened.decision.thresholds, [0.3; 3]);
    let of = |model: &Classifier<BertForSequenceClassification>| {
        model
            .probabilities(&texts, DType::F32)
            .expect("probabilities")
    };
    assert_eq!(of(&opened), of(&trained));
}

#[test]
fn what_a_model_said_of_its_validation_texts_is_kept_with_it() {
    let device = native();
    let ((texts, targets), (new, known)) = (multi(16, 1), multi(12, 2));
    let options = FineTune {
        selection: Some(Selection::default()),
        ..quick()
    };
    let (trained, outcome) = fine_tune(
        classifier(3, &targets, &device),
        &names(3),
        Labelled {
            texts: &texts,
            targets: &targets,
        },
        Some(Labelled {
            texts: &new,
            targets: &known,
        }),
        &options,
        &mut Session::new(7, &mut ()),
    )
    .expect("a training");
    assert_eq!(outcome.logits.as_ref().map(Vec::len), Some(12 * 3));
    let of = |model: &Classifier<BertForSequenceClassification>, texts: &[Text]| {
        model
            .probabilities(texts, DType::F32)
            .expect("probabilities")
    };
    // Nothing is kept here, so all is computed.
    let bare = |model: &Classifier<_>| {
        Classifier::new(
            BertForSequenceClassification::clone(&model.network),
            model.decision.clone(),
        )
    };
    let both: Vec<Text> = [&texts[..2], &new[..], &texts[5..]].concat();
    let computed = of(&bare(&trained), &new);
    assert_eq!(of(&trained, &new), computed);
    close(
        &of(&trained, &both),
        &of(&bare(&trained), &both),
        1e-6,
        "all texts",
    );

    let folder = tempfile::tempdir().expect("a folder");
    trained.save(folder.path()).expect("a folder");
    let open = || {
        Classifier::<BertForSequenceClassification>::open(folder.path(), &device).expect("a model")
    };
    assert_eq!(of(&open(), &new), computed);
    // Of other weights in the same folder it says nothing.
    let other = classifier(3, &targets, &device);
    nn::safetensors::write(
        folder.path().join(nn::safetensors::WEIGHTS),
        &nn::named_tensors(&other).expect("tensors"),
    )
    .expect("a file");
    let replaced = of(&open(), &new);
    assert_ne!(replaced, computed);
    assert_eq!(replaced, of(&bare(&open()), &new));
    let elsewhere = tempfile::tempdir().expect("a folder");
    open().save(elsewhere.path()).expect("a folder");
    assert!(!elsewhere.path().join("validated.safetensors").exists());
    // A model that nothing is known of leaves nothing of the one before.
    let file = folder.path().join("validated.safetensors");
    assert!(file.is_file());
    bare(&open()).save(folder.path()).expect("a folder");
    assert!(!file.exists());
}

#[test]
fn what_does_not_fit_is_an_error_that_says_what_to_do() {
    let device = native();
    let (texts, targets) = multi(8, 1);
    let with = |texts: &[Text], targets: &Targets, options: &FineTune| {
        let network = classifier(3, targets, &device);
        let outcome = fine_tune(
            network,
            &names(3),
            Labelled { texts, targets },
            None,
            options,
            &mut Session::new(7, &mut ()),
        );
        outcome.map(|_| ()).expect_err("an error").to_string()
    };
    let changed = |change: &dyn Fn(&mut Vec<Text>)| {
        let mut texts = texts.clone();
        change(&mut texts);
        with(&texts, &targets, &quick())
    };
    let expect = |error: String, parts: &[&str]| {
        parts
            .iter()
            .for_each(|part| assert!(error.contains(part), "`{part}` is not in: {error}"));
    };
    expect(
        with(&[], &Targets::Multi(vec![]), &quick()),
        &["no training texts", "check the split"],
    );
    expect(
        changed(&|texts| texts[3].ids[1] = 40),
        &["text 3", "token 40", "use the tokenizer of this model"],
    );
    expect(
        changed(&|texts| {
            texts[2].ids = vec![5; 17];
            texts[2].special = vec![false; 17];
        }),
        &["text 2", "17 tokens", "16 at most"],
    );
    expect(
        changed(&|texts| texts[1] = Text::default()),
        &["text 1", "no tokens"],
    );
    expect(
        changed(&|texts| {
            texts.pop();
        }),
        &["7 texts", "labels of 8"],
    );
    let mut uneven = vec![vec![true, false, true]; 8];
    uneven[5] = vec![true];
    expect(
        with(&texts, &Targets::Multi(uneven), &quick()),
        &["text 5", "1 labels", "there are 3"],
    );
    expect(
        with(
            &texts,
            &Targets::Single(vec![0, 1, 2, 3, 0, 0, 0, 0]),
            &quick(),
        ),
        &["text 3", "label 3"],
    );
    expect(
        with(
            &texts,
            &targets,
            &FineTune {
                selection: Some(Selection::default()),
                ..quick()
            },
        ),
        &["validation texts"],
    );
    let slow = |change: &dyn Fn(&mut Optimisation)| {
        let mut options = quick();
        change(&mut options.optimisation);
        with(&texts, &targets, &options)
    };
    expect(
        slow(&|options| options.learning_rate = f64::NAN),
        &["learning_rate"],
    );
    expect(slow(&|options| options.batch_size = 0), &["batch_size"]);
    expect(
        slow(&|options| options.learning_rate = 1e30),
        &["step", "lower the learning rate"],
    );
    let two = fine_tune(
        classifier(3, &targets, &device),
        &names(2),
        Labelled {
            texts: &texts,
            targets: &targets,
        },
        None,
        &quick(),
        &mut Session::new(7, &mut ()),
    );
    expect(
        two.map(|_| ()).expect_err("an error").to_string(),
        &["scores 3 labels", "there are 2"],
    );
}

#[test]
fn a_label_that_no_training_text_has_is_warned_of() {
    let device = native();
    let (texts, _) = multi(8, 1);
    let targets = Targets::Multi(vec![vec![true, false, false]; 8]);
    let mut notes = Notes::default();
    let options = FineTune {
        optimisation: Optimisation {
            max_steps: Some(1),
            ..Optimisation::default()
        },
        ..FineTune::default()
    };
    fine_tune(
        classifier(3, &targets, &device),
        &names(3),
        Labelled {
            texts: &texts,
            targets: &targets,
        },
        None,
        &options,
        &mut Session::new(7, &mut notes),
    )
    .expect("a training");
    assert_eq!(notes.warnings.len(), 1);
    assert!(
        notes.warnings[0].contains("label1, label2"),
        "{}",
        notes.warnings[0]
    );
}
