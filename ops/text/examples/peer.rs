//! Answers one JSON request with one JSON reply, so that the scripts in `tests/peers` and `tests/bench` can set this
//! crate beside other systems: `peer REQUEST.json REPLY.json`. `seconds` in a reply times the work alone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error;
use std::time::Instant;
use text::dedupe::{Bands, NearParams, near};
use text::logistic_regression::LogisticRegression;
use text::metrics::{Bootstrap, Report};
use text::naive_bayes::NaiveBayes;
use text::vectorize::{Vectorizer, VectorizerParams};
use text::{CsrMatrix, LabelSets, Scores, Task, Workers, slices, split};

#[derive(Deserialize)]
struct Request {
    #[serde(default = "one")]
    threads: usize,
    #[serde(default = "one")]
    repeat: usize,
    #[serde(flatten)]
    work: Work,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Work {
    Vectorize {
        texts: Vec<String>,
        params: VectorizerParams,
        #[serde(default)]
        others: Vec<String>,
    },
    NaiveBayes {
        params: NaiveBayes,
        data: Training,
    },
    LogisticRegression {
        params: LogisticRegression,
        data: Training,
    },
    Report {
        truth: LabelSets,
        predicted: LabelSets,
        task: Task,
    },
    Bootstrap {
        truth: LabelSets,
        predicted: LabelSets,
        params: Bootstrap,
    },
    Split {
        labels: LabelSets,
        fractions: Vec<f64>,
        seeds: Vec<u64>,
    },
    Slices {
        labels: LabelSets,
        sizes: Vec<usize>,
        seed: u64,
    },
    Near {
        texts: Vec<String>,
        params: NearParams,
    },
}

#[derive(Deserialize)]
struct Training {
    x: CsrMatrix,
    labels: LabelSets,
    task: Task,
    test: CsrMatrix,
}

#[derive(Serialize)]
struct Predictions<'a> {
    labels: Vec<&'a [u32]>,
    probabilities: &'a [f64],
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [request, reply] = paths.as_slice() else {
        return Err("usage: peer REQUEST.json REPLY.json".into());
    };
    let request: Request = serde_json::from_slice(&std::fs::read(request)?)?;
    let workers = Workers::new(request.threads);
    let mut seconds = Vec::new();
    let mut answer = Value::Null;
    for _ in 0..request.repeat {
        answer = run(&request.work, &workers, &mut seconds)?;
    }
    answer["seconds"] = json!(seconds);
    std::fs::write(reply, serde_json::to_vec(&answer)?)?;
    Ok(())
}

fn timed<T>(seconds: &mut Vec<f64>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    seconds.push(start.elapsed().as_secs_f64());
    result
}

fn run(work: &Work, workers: &Workers, seconds: &mut Vec<f64>) -> Outcome<Value> {
    Ok(match work {
        Work::Vectorize {
            texts,
            params,
            others,
        } => {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            let (vectorizer, x) =
                timed(seconds, || Vectorizer::fit(&texts, params.clone(), workers))?;
            let terms: Vec<&str> = vectorizer.terms().collect();
            json!({ "terms": terms, "x": x, "others": vectorizer.transform(&others, workers)? })
        }
        Work::NaiveBayes { params, data } => {
            let model = timed(seconds, || {
                params.fit(&data.x, &data.labels, data.task, workers)
            })?;
            predictions(&model, data, workers)?
        }
        Work::LogisticRegression { params, data } => {
            let fit = timed(seconds, || {
                params.fit(&data.x, &data.labels, data.task, workers)
            })?;
            let mut answer = predictions(&fit.model, data, workers)?;
            answer["unconverged"] = json!(fit.unconverged);
            answer
        }
        Work::Report {
            truth,
            predicted,
            task,
        } => {
            json!({ "report": timed(seconds, || Report::new(truth, predicted, *task))? })
        }
        Work::Bootstrap {
            truth,
            predicted,
            params,
        } => {
            json!(timed(seconds, || params.intervals(
                truth,
                predicted,
                Task::MultiLabel,
                workers
            ))?)
        }
        Work::Split {
            labels,
            fractions,
            seeds,
        } => {
            let mut parts = Vec::new();
            for &seed in seeds {
                parts.push(timed(seconds, || {
                    split::iterative(labels, fractions, seed)
                })?);
            }
            json!({ "parts": parts })
        }
        Work::Slices {
            labels,
            sizes,
            seed,
        } => {
            json!({ "slices": timed(seconds, || slices::nested(labels, slices::Balance::Proportional, sizes, *seed)) })
        }
        Work::Near { texts, params } => {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = timed(seconds, || near(&texts, params, workers))?;
            let weights = (params.false_positive_weight, params.false_negative_weight);
            let cut = Bands::optimal(params.permutations, params.threshold, weights.0, weights.1)?;
            json!({ "kept": found.kept, "duplicates": found.duplicates, "bands": [cut.bands, cut.rows] })
        }
    })
}

fn predictions(model: &text::LinearModel, data: &Training, workers: &Workers) -> Outcome<Value> {
    let labels: LabelSets = model.predict(&data.test, workers)?;
    let probabilities: Scores = model.predict_proba(&data.test, workers)?;
    Ok(serde_json::to_value(Predictions {
        labels: labels.iter().collect(),
        probabilities: probabilities.values(),
    })?)
}
