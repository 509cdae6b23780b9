//! IVF, scalar and product quantisation, and the device, against exhaustive search.

#![allow(clippy::unwrap_used)]

use index::{FlatIndex, IndexError, IvfIndex, KMeans, Metric, ProductIndex, ScalarIndex};
use tensor::Device;
use tensor::cpu::Threads;

mod common;
use common::{clustered, duplicates, normal};

const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];
const D: usize = 32;

fn flat(metric: Metric, vectors: &[f32]) -> FlatIndex {
    let mut index = FlatIndex::new(D, metric).unwrap();
    index.add(vectors).unwrap();
    index
}

#[test]
fn looking_into_all_lists_gives_what_exhaustive_search_gives() {
    let threads = Threads::new(2);
    for vectors in [
        normal(3000 * D, 1),
        clustered(3000, D, 2),
        duplicates(3000, D, 3),
    ] {
        let queries = &normal(150 * D, 4);
        for metric in METRICS {
            let mut index =
                IvfIndex::train(&threads, &vectors, D, metric, 20, KMeans::default()).unwrap();
            index.add(&threads, &vectors[..1000 * D]).unwrap();
            index.add(&threads, &vectors[1000 * D..]).unwrap();
            let truth = flat(metric, &vectors)
                .search(&threads, queries, 10)
                .unwrap();
            assert_eq!(
                index.search(&threads, queries, 10, 20).unwrap(),
                truth,
                "{metric}"
            );
            let few = index.search(&threads, queries, 10, 4).unwrap();
            assert_eq!(few, index.search(&Threads::new(1), queries, 10, 4).unwrap());
            let one = index.search(&threads, &queries[..D], 10, 4).unwrap();
            assert_eq!(
                (one.ids(0), one.distances(0)),
                (few.ids(0), few.distances(0))
            );
        }
    }
}

#[test]
fn more_lists_find_more() {
    let threads = Threads::new(2);
    let (vectors, queries) = (normal(4000 * D, 5), normal(100 * D, 6));
    let mut index =
        IvfIndex::train(&threads, &vectors, D, Metric::L2, 40, KMeans::default()).unwrap();
    index.add(&threads, &vectors).unwrap();
    let truth = flat(Metric::L2, &vectors)
        .search(&threads, &queries, 10)
        .unwrap();
    let recall = |probes| {
        index
            .search(&threads, &queries, 10, probes)
            .unwrap()
            .recall(&truth)
    };
    let recalls = [recall(1), recall(5), recall(20), recall(40)];
    assert!(recalls.is_sorted(), "{recalls:?}");
    assert!(
        recalls[0] < 0.6 && recalls[2] > 0.8 && recalls[3] == 1.0,
        "{recalls:?}"
    );
}

#[test]
fn clusters_that_stand_apart_are_found() {
    let threads = Threads::new(2);
    let mut vectors = normal(1000 * D, 7);
    for (row, vector) in vectors.chunks_exact_mut(D).enumerate() {
        vector[row % 10] += 100.0;
    }
    let mut index =
        IvfIndex::train(&threads, &vectors, D, Metric::L2, 10, KMeans::default()).unwrap();
    index.add(&threads, &vectors).unwrap();
    let truth = flat(Metric::L2, &vectors)
        .search(&threads, &vectors, 5)
        .unwrap();
    assert!(
        index
            .search(&threads, &vectors, 5, 2)
            .unwrap()
            .recall(&truth)
            > 0.95
    );
}

