//! Exhaustive search against sorting all scores computed in double precision.

#![allow(clippy::unwrap_used)]

use index::{FlatIndex, IndexError, Metric};
use tensor::cpu::Threads;

mod common;
use common::{clustered, duplicates, normal};

/// The ids and scores by brute force in double precision, nearest first, ties by id.
fn brute(metric: Metric, vectors: &[f32], query: &[f32], k: usize) -> Vec<(i64, f64)> {
    let d = query.len();
    let length = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let mut all: Vec<(i64, f64)> = vectors
        .chunks_exact(d)
        .enumerate()
        .map(|(id, row)| {
            let dot: f64 = row
                .iter()
                .zip(query)
                .map(|(x, y)| f64::from(*x) * f64::from(*y))
                .sum();
            let square: f64 = row
                .iter()
                .zip(query)
                .map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2))
                .sum();
            let score = match metric {
                Metric::L2 => square,
                Metric::InnerProduct => dot,
                Metric::Cosine => dot / length(row) / length(query),
            };
            (id as i64, score)
        })
        .collect();
    all.sort_by(|a, b| {
        let order = if metric == Metric::L2 {
            a.1.total_cmp(&b.1)
        } else {
            b.1.total_cmp(&a.1)
        };
        order.then(a.0.cmp(&b.0))
    });
    all.truncate(k);
    all
}

const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];

