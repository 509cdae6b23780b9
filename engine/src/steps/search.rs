//! `op = "search"`: the nearest of indexed vectors.

use std::time::Instant;

use arrow_schema::{DataType, Field, Schema};
use index::AnyIndex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{Table, columns};
use tensor::Device;
use tensor::cpu::Threads;

use super::check::with_fields;
use super::encoding::Encoding;
use super::joined::Joined;
use super::neighbours::vectors;
use super::words::{number, rows};
use super::{
    Check, ColumnType, Context, InputPort, OutputPort, PortType, Resources, Step, StepError,
    StepKind, saved_index,
};

/// Queries between two looks at whether the step is to stop.
const AT_ONCE: usize = 4096;

/// The columns of every table of hits.
const OWN: [&str; 4] = ["query", "rank", "row", "score"];

/// Finds the rows of an index whose vectors are nearest to those of other rows.
///
/// The port `index` takes what `index` built; `queries` takes rows with vectors, as `embed` makes them, or with texts, if the port `model`
/// is fed with the model that made the vectors of the index: texts then become vectors in the same way, if `max_length`, `pooling` and
/// `normalize` are the same as there.
///
/// The output `hits` has a row for each query and hit, the nearest first: `query`, the number of the row that asks, from 0; `rank`, from 1;
/// `row`, the number of the row that was found, from 0; `score`, the cosine or the inner product, or of an index with `metric = "l2"` the
/// square of the distance. Beside these it has the columns that are asked for. Flat indexes are searched on the run's device, all others
/// on the processor.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hits {
    /// The column of the queries' vectors, where no model is fed.
    #[serde(default = "vector_column")]
    vector: String,
    /// How many hits each query has.
    #[serde(default = "ten")]
    #[schemars(range(min = 1))]
    k: usize,
    /// Into how many lists of an index of method `ivf` a search looks. Default: as many as the index was built with.
    #[serde(default)]
    #[schemars(range(min = 1))]
    probes: Option<usize>,
    /// Leaves out the hit with the number of the query's own row, where the queries are the indexed rows themselves.
    #[serde(default)]
    skip_own_row: bool,
    /// Columns of the rows that are found, which are those of the port `indexed`: the table that the index was built of.
    #[serde(default)]
    columns: Vec<String>,
    /// Columns of the rows that ask; in the output they are called `query.NAME`.
    #[serde(default)]
    query_columns: Vec<String>,
}

/// The step with how texts become vectors.
pub type Search = Joined<Encoding, Hits>;

fn vector_column() -> String {
    "vector".to_owned()
}

fn ten() -> usize {
    10
}

impl StepKind for Search {
    const OP: &'static str = "search";
    const VERSION: u32 = 1;
}

impl Step for Search {
    fn inputs(&self) -> Vec<InputPort> {
        vec![
            InputPort::one("queries", PortType::Table),
            InputPort::one("index", PortType::Index),
            InputPort::optional("model", PortType::Model),
            InputPort::optional("indexed", PortType::Table),
        ]
    }

    fn outputs(&self) -> Vec<OutputPort> {
        vec![OutputPort::new("hits", PortType::Table)]
    }

    fn check(&self, check: &mut Check) {
        let own = &self.own;
        match check.is_fed("model") {
            true => self.shared.check(check, "queries"),
            false => check.require("vector", "queries", &own.vector, ColumnType::Vectors),
        }
        if !own.columns.is_empty() && !check.is_fed("indexed") {
            check.problem(
                "columns",
                "columns of the rows that are found are asked for, and nothing feeds the port `indexed`",
                Some("add indexed = \"STEP\" to the inputs, the table that the index was built of".to_owned()),
            );
        }
        for (place, name) in own.columns.iter().enumerate() {
            check.require("columns", "indexed", name, ColumnType::Any);
            if OWN.contains(&name.as_str()) || own.columns[..place].contains(name) {
                check.problem(
                    "columns",
                    format!("the hits would have two columns `{name}`"),
                    Some("leave it out, or give it another name by a `select` before".to_owned()),
                );
            }
        }
        for name in &own.query_columns {
            check.require("query_columns", "queries", name, ColumnType::Any);
        }
        if let Some(fields) = own.fields(check) {
            let own = [
                DataType::Int64,
                DataType::Int64,
                DataType::Int64,
                DataType::Float64,
            ];
            let own = OWN.iter().zip(own);
            let own: Vec<Field> = own
                .map(|(name, kind)| Field::new(*name, kind, true))
                .collect();
            check.output("hits", with_fields(&Schema::new(own), &fields));
        }
    }

    fn resources(&self) -> Resources {
        Resources::of_tensors()
    }