#[test]
fn quantised_vectors_are_searched_as_what_they_decode_to() {
    let threads = Threads::new(2);
    let vectors = normal(2500 * D, 8);
    let queries = normal(40 * D, 9);
    for metric in METRICS {
        let mut scalar = ScalarIndex::train(&vectors, D, metric).unwrap();
        scalar.add(&vectors).unwrap();
        let mut product = ProductIndex::train(
            &threads,
            &vectors,
            D,
            metric,
            16,
            KMeans {
                iterations: 5,
                ..KMeans::default()
            },
        )
        .unwrap();
        product.add(&threads, &vectors).unwrap();
        // Cosine compares queries at length 1 with the decoded vectors as they are.
        let compared = if metric == Metric::L2 {
            Metric::L2
        } else {
            Metric::InnerProduct
        };
        let unit = |x: &[f32]| -> Vec<f32> {
            x.chunks_exact(D)
                .flat_map(|x| {
                    let length = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                    x.iter()
                        .map(move |x| (f64::from(*x) * (1.0 / length)) as f32)
                        .collect::<Vec<_>>()
                })
                .collect()
        };
        let asked = if metric == Metric::Cosine {
            unit(&queries)
        } else {
            queries.clone()
        };
        let exact = flat(metric, &vectors)
            .search(&threads, &queries, 10)
            .unwrap();
        let decoded: Vec<f32> = (0..2500)
            .flat_map(|id| scalar.decoded(id).unwrap())
            .collect();
        let truth = flat(compared, &decoded)
            .search(&threads, &asked, 10)
            .unwrap();
        let many = scalar.search(&threads, &queries, 10).unwrap();
        assert_eq!(many, truth, "{metric}");
        assert!(
            many.recall(&exact) > 0.9,
            "{metric}: {}",
            many.recall(&exact)
        );
        let few = scalar.search(&threads, &queries[..3 * D], 10).unwrap();
        assert_eq!(
            (few.ids(2), few.distances(2)),
            (many.ids(2), many.distances(2))
        );

        let decoded: Vec<f32> = (0..2500)
            .flat_map(|id| product.decoded(id).unwrap())
            .collect();
        let truth = flat(compared, &decoded)
            .search(&threads, &asked, 10)
            .unwrap();
        let many = product.search(&threads, &queries, 10).unwrap();
        assert_eq!(many, truth, "{metric}");
        for query in 0..15 {
            let few = product
                .search(&threads, &queries[query * D..(query + 1) * D], 10)
                .unwrap();
            assert_eq!(
                (few.ids(0), few.distances(0)),
                (many.ids(query), many.distances(query)),
                "{metric}: by tables"
            );
        }
        assert!(
            many.recall(&exact) > 0.5,
            "{metric}: {}",
            many.recall(&exact)
        );
    }
}

#[test]
fn tensor_ops_find_the_same_neighbours() {
    let (vectors, queries) = (normal(20_000 * D, 10), normal(30 * D, 11));
    let device = Device::cpu_with_threads(2);
    for metric in METRICS {
        let index = flat(metric, &vectors);
        let found = index.on(&device).unwrap().search(&queries, 10).unwrap();
        assert_eq!(
            found,
            index.search(&Threads::new(2), &queries, 10).unwrap(),
            "{metric}"
        );
    }
}

#[test]
fn mistakes_say_what_to_do() {
    let threads = Threads::new(1);
    let vectors = normal(30 * D, 12);
    let error =
        IvfIndex::train(&threads, &vectors, D, Metric::L2, 31, KMeans::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("31 lists of 30 vectors can't be made"),
        "{error}"
    );
    let mut index =
        IvfIndex::train(&threads, &vectors, D, Metric::L2, 30, KMeans::default()).unwrap();
    assert!(matches!(
        index.search(&threads, &vectors, 1, 1),
        Err(IndexError::Empty)
    ));
    index.add(&threads, &vectors).unwrap();
    let error = index.search(&threads, &vectors, 1, 31).unwrap_err();
    assert!(
        error.to_string().contains("nprobe goes from 1 to 30"),
        "{error}"
    );
    let error =
        ProductIndex::train(&threads, &vectors, D, Metric::L2, 5, KMeans::default()).unwrap_err();
    assert!(error.to_string().contains("must divide 32"), "{error}");
    let error =
        ProductIndex::train(&threads, &vectors, D, Metric::L2, 4, KMeans::default()).unwrap_err();
    assert!(
        error.to_string().contains("256 centroids of 30 vectors"),
        "{error}"
    );
    let error = ScalarIndex::train(&[], D, Metric::L2).unwrap_err();
    assert!(error.to_string().contains("of 0 vectors"), "{error}");
}
