//! Domain adaptation as users meet it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Notes, WORDS, bits, draw, masked_lm, native, straight_and_resumed, text, vocabulary};
use methods::{Metric, Mlm, Optimisation, Selection, Session, Text, Vocabulary, mlm};
use tensor::RandomKey;

/// Texts in which every word follows from the one before: 8 words, each the next one in a ring of 8 of 32.
fn rings(count: u64) -> Vec<Text> {
    let make = |row: u64| {
        let key = RandomKey::new(5).fold(row);
        let (ring, start) = (draw(key, 0, 4), draw(key, 1, 8));
        let words: Vec<u32> = (0..8)
            .map(|place| 8 + 8 * ring + (start + place) % 8)
            .collect();
        text(&words)
    };
    (0..count).map(make).collect()
}

fn options(epochs: f64) -> Mlm {
    Mlm {
        optimisation: Optimisation {
            epochs,
            batch_size: 16,
            learning_rate: 1e-2,
            warmup: 0.1,
            ..Optimisation::default()
        },
        selection: Some(Selection {
            metric: Metric::Loss,
            every: Some(20),
            patience: None,
        }),
        ..Mlm::default()
    }
}

#[test]
fn hidden_words_that_follow_from_others_are_found_again() {
    let (texts, validation) = (rings(96), rings(40));
    let device = native();
    let mut notes = Notes::default();
    let (_, outcome) = mlm(
        masked_lm(&device),
        &vocabulary(),
        &texts,
        &validation,
        &options(50.0),
        &mut Session::new(7, &mut notes),
    )
    .expect("a training");
    let perplexity = |place: usize| {
        outcome.evaluations[place]
            .metric("perplexity")
            .expect("a perplexity")
    };
    let best = outcome.best.expect("a best one");
    assert!(
        perplexity(0) > 10.0 && perplexity(best) < 4.0,
        "from {} to {}",
        perplexity(0),
        perplexity(best)
    );
    let loss = outcome.evaluations[best].metric("loss").expect("a loss");
    assert!((loss.exp() - perplexity(best)).abs() < 1e-9);
}

#[test]
fn an_interrupted_adaptation_ends_with_the_bits_of_one_that_is_not() {
    let (texts, validation, device) = (rings(40), rings(10), native());
    let [(straight, notes), (resumed, again)] = straight_and_resumed(&[3, 8], |session| {
        mlm(
            masked_lm(&device),
            &vocabulary(),
            &texts,
            &validation,
            &options(4.0),
            session,
        )
    });
    assert!(bits(&straight.0) == bits(&resumed.0));
    assert_eq!((straight.1, notes.losses()), (resumed.1, again.losses()));
}

#[test]
fn a_vocabulary_that_is_not_the_models_and_texts_without_words_are_named() {
    let device = native();
    let refused = |vocabulary: &Vocabulary, texts: &[Text]| {
        let outcome = mlm(
            masked_lm(&device),
            vocabulary,
            texts,
            &[],
            &Mlm::default(),
            &mut Session::new(7, &mut ()),
        );
        outcome.map(|_| ()).expect_err("an error").to_string()
    };
    let larger = Vocabulary {
        size: WORDS + 1,
        ..vocabulary()
    };
    assert!(refused(&larger, &rings(2)).contains("use the tokenizer of this model"));
    let mask = Vocabulary {
        mask: 77,
        ..vocabulary()
    };
    assert!(refused(&mask, &rings(2)).contains("special token 77"));
    assert!(refused(&vocabulary(), &[text(&[])]).contains("no training text has a word"));
    let mut notes = Notes::default();
    let short = Mlm {
        selection: None,
        ..options(1.0)
    };
    mlm(
        masked_lm(&device),
        &vocabulary(),
        &[text(&[9, 8]), text(&[])],
        &[],
        &short,
        &mut Session::new(7, &mut notes),
    )
    .expect("a training");
    assert!(
        notes.warnings[0].contains("1 of 2 texts"),
        "{:?}",
        notes.warnings
    );
}
