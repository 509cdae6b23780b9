//! SetFit's loss beside PyTorch, its head beside scikit-learn, and its training as users meet it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    bits, close, devices, expected, floats, model, multi, names, native, single,
    straight_and_resumed,
};
use methods::setfit::cosine_loss;
use methods::{Labelled, Optimisation, Session, SetFit, SetFitClassifier, Thresholds, setfit};
use nn::bert::SentenceEncoder;
use tensor::{DType, Tensor};

#[test]
fn the_loss_of_pairs_equals_that_of_pytorch() {
    let case = &expected()["cosine"];
    for device in devices() {
        let vectors = Tensor::new(&floats(&case["vectors"]), [5, 4], &device)
            .and_then(|x| x.requires_grad())
            .expect("vectors");
        let places = |name: &str| {
            let places: Vec<u32> = floats(&case[name]).into_iter().map(|x| x as u32).collect();
            Tensor::new(&places, [4], &device).expect("places")
        };
        let similarities =
            Tensor::new(&floats(&case["similarities"]), [4], &device).expect("similarities");
        let loss = cosine_loss(
            &vectors,
            [&places("first"), &places("second")],
            &similarities,
        )
        .expect("a loss");
        close(
            &[loss.item().expect("a loss")],
            &[case["loss"].as_f64().expect("a loss") as f32],
            1e-5,
            "loss",
        );
        let gradients = loss.backward().expect("gradients");
        let gradient = gradients
            .get(&vectors)
            .expect("a gradient")
            .to_f32_vec()
            .expect("numbers");
        close(&gradient, &floats(&case["gradient"]), 1e-5, "gradient");
    }
}

fn quick() -> SetFit {
    SetFit {
        optimisation: Optimisation {
            learning_rate: 2e-3,
            max_steps: Some(500),
            ..SetFit::default().optimisation
        },
        ..SetFit::default()
    }
}

#[test]
fn labels_that_words_tell_are_learned_from_pairs() {
    let device = native();
    for make in [single, multi] {
        let ((texts, targets), (new, known)) = (make(48, 1), make(60, 2));
        let validation = make(30, 4);
        let options = SetFit {
            thresholds: Thresholds::One,
            ..quick()
        };
        let (trained, outcome) = setfit(
            model::<SentenceEncoder>(&device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            Some(Labelled {
                texts: &validation.0,
                targets: &validation.1,
            }),
            &options,
            &mut Session::new(7, &mut ()),
        )
        .expect("a training");
        assert_eq!(outcome.steps, 500);
        let found = trained.predict(&new, DType::F32).expect("predictions");
        let all = (0..60).flat_map(|text| (0..3).map(move |label| (text, label)));
        let right = all
            .filter(|&(text, label)| found.has(text, label) == known.has(text, label))
            .count();
        assert!(right > 144, "{right} of 180");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model");
        trained.save(&path).expect("a folder");
        let opened = SetFitClassifier::open(&path, &device).expect("a model");
        assert_eq!(
            (&opened.decision, &opened.head),
            (&trained.decision, &trained.head)
        );
        let of = |model: &SetFitClassifier<SentenceEncoder>| {
            model
                .probabilities(&new, DType::F32)
                .expect("probabilities")
        };
        assert_eq!(of(&opened), of(&trained));
    }
}

#[test]
fn an_interrupted_training_ends_with_the_bits_of_one_that_is_not() {
    let device = native();
    let (texts, targets) = multi(12, 1);
    let options = SetFit {
        optimisation: Optimisation {
            epochs: 2.0,
            max_steps: None,
            ..quick().optimisation
        },
        ..quick()
    };
    let [(straight, _), (resumed, _)] = straight_and_resumed(&[4, 9], |session| {
        setfit(
            model::<SentenceEncoder>(&device),
            &names(3),
            Labelled {
                texts: &texts,
                targets: &targets,
            },
            None,
            &options,
            session,
        )
    });
    assert!(bits(&straight.0.network) == bits(&resumed.0.network));
    assert_eq!(straight.0.head, resumed.0.head);
}