#[test]
fn the_neighbours_are_those_of_brute_force_in_double_precision() {
    let threads = Threads::new(2);
    for (d, n, q, k) in [
        (1, 40, 30, 3),
        (7, 1, 20, 1),
        (33, 1500, 40, 5),
        (64, 9000, 130, 10),
        (384, 3000, 5, 20),
        (96, 2500, 17, 100),
    ] {
        let (vectors, queries) = (normal(n * d, 1), normal(q * d, 2));
        for metric in METRICS {
            let mut index = FlatIndex::new(d, metric).unwrap();
            index.add(&vectors[..n / 2 * d]).unwrap();
            index.add(&vectors[n / 2 * d..]).unwrap();
            let found = index.search(&threads, &queries, k).unwrap();
            assert_eq!(found.queries(), q);
            for (query, vector) in queries.chunks_exact(d).enumerate() {
                let truth = brute(metric, &vectors, vector, k);
                for (rank, (id, score)) in truth.iter().enumerate() {
                    let got = f64::from(found.distances(query)[rank]);
                    let scale = if metric == Metric::Cosine {
                        1.0
                    } else {
                        4.0 * d as f64
                    };
                    assert!(
                        (got - score).abs() <= 1e-6 * scale,
                        "{metric} {d}: {got} for {score}"
                    );
                    // Another order only where rounding to single precision makes it.
                    let other = found.ids(query)[rank];
                    if other != *id {
                        let there = truth
                            .iter()
                            .find(|entry| entry.0 == other)
                            .map_or(truth[k - 1].1, |entry| entry.1);
                        assert!(
                            (there - score).abs() <= 1e-6 * scale,
                            "{metric} {d}: {other} instead of {id}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn bits_are_the_same_with_any_number_of_threads_and_queries() {
    let d = 48;
    for (name, vectors) in [
        ("normal", normal(5000 * d, 3)),
        ("clustered", clustered(5000, d, 4)),
        ("duplicates", duplicates(5000, d, 5)),
    ] {
        let queries = &vectors[..200 * d];
        for metric in METRICS {
            let mut index = FlatIndex::new(d, metric).unwrap();
            index.add(&vectors).unwrap();
            let all = index.search(&Threads::new(1), queries, 7).unwrap();
            assert_eq!(
                all,
                index.search(&Threads::new(3), queries, 7).unwrap(),
                "{name} {metric}"
            );
            for (query, vector) in queries.chunks_exact(d).enumerate().step_by(9) {
                let one = index.search(&Threads::new(2), vector, 7).unwrap();
                assert_eq!(one.ids(0), all.ids(query), "{name} {metric}");
                assert_eq!(one.distances(0), all.distances(query), "{name} {metric}");
            }
        }
    }
}

#[test]
fn the_nearest_one_alone_is_the_first_of_many() {
    let d = 40;
    for vectors in [
        normal(4000 * d, 8),
        clustered(4000, d, 9),
        duplicates(4000, d, 10),
    ] {
        let queries = normal(100 * d, 11);
        for metric in METRICS {
            let mut index = FlatIndex::new(d, metric).unwrap();
            index.add(&vectors).unwrap();
            let many = index.search(&Threads::new(2), &queries, 50).unwrap();
            let one = index.search(&Threads::new(2), &queries, 1).unwrap();
            for query in 0..100 {
                assert_eq!(one.ids(query), &many.ids(query)[..1]);
            }
        }
    }
}

#[test]
fn of_equal_vectors_the_smaller_ids_come_first() {
    let d = 16;
    let vector = normal(d, 6);
    let mut index = FlatIndex::new(d, Metric::L2).unwrap();
    index.add(&vector.repeat(3000)).unwrap();
    for count in [1, 40] {
        let found = index
            .search(&Threads::new(2), &vector.repeat(count), 12)
            .unwrap();
        for query in 0..count {
            assert_eq!(found.ids(query), (0..12).collect::<Vec<i64>>());
            assert_eq!(found.distances(query), [0.0; 12]);
        }
    }
}

#[test]
fn lengths_far_apart_do_not_hide_neighbours() {
    let d = 24;
    let mut vectors = normal(2000 * d, 12);
    for (row, vector) in vectors.chunks_exact_mut(d).enumerate() {
        let factor = 10_f32.powi(row as i32 % 13 - 6);
        vector.iter_mut().for_each(|x| *x *= factor);
    }
    let queries = &vectors[..500 * d];
    let mut index = FlatIndex::new(d, Metric::L2).unwrap();
    index.add(&vectors).unwrap();
    let found = index.search(&Threads::new(2), queries, 1).unwrap();
    for query in 0..500 {
        assert_eq!(found.ids(query), [query as i64]);
    }
}

#[test]
fn mistakes_say_what_to_do() {
    let threads = Threads::new(1);
    let message = |error: IndexError| error.to_string();
    assert!(message(FlatIndex::new(0, Metric::L2).unwrap_err()).contains("at least one dimension"));
    let mut index = FlatIndex::new(4, Metric::Cosine).unwrap();
    assert!(
        message(index.search(&threads, &[1.0; 4], 1).unwrap_err()).contains("add vectors first")
    );
    assert!(
        message(index.add(&[1.0; 6]).unwrap_err())
            .contains("6 values are no whole number of vectors of 4 dimensions")
    );
    let error = message(
        index
            .add(&[1.0, 1.0, 1.0, 1.0, 0.0, 1.0, f32::NAN, 1.0])
            .unwrap_err(),
    );
    assert!(error.contains("component 2 of vector 1 is NaN"), "{error}");
    assert!(message(index.add(&[0.0; 4]).unwrap_err()).contains("cosine needs a direction"));
    assert!(message(index.add(&[1e30; 4]).unwrap_err()).contains("common factor"));
    assert!(index.is_empty(), "a refused vector must not be added");
    index.add(&[1.0; 8]).unwrap();
    assert!(
        message(index.search(&threads, &[1.0; 4], 3).unwrap_err()).contains("k goes from 1 to 2")
    );
    assert!(message(index.search(&threads, &[1.0; 4], 0).unwrap_err()).contains("k is 0"));
    assert!(matches!(
        index.search(&threads, &[f32::INFINITY; 4], 1),
        Err(IndexError::NotFinite { row: 0, .. })
    ));
}

#[test]
fn recall_counts_what_was_found_of_the_truth() {
    let vectors: Vec<f32> = (0..10).map(|x| x as f32).collect();
    let mut index = FlatIndex::new(1, Metric::L2).unwrap();
    index.add(&vectors).unwrap();
    let threads = Threads::new(1);
    let truth = index.search(&threads, &[0.0], 4).unwrap();
    let other = index.search(&threads, &[2.1], 4).unwrap();
    assert_eq!(truth.ids(0), [0, 1, 2, 3]);
    assert_eq!(other.ids(0), [2, 3, 1, 4]);
    assert_eq!(other.recall(&truth), 0.75);
}