    fn run(&self, context: &Context<'_>) -> Result<(), StepError> {
        let own = &self.own;
        let index = saved_index::load(context.path("index")?)?;
        let (queries, dimension) = match context.optional_path("model") {
            Some(_) => {
                let encoded = self.shared.encode(context, "queries")?;
                (encoded.vectors, encoded.dimension)
            }
            None => vectors(&context.columns("queries", &[&own.vector])?, &own.vector)?,
        };
        if dimension != index.dimension() {
            return Err(StepError::new(format!(
                "vectors of the queries have {dimension} numbers, those of the index {}",
                index.dimension()
            ))
            .help("embed both with the same model"));
        }
        context.check()?;
        let (found, seconds) = own.find(&index, &queries, context)?;
        let asked = queries.len() / dimension.max(1);
        context.write_table("hits", &own.table(&found, index.len(), context)?)?;
        context.note(format!(
            "{} neighbours of {} among {}, {} queries/s",
            number(found.rows.len()),
            rows(asked),
            number(index.len()),
            number((asked as f64 / seconds.max(1e-9)) as usize)
        ));
        if found.short > 0 {
            context.note(format!(
                "{} with fewer than {} hits: raise probes",
                rows(found.short),
                number(own.k)
            ));
        }
        Ok(())
    }
}

/// What was found, a place for each hit.
#[derive(Default)]
struct Found {
    queries: Vec<usize>,
    ranks: Vec<usize>,
    rows: Vec<usize>,
    scores: Vec<f64>,
    /// Queries with fewer hits than they could have.
    short: usize,
}

impl Hits {
    /// The fields of the columns that are asked for, where they are known.
    fn fields(&self, check: &Check) -> Option<Vec<Field>> {
        let ports = [("indexed", &self.columns), ("queries", &self.query_columns)];
        let mut fields = Vec::new();
        for (port, names) in ports.into_iter().filter(|(_, names)| !names.is_empty()) {
            let schema = check.columns(port)?;
            for name in names {
                let field = schema.field_with_name(name).ok()?.clone();
                fields.push(match port {
                    "queries" => field.with_name(query_column(name)),
                    _ => field,
                });
            }
        }
        Some(fields)
    }

    /// The hits of queries `[queries, dimension]`, and the seconds that the search took.
    fn find(
        &self,
        index: &AnyIndex,
        queries: &[f32],
        context: &Context<'_>,
    ) -> Result<(Found, f64), StepError> {
        if self.probes.is_some() && !matches!(index, AnyIndex::Ivf(_)) {
            return Err(StepError::new(format!(
                "`probes` says into how many lists a search looks, and the index is of method `{}`, which has none",
                index.kind()
            ))
            .help("leave probes out, or build the index with method = \"ivf\""));
        }
        let rows = index.len();
        let k = self
            .k
            .saturating_add(usize::from(self.skip_own_row))
            .min(rows);
        let possible = self.k.min(rows - usize::from(self.skip_own_row).min(rows));
        let threads = Threads::new(context.threads);
        let device = context.open_device()?;
        let on_device = match index {
            AnyIndex::Flat(flat) if !matches!(device, Device::Cpu(_)) => Some(flat.on(&device)?),
            _ => None,
        };
        let asked = queries.len() / index.dimension().max(1);
        let mut found = Found::default();
        let began = Instant::now();
        for (block, queries) in queries.chunks(AT_ONCE * index.dimension()).enumerate() {
            context.check()?;
            let first = block * AT_ONCE;
            context
                .progress
                .update(first as u64, asked as u64, "queries");
            let hits = match &on_device {
                Some(flat) => flat.search(queries, k)?,
                None => index.search(&threads, queries, k, self.probes)?,
            };
            for place in 0..hits.queries() {
                let query = first + place;
                let pairs = hits.ids(place).iter().zip(hits.distances(place));
                let before = found.rows.len();
                for (&id, &score) in pairs {
                    let rank = found.rows.len() - before + 1;
                    let row = id as usize;
                    if rank > self.k || (self.skip_own_row && row == query) {
                        continue;
                    }
                    found.queries.push(query);
                    found.ranks.push(rank);
                    found.rows.push(row);
                    found.scores.push(f64::from(score));
                }
                found.short += usize::from(found.rows.len() - before < possible);
            }
        }
        Ok((found, began.elapsed().as_secs_f64()))
    }

