//! Deduplication against datasketch and true similarities (`tests/peers/minhash.py`), and on planted duplicates.

mod common;

use common::fixture;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use text::dedupe::{Bands, Deduplicated, NearParams, Normalise, ShingleUnit, exact, near};
use text::{Error, Hook, Rng, Workers};

#[derive(Deserialize)]
struct Fixture {
    bands: Vec<Cut>,
    texts: Vec<String>,
    similarities: Vec<Similarities>,
}

#[derive(Deserialize)]
struct Cut {
    permutations: usize,
    threshold: f64,
    weights: (f64, f64),
    cut: (usize, usize),
}

#[derive(Deserialize)]
struct Similarities {
    unit: ShingleUnit,
    size: usize,
    pairs: Vec<(usize, usize, f64)>,
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn signatures_are_cut_into_the_bands_datasketch_would_choose() {
    let fixture: Fixture = fixture("minhash");
    for Cut {
        permutations,
        threshold,
        weights,
        cut,
    } in fixture.bands
    {
        let ours = Bands::optimal(permutations, threshold, weights.0, weights.1).unwrap();
        assert_eq!(
            (ours.bands, ours.rows),
            cut,
            "{permutations} {threshold} {weights:?}"
        );
    }
}

#[test]
fn near_duplicates_are_the_clusters_of_truly_similar_texts() {
    let fixture: Fixture = fixture("minhash");
    let texts = refs(&fixture.texts);
    for Similarities { unit, size, pairs } in fixture.similarities {
        let of_pair: BTreeMap<(usize, usize), f64> =
            pairs.iter().map(|&(a, b, s)| ((a, b), s)).collect();
        for threshold in [0.3, 0.5, 0.8, 1.0] {
            let mut first: Vec<usize> = (0..texts.len()).collect();
            for &(a, b, similarity) in &pairs {
                if similarity >= threshold {
                    let (from, to) = (first[a].max(first[b]), first[a].min(first[b]));
                    first
                        .iter_mut()
                        .filter(|f| **f == from)
                        .for_each(|f| *f = to);
                }
            }
            let expected: Vec<usize> = (0..texts.len()).filter(|&row| first[row] == row).collect();
            let params = NearParams {
                shingle_unit: unit,
                shingle_size: size,
                threshold,
                ..NearParams::default()
            };
            let found = near(&texts, &params, &Workers::new(2)).unwrap();
            assert_eq!(found.kept, expected, "{unit:?} {size} {threshold}");
            for duplicate in found.duplicates {
                assert_eq!(duplicate.kept, first[duplicate.removed]);
                assert_eq!(
                    duplicate.similarity,
                    of_pair[&(duplicate.kept, duplicate.removed)]
                );
            }
        }
    }
}

/// Texts of random words, every fourth followed by a copy with words exchanged until their similarity is just above
/// 0.8. Returns the texts and the planted (original, copy) pairs.
fn planted(count: usize, seed: u64) -> (Vec<String>, BTreeSet<(usize, usize)>) {
    let mut rng = Rng::new(seed);
    let (mut texts, mut pairs) = (Vec::new(), BTreeSet::new());
    for i in 0..count {
        let mut words: Vec<String> = (0..60 + rng.below(60))
            .map(|_| format!("w{}", rng.below(3000)))
            .collect();
        texts.push(words.join(" "));
        if i % 4 == 0 {
            // One exchanged word changes three shingles of n; e exchanges far apart leave (n - 3e) / (n + 3e) >= 0.8.
            let shingles = words.len() - 2;
            let exchanges = shingles / 27;
            for e in 0..exchanges {
                let place = 3 + e * (words.len() / exchanges.max(1));
                words[place] = format!("x{}", rng.below(1_000_000));
            }
            pairs.insert((texts.len() - 1, texts.len()));
            texts.push(words.join(" "));
        }
    }
    (texts, pairs)
}

#[test]
fn at_least_95_percent_of_planted_duplicates_are_found_and_nothing_else() {
    let (texts, pairs) = planted(1200, 3);
    let found = near(&refs(&texts), &NearParams::default(), &Workers::new(2)).unwrap();
    let removed: BTreeSet<(usize, usize)> = found
        .duplicates
        .iter()
        .map(|d| (d.kept, d.removed))
        .collect();
    assert!(removed.is_subset(&pairs));
    assert!(
        removed.len() * 100 >= pairs.len() * 95,
        "{} of {}",
        removed.len(),
        pairs.len()
    );
    assert!(found.duplicates.iter().all(|d| d.similarity >= 0.8));
}

#[test]
fn the_thread_count_does_not_change_what_is_removed() {
    let (texts, _) = planted(300, 4);
    let params = NearParams {
        threshold: 0.5,
        ..NearParams::default()
    };
    let one = near(&refs(&texts), &params, &Workers::new(1)).unwrap();
    assert_eq!(one, near(&refs(&texts), &params, &Workers::new(4)).unwrap());
}

#[test]
fn links_through_other_texts_make_one_cluster() {
    let words: Vec<String> = (0..60).map(|i| format!("w{i}")).collect();
    let window = |from: usize| words[from..from + 40].join(" ");
    let texts = [window(0), window(4), window(8)];
    let params = NearParams {
        shingle_size: 1,
        threshold: 0.8,
        ..NearParams::default()
    };
    let found = near(&refs(&texts), &params, &Workers::default()).unwrap();
    assert_eq!(found.kept, [0]);
    let similarities: Vec<f64> = found.duplicates.iter().map(|d| d.similarity).collect();
    assert_eq!(similarities, [36.0 / 44.0, 32.0 / 48.0]);
}

#[test]
fn exact_duplicates_keep_the_first_row() {
    let texts = ["a b", "c", "a b", "A  b ", "", "", "a b"];
    let removed = |found: &Deduplicated| {
        found
            .duplicates
            .iter()
            .map(|d| (d.removed, d.kept))
            .collect::<Vec<_>>()
    };
    let strict = exact(&texts, Normalise::default(), &Workers::new(2)).unwrap();
    assert_eq!(strict.kept, [0, 1, 3, 4]);
    assert_eq!(removed(&strict), [(2, 0), (5, 4), (6, 0)]);
    let loose = exact(
        &texts,
        Normalise {
            case: true,
            white_space: true,
        },
        &Workers::new(2),
    )
    .unwrap();
    assert_eq!(removed(&loose), [(2, 0), (3, 0), (5, 4), (6, 0)]);
}

#[test]
fn empty_input_and_empty_texts_are_no_trouble() {
    let workers = Workers::default();
    assert_eq!(
        exact(&[], Normalise::default(), &workers).unwrap(),
        Deduplicated::default()
    );
    assert_eq!(
        near(&[], &NearParams::default(), &workers).unwrap(),
        Deduplicated::default()
    );
    for unit in [ShingleUnit::Words, ShingleUnit::Chars] {
        let params = NearParams {
            shingle_unit: unit,
            shingle_size: 99,
            ..NearParams::default()
        };
        let found = near(&["", " ", "one", "\n", "one"], &params, &workers).unwrap();
        assert_eq!(found.kept, [0, 2]);
        assert!(found.duplicates.iter().all(|d| d.similarity == 1.0));
    }
}

#[test]
fn parameters_outside_their_range_are_refused() {
    let plain = NearParams::default();
    for params in [
        NearParams {
            shingle_size: 0,
            ..plain
        },
        NearParams {
            threshold: 0.0,
            ..plain
        },
        NearParams {
            threshold: f64::NAN,
            ..plain
        },
        NearParams {
            permutations: 0,
            ..plain
        },
        NearParams {
            permutations: usize::MAX,
            ..plain
        },
        NearParams {
            false_negative_weight: -1.0,
            ..plain
        },
    ] {
        let error = near(&["a"], &params, &Workers::default()).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{error}");
    }
}

#[test]
fn a_cancelled_search_says_what_was_cancelled() {
    struct Stop;
    impl Hook for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let error = near(
        &["a", "b"],
        &NearParams::default(),
        &Workers::new(2).with_hook(&Stop),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "signing texts was cancelled");
}
