//! Distillation's losses beside PyTorch, and its training as users meet it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    Notes, bits, close, devices, expected, floats, model, native, single, straight_and_resumed,
};
use methods::{
    Distill, Distillation, Metric, Optimisation, Selection, SentenceNetwork, Session, Targets,
    Taught, Vectors, distill, distillation_loss,
};
use nn::bert::SentenceEncoder;
use tensor::Tensor;

#[test]
fn the_losses_equal_those_of_pytorch() {
    let case = &expected()["distillation"];
    for device in devices() {
        let student = Tensor::new(&floats(&case["student"]), [5, 4], &device)
            .and_then(|x| x.requires_grad())
            .expect("vectors");
        let teacher = Tensor::new(&floats(&case["teacher"]), [5, 4], &device).expect("vectors");
        for (name, objective) in [
            ("relational", Distillation::Relational),
            ("cosine", Distillation::Cosine),
        ] {
            let loss = distillation_loss(&student, &teacher, objective).expect("a loss");
            let known = case[name]["loss"].as_f64().expect("a loss") as f32;
            close(&[loss.item().expect("a loss")], &[known], 1e-5, name);
            let gradients = loss.backward().expect("gradients");
            let gradient = gradients.get(&student).expect("a gradient");
            let found = gradient.to_f32_vec().expect("numbers");
            close(&found, &floats(&case[name]["gradient"]), 1e-5, name);
        }
    }
}

/// A teacher for whom the texts of a label have one direction in three.
fn taught(labels: &Targets) -> Vec<f32> {
    let Targets::Single(labels) = labels else {
        panic!("one label a text");
    };
    let direction = |label: u32| (0..3).map(move |place| f32::from(u8::from(place == label)));
    labels.iter().copied().flat_map(direction).collect()
}

fn quick(steps: u64) -> Distill {
    Distill {
        optimisation: Optimisation {
            learning_rate: 3e-3,
            max_steps: Some(steps),
            batch_size: 12,
            ..Optimisation::default()
        },
        ..Distill::default()
    }
}

#[test]
fn texts_come_to_lie_as_the_teacher_places_them() {
    let device = native();
    let ((texts, labels), (new, known)) = (single(48, 1), single(30, 2));
    let (vectors, expected) = (taught(&labels), taught(&known));
    let options = Distill {
        selection: Some(Selection {
            metric: Metric::Loss,
            every: Some(50),
            patience: None,
        }),
        ..quick(200)
    };
    let mut notes = Notes::default();
    let (_, outcome) = distill(
        model::<SentenceEncoder>(&device),
        Taught {
            texts: &texts,
            vectors: &vectors,
            width: 3,
        },
        Some(Taught {
            texts: &new,
            vectors: &expected,
            width: 3,
        }),
        None,
        &options,
        &mut Session::new(3, &mut notes),
    )
    .expect("a training");
    let best = &outcome.evaluations[outcome.best.expect("the best one")];
    let correlation = best.metric("correlation").expect("a correlation");
    assert!(correlation > 0.9, "{correlation}");
    assert!(best.metric("loss").expect("a loss") < 0.1);
}

#[test]
fn a_second_course_goes_on_along_the_directions_of_the_first() {
    let device = native();
    let student = model::<SentenceEncoder>(&device);
    let width = student.dimensions() + 1;
    // A direction for each label. Which holds most of the vectors is another one in each course.
    let place = |labels: &Targets, lengths: [f32; 3]| {
        let Targets::Single(labels) = labels else {
            panic!("one label a text");
        };
        let mut vectors = vec![0.0; labels.len() * width];
        for (vector, &label) in vectors.chunks_mut(width).zip(labels) {
            vector[label as usize] = lengths[label as usize];
        }
        vectors
    };
    let cosine = |steps: u64| Distill {
        objective: Distillation::Cosine,
        ..quick(steps)
    };
    let ((texts, labels), (new, known)) = (single(48, 1), single(30, 2));
    let (first, second) = (
        place(&labels, [3.0, 2.0, 1.0]),
        place(&known, [1.0, 2.0, 3.0]),
    );
    let course = |texts, vectors| Taught {
        texts,
        vectors,
        width,
    };
    let mut notes = Notes::default();
    let (student, _) = distill(
        student,
        course(&texts, &first),
        None,
        None,
        &cosine(100),
        &mut Session::new(3, &mut notes),
    )
    .expect("a first course");
    let mut begin = cosine(1);
    begin.optimisation.learning_rate = 1e-6;
    begin.selection = Some(Selection {
        metric: Metric::Loss,
        every: Some(1),
        patience: None,
    });
    let loss = |directions: Option<&[f32]>| {
        let lessons = course(&new, &second);
        let mut notes = Notes::default();
        let mut session = Session::new(3, &mut notes);
        let (_, outcome) = distill(
            student.clone(),
            lessons,
            Some(lessons),
            directions.map(|values| Vectors { values, width }),
            &begin,
            &mut session,
        )
        .expect("a second course");
        outcome.last_metric("loss").expect("a loss")
    };
    let (same, others) = (loss(Some(&first)), loss(None));
    assert!(same < 0.3, "{same}");
    assert!(others > 2.0 * same, "{others} beside {same}");
}

#[test]
fn a_training_that_is_interrupted_ends_in_the_same_bits() {
    let device = native();
    let (texts, labels) = single(30, 1);
    let vectors = taught(&labels);
    let [(straight, _), (resumed, _)] = straight_and_resumed(&[3, 8], |session| {
        let training = Taught {
            texts: &texts,
            vectors: &vectors,
            width: 3,
        };
        let student = model::<SentenceEncoder>(&device);
        distill(student, training, None, None, &quick(12), session)
    });
    assert!(bits(&straight.0) == bits(&resumed.0));
}

#[test]
fn what_does_not_fit_is_refused_with_advice() {
    let device = native();
    let (texts, labels) = single(4, 1);
    let mut vectors = taught(&labels);
    let refused =
        |vectors: &[f32], width: usize, directions: Option<Vectors<'_>>, options: &Distill| {
            let training = Taught {
                texts: &texts,
                vectors,
                width,
            };
            let student = model::<SentenceEncoder>(&device);
            let mut notes = Notes::default();
            let mut session = Session::new(1, &mut notes);
            let outcome = distill(student, training, None, directions, options, &mut session);
            outcome.expect_err("a refusal").to_string()
        };
    let said = refused(&vectors[1..], 3, None, &quick(2));
    assert!(said.contains("every text takes one vector"), "{said}");
    let cosine = Distill {
        objective: Distillation::Cosine,
        ..quick(2)
    };
    let said = refused(&vectors, 3, None, &cosine);
    assert!(said.contains("relational"), "{said}");
    let mut alone = quick(2);
    alone.optimisation.batch_size = 1;
    let said = refused(&vectors, 3, None, &alone);
    assert!(said.contains("batch_size of 2"), "{said}");
    let width = model::<SentenceEncoder>(&device).dimensions();
    let long = vec![1.0; texts.len() * width];
    for (values, of) in [(&[1.0; 4][..], 4), (&[], width)] {
        let said = refused(&long, width, Some(Vectors { values, width: of }), &cosine);
        assert!(said.contains("vectors of the same teacher"), "{said}");
    }
    let directions = Vectors {
        values: &vectors,
        width: 3,
    };
    let said = refused(&vectors, 3, Some(directions), &quick(2));
    assert!(said.contains("have no directions"), "{said}");
    vectors[3..6].fill(0.0);
    let said = refused(&vectors, 3, None, &quick(2));
    assert!(said.contains("row 1"), "{said}");
}
