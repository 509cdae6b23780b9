use super::flat::Flat;
use super::ivf::Ivf;
use super::product::Product;
use super::scalar::Scalar;
use super::*;
use crate::steps::joined::assert_fields;
use crate::steps::testing::{Outcome, Trial, labelled};
use serde_json::{Value as Json, json};
use table::{Table, columns};

/// Vectors of 8 numbers in ten heaps.
fn heaps(rows: usize) -> Table {
    let mut state = 7_u64;
    let mut unit = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centres: Vec<f32> = (0..80).map(|_| unit()).collect();
    let vectors: Vec<f32> = (0..rows * 8)
        .map(|place| centres[place / 8 % 10 * 8 + place % 8] + 0.2 * unit())
        .collect();
    let texts = vec![("x", ""); rows];
    let column = columns::vectors(vectors, 8).unwrap();
    labelled(&texts).with_column("vector", column).unwrap()
}

fn built<B: Building>(parameters: Json, rows: usize) -> Outcome {
    Trial::new::<Build<B>>(parameters)
        .input("table", &heaps(rows))
        .run()
}

fn fails<B: Building>(parameters: Json, rows: usize) -> String {
    Trial::new::<Build<B>>(parameters)
        .input("table", &heaps(rows))
        .fails()
}

#[test]
fn the_keys_are_those_of_the_structs() {
    assert_fields::<Vectors>();
    assert_fields::<Recall>();
}

#[test]
fn an_index_comes_back_from_its_folder_whatever_its_kind_and_metric() {
    let kinds: [fn(Json, usize) -> Outcome; 4] = [
        built::<Flat>,
        built::<Ivf>,
        built::<Scalar>,
        built::<Product>,
    ];
    let names = ["flat", "ivf", "scalar", "product"];
    for (build, name) in kinds.into_iter().zip(names) {
        for metric in ["cosine", "inner_product", "l2"] {
            let outcome = build(json!({ "metric": metric }), 300);
            let index = saved_index::load(&outcome.path("index")).unwrap();
            let found = (index.kind(), index.len(), index.dimension());
            assert_eq!(found, (name, 300, 8));
            assert_eq!(index.metric().to_string(), metric);
            let metrics = outcome.json("metrics");
            assert_eq!(metrics["rows"], 300);
            assert_eq!(metrics["bytes"], index.bytes());
        }
    }
}

#[test]
fn recall_is_measured_on_neighbours_other_than_the_row_itself() {
    // A list a row: of a row's own list, only itself would be found.
    let lonely = built::<Ivf>(json!({ "lists": 60, "probes": 1 }), 60);
    assert_eq!(lonely.json("metrics")["recall"], 0.0);
    let all = built::<Ivf>(json!({ "lists": 10, "probes": 10, "recall_at": 3 }), 100);
    let metrics = all.json("metrics");
    assert_eq!(metrics["recall"], 1.0);
    assert_eq!(metrics["recall_at"], 3);
    let note = &all.notes[1];
    assert!(note.starts_with("recall@3 1.000 on 100 rows, "), "{note}");
    assert!(note.contains("queries/s, flat "), "{note}");
    let unmeasured = built::<Scalar>(json!({ "recall_rows": 0 }), 20);
    assert_eq!(unmeasured.json("metrics")["recall"], Json::Null);
    let few = built::<Scalar>(json!({}), 1);
    assert_eq!(few.json("metrics")["recall"], Json::Null);
}

#[test]
fn coarser_codes_take_less_memory_and_find_less() {
    let metrics = |outcome: Outcome| {
        let metrics = outcome.json("metrics");
        let bytes = metrics["bytes"].as_u64().unwrap();
        (bytes, metrics["recall"].as_f64().unwrap_or(1.0))
    };
    let flat = metrics(built::<Flat>(json!({}), 2000));
    let scalar = metrics(built::<Scalar>(json!({}), 2000));
    let product = metrics(built::<Product>(json!({ "parts": 2 }), 2000));
    assert!(
        flat.0 > scalar.0 && scalar.0 > 2000 * 8,
        "{flat:?} {scalar:?}"
    );
    assert!(
        scalar.1 > 0.8 && scalar.1 > product.1 && product.1 > 0.1,
        "{scalar:?} {product:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_thread_and_on_two() {
    let bytes = |seed: u64, threads: usize| {
        let outcome = Trial::new::<Build<Ivf>>(json!({ "lists": 7 }))
            .input("table", &heaps(200))
            .seed(seed)
            .threads(threads)
            .run();
        std::fs::read(outcome.path("index").join("index.faiss")).unwrap()
    };
    assert!(bytes(1, 1) == bytes(1, 2));
    assert!(bytes(1, 1) != bytes(2, 1));
}

#[test]
fn what_makes_no_index_is_said() {
    let said = fails::<Flat>(json!({}), 0);
    assert!(said.contains("no rows"), "{said}");
    let said = fails::<Product>(json!({}), 255);
    assert!(
        said.contains("256 centroids a part, and there are 255 rows"),
        "{said}"
    );
    let said = fails::<Product>(json!({ "parts": 3 }), 256);
    assert!(said.contains("must divide 8"), "{said}");
    let said = fails::<Ivf>(json!({ "lists": 31 }), 30);
    assert!(said.contains("31 lists of 30 vectors"), "{said}");
    let problems = Trial::new::<Build<Ivf>>(json!({ "lists": 4, "probes": 5 }))
        .input("table", &heaps(2))
        .problems();
    assert_eq!(problems[0].parameter, "probes");
    let problems = Trial::new::<Build<Flat>>(json!({ "vector": "text" }))
        .input("table", &heaps(2))
        .problems();
    assert!(problems[0].message.contains("not vectors"), "{problems:?}");
}

#[test]
fn a_damaged_index_is_refused_with_its_file() {
    let outcome = built::<Flat>(json!({}), 5);
    let path = outcome.path("index").join("index.faiss");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let said = saved_index::load(&outcome.path("index"))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("index.faiss") && said.contains("the file ends"),
        "{said}"
    );
    let other = built::<Scalar>(json!({}), 5);
    std::fs::copy(other.path("index").join("index.faiss"), &path).unwrap();
    let said = saved_index::load(&outcome.path("index"))
        .unwrap_err()
        .to_string();
    assert!(said.contains("config.json beside it says"), "{said}");
}