    /// The hits with the columns that are asked for.
    fn table(
        &self,
        found: &Found,
        indexed: usize,
        context: &Context<'_>,
    ) -> Result<Table, StepError> {
        let ints = |values: &[usize]| columns::ints(values.iter().map(|&value| value as i64));
        let own = [
            ints(&found.queries),
            ints(&found.ranks),
            ints(&found.rows),
            columns::floats(found.scores.iter().copied()),
        ];
        let mut table = Table::from_columns(OWN.into_iter().zip(own).collect())?;
        let ports = [
            ("indexed", &self.columns, &found.rows),
            ("queries", &self.query_columns, &found.queries),
        ];
        for (port, names, places) in ports {
            if names.is_empty() {
                continue;
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let given = context.columns(port, &names)?;
            if port == "indexed" && given.num_rows() != indexed {
                return Err(StepError::new(format!(
                    "the table at the port `indexed` has {}, and the index {indexed}",
                    rows(given.num_rows())
                ))
                .help("feed both ports from the same table: the one that the index was built of"));
            }
            let taken = given.take(places)?;
            for name in names {
                let title = match port {
                    "queries" => query_column(name),
                    _ => name.to_owned(),
                };
                table = table.with_column(&title, taken.column(name)?)?;
            }
        }
        Ok(table)
    }
}

fn query_column(name: &str) -> String {
    format!("query.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::embed::Embed;
    use crate::steps::index::Build;
    use crate::steps::index::flat::Flat;
    use crate::steps::index::ivf::Ivf;
    use crate::steps::testing::{Outcome, Trial, labelled, word_model};
    use serde_json::{Value as Json, json};

    fn table(texts: &[&str], vectors: &[[f32; 2]]) -> Table {
        let rows: Vec<(&str, &str)> = texts.iter().map(|text| (*text, "a b")).collect();
        let column = columns::vectors(vectors.concat(), 2).unwrap();
        labelled(&rows).with_column("vector", column).unwrap()
    }

    fn indexed() -> Table {
        let vectors = [[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-3.0, 0.1]];
        table(&["east", "north", "northeast", "west"], &vectors)
    }

    fn queries() -> Table {
        table(&["mostly east", "mostly west"], &[[0.9, 0.1], [-1.0, 0.0]])
    }

    fn trial(parameters: Json, metric: &str) -> (Trial, Outcome) {
        let index = Trial::new::<Build<Flat>>(json!({ "metric": metric }))
            .input("table", &indexed())
            .run();
        let trial = Trial::new::<Search>(parameters)
            .input("queries", &queries())
            .artifact("index", &index.path("index"), &[])
            .input("indexed", &indexed());
        (trial, index)
    }

    fn scores(outcome: &Outcome) -> Vec<f64> {
        let table = outcome.table("hits");
        table.float_column("score").unwrap().values().to_vec()
    }

    #[test]
    fn hits_are_the_nearest_rows_with_their_scores_and_columns() {
        let parameters =
            json!({ "k": 2, "columns": ["text"], "query_columns": ["text", "labels"] });
        let (trial, _index) = trial(parameters, "cosine");
        let outcome = trial.run();
        assert_eq!(outcome.ints("hits", "query"), [0, 0, 1, 1]);
        assert_eq!(outcome.ints("hits", "rank"), [1, 2, 1, 2]);
        assert_eq!(outcome.ints("hits", "row"), [0, 2, 3, 1]);
        assert_eq!(
            outcome.texts("hits", "text"),
            ["east", "northeast", "west", "north"]
        );
        assert_eq!(outcome.texts("hits", "query.text")[2], "mostly west");
        assert_eq!(outcome.labels("hits", "query.labels")[3], ["a", "b"]);
        let length = (0.9_f64 * 0.9 + 0.1 * 0.1).sqrt();
        let expected = [0.9 / length, 1.0 / (length * 2.0_f64.sqrt())];
        for (found, expected) in scores(&outcome).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        }
        let note = &outcome.notes[0];
        assert!(
            note.starts_with("4 neighbours of 2 rows among 4, "),
            "{note}"
        );
    }

    #[test]
    fn distances_are_squared_and_inner_products_as_they_are() {
        let (trial_of, _index) = trial(json!({ "k": 1 }), "l2");
        let outcome = trial_of.run();
        assert_eq!(outcome.ints("hits", "row"), [0, 0]);
        let found = scores(&outcome);
        assert!((found[0] - 0.02).abs() < 1e-6 && (found[1] - 4.0).abs() < 1e-5);
        let (trial_of, _index) = trial(json!({ "k": 9 }), "inner_product");
        let outcome = trial_of.run();
        // More than there are is all of them.
        assert_eq!(outcome.ints("hits", "row")[4..], [3, 1, 0, 2]);
        assert!((scores(&outcome)[4] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_row_can_be_left_out_of_its_own_hits() {
        let index = Trial::new::<Build<Flat>>(json!({}))
            .input("table", &indexed())
            .run();
        let outcome = Trial::new::<Search>(json!({ "k": 1, "skip_own_row": true }))
            .input("queries", &indexed())
            .artifact("index", &index.path("index"), &[])
            .run();
        assert_eq!(outcome.ints("hits", "row"), [2, 2, 0, 1]);
        assert_eq!(outcome.ints("hits", "rank"), [1; 4]);
    }

    #[test]
    fn texts_are_embedded_as_the_indexed_ones_were() {
        let rows = labelled(&[("w7 w9 w30", ""), ("w12 w44", ""), ("w20 w21 w22", "")]);
        let name = "roberta_masked_lm";
        let embedded = Trial::new::<Embed>(json!({}))
            .input("table", &rows)
            .kept("model", word_model(name, &[]))
            .run();
        let index = Trial::new::<Build<Flat>>(json!({}))
            .input("table", &embedded.table("embedded"))
            .run();
        let outcome = Trial::new::<Search>(json!({ "k": 1 }))
            .input("queries", &labelled(&[("w12 w44", ""), ("w7 w9 w30", "")]))
            .artifact("index", &index.path("index"), &[])
            .kept("model", word_model(name, &[]))
            .run();
        assert_eq!(outcome.ints("hits", "row"), [1, 0]);
        assert!(
            scores(&outcome)
                .iter()
                .all(|score| (score - 1.0).abs() < 1e-5)
        );
    }

    #[test]
    fn more_lists_find_what_few_do_not() {
        let mut vectors = Vec::new();
        for row in 0..40_u32 {
            let angle = f64::from(row) * std::f64::consts::TAU / 40.0;
            vectors.push([angle.cos() as f32, angle.sin() as f32]);
        }
        let rows = table(&["x"; 40], &vectors);
        let index = Trial::new::<Build<Ivf>>(json!({ "lists": 8, "probes": 1 }))
            .input("table", &rows)
            .run();
        let found = |parameters: Json| {
            Trial::new::<Search>(parameters)
                .input("queries", &rows)
                .artifact("index", &index.path("index"), &[])
                .run()
        };
        let all = found(json!({ "k": 20, "probes": 8 }));
        assert_eq!(all.ints("hits", "row").len(), 40 * 20);
        let few = found(json!({ "k": 20 }));
        assert!(few.ints("hits", "row").len() < 40 * 20);
        let note = &few.notes[1];
        assert!(note.contains("fewer than 20 hits: raise probes"), "{note}");
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        let (trial_of, _index) = trial(json!({ "probes": 2 }), "cosine");
        let said = trial_of.fails();
        assert!(said.contains("the index is of method `flat`"), "{said}");

        let (_, index) = trial(json!({}), "cosine");
        let column = columns::vectors(vec![1.0; 6], 3).unwrap();
        let longer = queries().with_column("vector", column).unwrap();
        let said = Trial::new::<Search>(json!({}))
            .input("queries", &longer)
            .artifact("index", &index.path("index"), &[])
            .fails();
        assert!(said.contains("3 numbers, those of the index 2"), "{said}");

        let said = Trial::new::<Search>(json!({ "columns": ["text"] }))
            .input("queries", &queries())
            .artifact("index", &index.path("index"), &[])
            .input("indexed", &queries())
            .fails();
        assert!(
            said.contains("`indexed` has 2 rows, and the index 4"),
            "{said}"
        );
    }

    #[test]
    fn columns_that_cannot_be_given_are_problems() {
        let said = |parameters: Json| {
            let problems = Trial::new::<Search>(parameters)
                .input("queries", &queries())
                .problems();
            let all = problems.into_iter();
            all.map(|problem| (problem.parameter, problem.message))
                .collect::<Vec<_>>()
        };
        let unfed = said(json!({ "columns": ["text"] }));
        assert_eq!(unfed[0].0, "columns");
        assert!(unfed[0].1.contains("nothing feeds the port `indexed`"));
        let missing = said(json!({ "vector": "embedding", "query_columns": ["title"] }));
        let places: Vec<&str> = missing.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["vector", "query_columns"]);
        let text = said(json!({ "vector": "text" }));
        assert!(text[0].1.contains("not vectors"), "{text:?}");
        let (trial, _index) = trial(json!({ "columns": ["row", "text", "text"] }), "cosine");
        let twice: Vec<String> = trial.problems().into_iter().map(|p| p.message).collect();
        assert!(
            twice.iter().any(|said| said.contains("two columns `row`")),
            "{twice:?}"
        );
        assert!(
            twice.iter().any(|said| said.contains("two columns `text`")),
            "{twice:?}"
        );
    }
}
