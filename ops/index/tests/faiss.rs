//! Files and outcomes of faiss-cpu, as made by `tests/peers/index.py`.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use index::{
    AnyIndex, FlatIndex, IndexError, IvfIndex, KMeans, Metric, Neighbours, ProductIndex,
    ScalarIndex,
};
use serde_json::Value;
use tensor::cpu::Threads;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/index")
        .join(name)
}

struct Fixture(Value);

impl Fixture {
    fn read() -> Self {
        let text = std::fs::read_to_string(fixture("index.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let values = self.0[name].as_array().unwrap();
        values.iter().map(|x| x.as_f64().unwrap() as f32).collect()
    }

    fn d(&self) -> usize {
        self.0["d"].as_u64().unwrap() as usize
    }

    fn kept(&self) -> Vec<f32> {
        self.floats("vectors")[..self.0["kept"].as_u64().unwrap() as usize * self.d()].to_vec()
    }

    fn assert_found(&self, name: &str, found: &Neighbours) {
        let ids: Vec<i64> = self.0[name]["ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_i64().unwrap())
            .collect();
        let distances: Vec<f64> = self.0[name]["distances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect();
        for query in 0..found.queries() {
            // FAISS fills up with -1 what the lists do not hold.
            let wanted: Vec<i64> = ids[query * 5..query * 5 + 5]
                .iter()
                .copied()
                .filter(|id| *id >= 0)
                .collect();
            assert_eq!(found.ids(query), wanted, "{name}, query {query}");
            for (got, wanted) in found.distances(query).iter().zip(&distances[query * 5..]) {
                assert!(
                    (f64::from(*got) - wanted).abs() < 1e-5,
                    "{name}: {got} for {wanted}"
                );
            }
        }
    }
}

const KINDS: [(&str, Metric); 2] = [("l2", Metric::L2), ("ip", Metric::InnerProduct)];

#[test]
fn flat_files_of_faiss_are_read_searched_and_written_to_the_byte() {
    let (data, threads, folder) = (
        Fixture::read(),
        Threads::new(2),
        tempfile::tempdir().unwrap(),
    );
    for (name, metric) in KINDS {
        let path = fixture(&format!("flat_{name}.faiss"));
        let index = FlatIndex::read_faiss(&path).unwrap();
        assert_eq!((index.metric(), index.len()), (metric, 60));
        assert_eq!(index.vectors(), data.kept());
        data.assert_found(
            &format!("flat_{name}"),
            &index.search(&threads, &data.floats("queries"), 5).unwrap(),
        );

        let mut own = FlatIndex::new(data.d(), metric).unwrap();
        let to = folder.path().join("index");
        own.write_faiss(&to).unwrap();
        assert_eq!(
            std::fs::read(&to).unwrap(),
            std::fs::read(fixture(&format!("flat_{name}_empty.faiss"))).unwrap()
        );
        own.add(&data.kept()).unwrap();
        own.write_faiss(&to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&path).unwrap());
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn ivf_files_of_faiss_are_read_searched_and_written_to_the_byte() {
    let (data, threads, folder) = (
        Fixture::read(),
        Threads::new(2),
        tempfile::tempdir().unwrap(),
    );
    let to = folder.path().join("index");
    for (name, metric) in KINDS {
        let path = fixture(&format!("ivf_{name}.faiss"));
        let index = IvfIndex::read_faiss(&path).unwrap();
        assert_eq!(
            (
                index.metric(),
                index.len(),
                index.lists(),
                index.default_probes()
            ),
            (metric, 60, 12, 3)
        );
        data.assert_found(
            &format!("ivf_{name}"),
            &index
                .search(&threads, &data.floats("queries"), 5, 3)
                .unwrap(),
        );
        index.write_faiss(&to).unwrap();
        assert_eq!(
            std::fs::read(&to).unwrap(),
            std::fs::read(&path).unwrap(),
            "{name}"
        );

        // Adding the rest to the index of the first four gives the same lists.
        let path = fixture(&format!("ivf_{name}_sparse.faiss"));
        let mut sparse = IvfIndex::read_faiss(&path).unwrap();
        sparse.write_faiss(&to).unwrap();
        assert_eq!(
            std::fs::read(&to).unwrap(),
            std::fs::read(&path).unwrap(),
            "{name}, few lists filled"
        );
        sparse.add(&threads, &data.kept()[4 * data.d()..]).unwrap();
        data.assert_found(
            &format!("ivf_{name}"),
            &sparse
                .search(&threads, &data.floats("queries"), 5, 3)
                .unwrap(),
        );
    }
}

#[test]
fn files_of_codes_are_read_searched_and_written_to_the_byte() {
    let (data, threads, folder) = (
        Fixture::read(),
        Threads::new(2),
        tempfile::tempdir().unwrap(),
    );
    let to = folder.path().join("index");
    for kind in ["scalar", "product", "flat", "ivf"] {
        for (name, metric) in KINDS {
            let name = format!("{kind}_{name}");
            let path = fixture(&format!("{name}.faiss"));
            let index = AnyIndex::read_faiss(&path).unwrap();
            let found = (index.kind(), index.metric(), index.len(), index.dimension());
            assert_eq!(found, (kind, metric, 60, data.d()));
            let queries = data.floats("queries");
            data.assert_found(&name, &index.search(&threads, &queries, 5, None).unwrap());
            index.write_faiss(&to).unwrap();
            assert_eq!(
                std::fs::read(&to).unwrap(),
                std::fs::read(&path).unwrap(),
                "{name}"
            );
        }
    }
    let unread = ScalarIndex::read_faiss(&fixture("product_l2.faiss")).unwrap_err();
    assert!(
        unread.to_string().contains("begins with `IxSQ`"),
        "{unread}"
    );
    std::fs::write(&to, b"IHNf and more").unwrap();
    let unread = AnyIndex::read_faiss(&to).unwrap_err().to_string();
    assert!(unread.contains("byte 0: this is `IHNf`"), "{unread}");
}

#[test]
fn cosines_come_back_from_a_file_of_inner_products() {
    let (data, threads, folder) = (
        Fixture::read(),
        Threads::new(2),
        tempfile::tempdir().unwrap(),
    );
    let (vectors, d, to) = (
        data.floats("vectors"),
        data.d(),
        folder.path().join("index"),
    );
    let metric = Metric::Cosine;
    let mut flat = FlatIndex::new(d, metric).unwrap();
    flat.add(&vectors).unwrap();
    let ivf = IvfIndex::train(&threads, &vectors, d, metric, 6, KMeans::default()).unwrap();
    let mut ivf = ivf.with_default_probes(2).unwrap();
    ivf.add(&threads, &vectors).unwrap();
    let mut scalar = ScalarIndex::train(&vectors, d, metric).unwrap();
    scalar.add(&vectors).unwrap();
    let mut product =
        ProductIndex::train(&threads, &vectors, d, metric, 4, KMeans::default()).unwrap();
    product.add(&threads, &vectors).unwrap();
    let all = [
        AnyIndex::Flat(flat),
        AnyIndex::Ivf(ivf),
        AnyIndex::Scalar(scalar),
        AnyIndex::Product(product),
    ];
    // Twice as long, which makes no difference to cosines.
    let queries: Vec<f32> = data.floats("queries").iter().map(|x| 2.0 * x).collect();
    for index in all {
        index.write_faiss(&to).unwrap();
        let read = AnyIndex::read_faiss(&to).unwrap();
        assert_eq!(read.metric(), Metric::InnerProduct);
        let read = read.into_cosine();
        assert_eq!((read.metric(), read.bytes()), (metric, index.bytes()));
        assert_eq!(
            read.search(&threads, &queries, 5, None).unwrap(),
            index.search(&threads, &queries, 5, None).unwrap(),
            "{}",
            index.kind()
        );
    }
}

#[test]
fn the_same_seed_gives_the_centroids_of_faiss() {
    let (data, threads) = (Fixture::read(), Threads::new(2));
    let d = data.d();
    let vectors = data.floats("vectors");
    let folder = tempfile::tempdir().unwrap();
    for (name, metric) in KINDS {
        for (part, vectors, lists) in [
            ("centroids", &vectors[..500 * d], 12),
            ("sampled", &vectors[..], 2),
        ] {
            let index =
                IvfIndex::train(&threads, vectors, d, metric, lists, KMeans::default()).unwrap();
            let path = folder.path().join("index");
            index.write_faiss(&path).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            // Behind the headers of both indexes, the numbers of lists and probes, and the number of values.
            let at = 37 + 16 + 37 + 8;
            let centroids = bytes[at..at + lists * d * 4]
                .as_chunks::<4>()
                .0
                .iter()
                .map(|x| f32::from_le_bytes(*x));
            for (got, wanted) in centroids.zip(data.floats(&format!("{part}_{name}"))) {
                assert!(
                    (got - wanted).abs() < 1e-4,
                    "{part} {name}: {got} for {wanted}"
                );
            }
        }
    }
}

#[test]
fn scalar_codes_and_neighbours_are_those_of_faiss() {
    let data = Fixture::read();
    let vectors = data.floats("vectors");
    let mut index = ScalarIndex::train(&vectors[..500 * data.d()], data.d(), Metric::L2).unwrap();
    index.add(&vectors).unwrap();
    let codes: Vec<u8> = data.0["scalar_codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_u64().unwrap() as u8)
        .collect();
    assert_eq!(index.codes(), codes);
    data.assert_found(
        "scalar",
        &index
            .search(&Threads::new(2), &data.floats("queries"), 5)
            .unwrap(),
    );
}

#[test]
fn product_quantisation_finds_as_much_as_that_of_faiss() {
    let (data, threads) = (Fixture::read(), Threads::new(2));
    let vectors = data.floats("vectors");
    let mut flat = FlatIndex::new(data.d(), Metric::L2).unwrap();
    flat.add(&vectors).unwrap();
    let mut index = ProductIndex::train(
        &threads,
        &vectors,
        data.d(),
        Metric::L2,
        4,
        KMeans::default(),
    )
    .unwrap();
    index.add(&threads, &vectors).unwrap();
    let queries = data.floats("queries");
    let recall = index
        .search(&threads, &queries, 5)
        .unwrap()
        .recall(&flat.search(&threads, &queries, 5).unwrap());
    let peer = data.0["product_recall"].as_f64().unwrap();
    assert!(recall >= peer - 0.03, "{recall} and {peer}");
}

#[test]
fn a_damaged_file_is_refused_and_the_message_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for (name, read) in [
        (
            "flat_l2",
            (|path: &Path| FlatIndex::read_faiss(path).map(|_| ()))
                as fn(&Path) -> Result<(), IndexError>,
        ),
        ("ivf_l2", |path| IvfIndex::read_faiss(path).map(|_| ())),
        ("ivf_ip_sparse", |path| {
            IvfIndex::read_faiss(path).map(|_| ())
        }),
        ("scalar_l2", |path| {
            ScalarIndex::read_faiss(path).map(|_| ())
        }),
        ("product_ip", |path| {
            ProductIndex::read_faiss(path).map(|_| ())
        }),
    ] {
        let bytes = std::fs::read(fixture(&format!("{name}.faiss"))).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let error = read(&path).unwrap_err();
            assert!(
                matches!(error, IndexError::Format { .. }),
                "{name} {length}: {error}"
            );
        }
        // Any byte may be anything: an error or an index, and no panic.
        for place in 0..bytes.len().min(400) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[place] = value;
                std::fs::write(&path, changed).unwrap();
                let _ = read(&path);
            }
        }
        std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
        assert!(
            read(&path)
                .unwrap_err()
                .to_string()
                .contains("1 bytes follow the end")
        );
    }
    let error = FlatIndex::read_faiss(&fixture("ivf_l2.faiss"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("byte 0: this is `IwFl`"), "{error}");
    let error = FlatIndex::read_faiss(&folder.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("could not read"), "{error}");
}
