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
        let threads = Threads::new(context.cores.clone());
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
mod tests;
