//! The vectorizer against scikit-learn (`tests/peers/vectorize.py`).

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use common::{assert_close, fixture};
use serde::Deserialize;
use text::vectorize::{Frequency, Vectorizer, VectorizerParams};
use text::{CsrMatrix, Error, Workers, stats};

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<String>,
    others: Vec<String>,
    words: Vec<usize>,
    word_characters: Vec<(u32, u32)>,
    unassigned: Vec<(u32, u32)>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    params: VectorizerParams,
    terms: Vec<String>,
    x: CsrMatrix,
    others: CsrMatrix,
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn assert_same(ours: &CsrMatrix, theirs: &CsrMatrix, what: &str) {
    assert_eq!(ours.columns(), theirs.columns(), "{what}");
    assert_eq!(ours.offsets(), theirs.offsets(), "{what}");
    assert_eq!(ours.indices(), theirs.indices(), "{what}");
    assert_close(ours.values(), theirs.values(), 1e-14, what);
}

#[test]
fn vocabularies_and_rows_equal_scikit_learns() {
    let fixture: Fixture = fixture("vectorize");
    for case in fixture.cases {
        let what = format!("{:?}", case.params);
        for threads in [1, 3] {
            let workers = Workers::new(threads);
            let (vectorizer, x) =
                Vectorizer::fit(&refs(&fixture.texts), case.params.clone(), &workers).unwrap();
            assert_eq!(vectorizer.terms().collect::<Vec<_>>(), case.terms, "{what}");
            assert_same(&x, &case.x, &what);
            assert_same(
                &vectorizer
                    .transform(&refs(&fixture.others), &workers)
                    .unwrap(),
                &case.others,
                &what,
            );
            assert_same(
                &vectorizer
                    .transform(&refs(&fixture.texts), &workers)
                    .unwrap(),
                &case.x,
                &what,
            );
        }
    }
}

#[test]
fn a_stored_vectorizer_transforms_as_before() {
    let fixture: Fixture = fixture("vectorize");
    for case in fixture.cases {
        let (vectorizer, _) = Vectorizer::fit(
            &refs(&fixture.texts),
            case.params.clone(),
            &Workers::default(),
        )
        .unwrap();
        let stored = serde_json::to_string(&vectorizer).unwrap();
        let restored: Vectorizer = serde_json::from_str(&stored).unwrap();
        let rows = restored
            .transform(&refs(&fixture.others), &Workers::default())
            .unwrap();
        assert_same(&rows, &case.others, &format!("{:?}", case.params));
    }
}

#[test]
fn a_stored_vectorizer_whose_parts_contradict_each_other_is_refused() {
    let (vectorizer, _) = Vectorizer::fit(
        &["one two"],
        VectorizerParams::default(),
        &Workers::default(),
    )
    .unwrap();
    let stored = serde_json::to_string(&vectorizer).unwrap();
    for broken in [
        stored.replace("\"idf\":[]", "\"idf\":[1.0]"),
        stored.replace("\"one\",\"two\"", "\"one\",\"one\""),
        stored.replace("\"ngram_range\":[1,1]", "\"ngram_range\":[2,1]"),
    ] {
        assert_ne!(broken, stored);
        assert!(
            serde_json::from_str::<Vectorizer>(&broken).is_err(),
            "{broken}"
        );
    }
}

#[test]
fn every_assigned_character_is_a_word_character_where_it_is_one_for_python() {
    let fixture: Fixture = fixture("vectorize");
    let within = |ranges: &[(u32, u32)], code: u32| {
        let after = ranges.partition_point(|range| range.0 <= code);
        after > 0 && code <= ranges[after - 1].1
    };
    let params = VectorizerParams {
        lowercase: false,
        ..VectorizerParams::default()
    };
    for code in (0..=0x10_FFFF).filter(|&code| !within(&fixture.unassigned, code)) {
        let Some(c) = char::from_u32(code) else {
            continue;
        };
        // A token has two characters, so a pair is one exactly if the character belongs to words.
        let pair = format!("{c}{c}");
        let found = Vectorizer::fit(&[&pair], params.clone(), &Workers::default());
        assert_eq!(
            found.is_ok(),
            within(&fixture.word_characters, code),
            "{code:x}"
        );
    }
}

#[test]
fn words_per_text_equal_pythons_split() {
    let fixture: Fixture = fixture("vectorize");
    assert_eq!(
        stats::words_per_text(&refs(&fixture.texts), &Workers::new(2)).unwrap(),
        fixture.words
    );
}

#[test]
fn texts_without_terms_are_an_error_that_says_so() {
    let fit =
        |texts: &[&str], params| Vectorizer::fit(texts, params, &Workers::default()).map(|_| ());
    let plain = VectorizerParams::default;
    assert!(matches!(fit(&[], plain()), Err(Error::NoRows { .. })));
    assert!(matches!(
        fit(&["", " ", "a b"], plain()),
        Err(Error::NoTerms { texts: 3 })
    ));
    let rare = VectorizerParams {
        min_df: Frequency::Count(2),
        ..plain()
    };
    assert!(matches!(
        fit(&["one", "two"], rare),
        Err(Error::AllPruned { terms: 2 })
    ));
}

#[test]
fn parameters_outside_their_range_are_refused() {
    let plain = VectorizerParams::default;
    for params in [
        VectorizerParams {
            ngram_range: (0, 1),
            ..plain()
        },
        VectorizerParams {
            ngram_range: (2, 1),
            ..plain()
        },
        VectorizerParams {
            max_features: Some(0),
            ..plain()
        },
        VectorizerParams {
            min_df: Frequency::Fraction(1.5),
            ..plain()
        },
        VectorizerParams {
            max_df: Frequency::Fraction(f64::NAN),
            ..plain()
        },
    ] {
        let error = Vectorizer::fit(&["some text"], params, &Workers::default()).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{error}");
    }
}

#[test]
fn the_order_of_texts_and_the_thread_count_do_not_change_the_columns() {
    let fixture: Fixture = fixture("vectorize");
    let many: Vec<String> = (0..900)
        .map(|i| format!("{} w{i}", fixture.texts[i % fixture.texts.len()]))
        .collect();
    let params = VectorizerParams {
        ngram_range: (1, 2),
        max_features: Some(500),
        ..VectorizerParams::default()
    };
    let (one, x) = Vectorizer::fit(&refs(&many), params.clone(), &Workers::new(1)).unwrap();
    let (four, y) = Vectorizer::fit(&refs(&many), params.clone(), &Workers::new(4)).unwrap();
    assert_eq!(
        one.terms().collect::<Vec<_>>(),
        four.terms().collect::<Vec<_>>()
    );
    assert_eq!(x, y);
    let backwards: Vec<&str> = many.iter().rev().map(String::as_str).collect();
    let (turned, _) = Vectorizer::fit(&backwards, params, &Workers::new(2)).unwrap();
    assert_eq!(
        one.terms().collect::<Vec<_>>(),
        turned.terms().collect::<Vec<_>>()
    );
}
