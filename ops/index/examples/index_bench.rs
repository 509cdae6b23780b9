//! Answers one line at a time for `tests/bench/index.py`: `flat VECTORS QUERIES D METRIC K THREADS ANSWER`,
//! `train VECTORS QUERIES D METRIC LISTS FILE K THREADS ANSWER` or `ivf FILE QUERIES K PROBES THREADS ANSWER`. Files hold raw `f32`s; the answer is ids, `[queries, k]` as `i64`, and the line
//! that is printed the seconds of the search.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use index::{FlatIndex, IvfIndex, KMeans, Metric, Neighbours};
use tensor::cpu::Threads;

fn floats(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(Path::new(path))?;
    Ok(bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect())
}

fn answer(found: &Neighbours, k: usize, path: &str) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    for query in 0..found.queries() {
        let ids = found.ids(query);
        for rank in 0..k {
            bytes.extend(ids.get(rank).copied().unwrap_or(-1).to_le_bytes());
        }
    }
    std::fs::write(path, bytes)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut flat: Option<(String, FlatIndex)> = None;
    let mut ivf: Option<(String, IvfIndex)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let seconds = match words[..] {
            ["flat", vectors, queries, d, metric, k, threads, path] => {
                let name = format!("{vectors} {metric}");
                if flat.as_ref().is_none_or(|(known, _)| *known != name) {
                    let metric = if metric == "l2" {
                        Metric::L2
                    } else {
                        Metric::InnerProduct
                    };
                    let mut index = FlatIndex::new(d.parse()?, metric)?;
                    index.add(&floats(vectors)?)?;
                    flat = Some((name, index));
                }
                let (queries, k, threads) = (
                    floats(queries)?,
                    k.parse()?,
                    Threads::new(threads.parse::<usize>()?),
                );
                let Some((_, index)) = &flat else { continue };
                let start = Instant::now();
                let found = index.search(&threads, &queries, k)?;
                let seconds = start.elapsed().as_secs_f64();
                answer(&found, k, path)?;
                seconds
            }
            ["train", vectors, _, d, _, lists, file, _, threads, path] => {
                let (vectors, d, threads) = (
                    floats(vectors)?,
                    d.parse()?,
                    Threads::new(threads.parse::<usize>()?),
                );
                let start = Instant::now();
                let lists = lists.parse()?;
                let mut index =
                    IvfIndex::train(&threads, &vectors, d, Metric::L2, lists, KMeans::default())?;
                index.add(&threads, &vectors)?;
                let seconds = start.elapsed().as_secs_f64();
                index.write_faiss(Path::new(file))?;
                std::fs::write(path, [])?;
                seconds
            }
            ["ivf", file, queries, k, probes, threads, path] => {
                if ivf.as_ref().is_none_or(|(known, _)| known != file) {
                    ivf = Some((file.to_owned(), IvfIndex::read_faiss(Path::new(file))?));
                }
                let (queries, k, threads) = (
                    floats(queries)?,
                    k.parse()?,
                    Threads::new(threads.parse::<usize>()?),
                );
                let Some((_, index)) = &ivf else { continue };
                let start = Instant::now();
                let found = index.search(&threads, &queries, k, probes.parse()?)?;
                let seconds = start.elapsed().as_secs_f64();
                answer(&found, k, path)?;
                seconds
            }
            _ => return Err(format!("what is `{line}`?").into()),
        };
        println!("{seconds}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
