//! The fitted vectorizer: its vocabulary, its weights, its transform.

use super::analyzer::TermCutter;
use super::count::{Counts, count, learn};
use super::params::{Norm, TfIdf, VectorizerParams};
use super::terms::Terms;
use crate::{CsrMatrix, Error, Result, Workers};
use serde::{Deserialize, Serialize};

/// Turns texts into rows over a fixed vocabulary; column `i` is the `i`th term in code point order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Vectorizer {
    params: VectorizerParams,
    terms: Terms,
    /// `[columns]`; empty without inverse document frequencies.
    idf: Vec<f64>,
    cutter: TermCutter,
}

/// The fields of a [`Vectorizer`] that are kept.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Vectorizer", deny_unknown_fields)]
struct Stored {
    params: VectorizerParams,
    terms: Terms,
    idf: Vec<f64>,
}

impl From<Vectorizer> for Stored {
    fn from(vectorizer: Vectorizer) -> Self {
        let Vectorizer {
            params, terms, idf, ..
        } = vectorizer;
        Self { params, terms, idf }
    }
}

impl TryFrom<Stored> for Vectorizer {
    type Error = Error;

    fn try_from(Stored { params, terms, idf }: Stored) -> Result<Self> {
        params.check()?;
        let wanted = if params.tf_idf.is_some_and(|weighing| weighing.use_idf) {
            terms.len()
        } else {
            0
        };
        crate::error::same(
            "columns",
            "reading a vectorizer",
            ("the idf", idf.len()),
            ("the vocabulary", wanted),
        )?;
        let cutter = TermCutter::new(&params)?;
        Ok(Self {
            params,
            terms,
            idf,
            cutter,
        })
    }
}

impl Vectorizer {
    /// Learns the vocabulary of `texts`, and returns their rows with it.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::TokenPattern`] for the parameters, [`Error::NoRows`],
    /// [`Error::NoTerms`] when no text holds a term, [`Error::AllPruned`] when none is left, [`Error::Cancelled`].
    pub fn fit(
        texts: &[&str],
        params: VectorizerParams,
        workers: &Workers,
    ) -> Result<(Self, CsrMatrix)> {
        params.check()?;
        if texts.is_empty() {
            return Err(Error::NoRows {
                doing: "fitting a vectorizer",
            });
        }
        let cutter = TermCutter::new(&params)?;
        let (found, pieces) = learn(texts, &cutter, params.binary, workers)?;
        if found.len() == 0 {
            return Err(Error::NoTerms { texts: texts.len() });
        }
        let kept = prune(&found, &pieces, texts.len(), &params)?;
        let order = found.sort(kept.into_iter());
        let terms: Terms = order.iter().map(|&number| found.get(number)).collect();
        let mut columns = vec![None; found.len()];
        for (column, &number) in (0..).zip(&order) {
            columns[number as usize] = Some(column);
        }
        let mut x = to_matrix(&pieces, terms.len(), |number| columns[number as usize]);
        drop(pieces);
        let idf = match params.tf_idf {
            Some(weighing) if weighing.use_idf => {
                inverse_document_frequency(&x, weighing.smooth_idf)
            }
            _ => Vec::new(),
        };
        let vectorizer = Self {
            params,
            terms,
            idf,
            cutter,
        };
        vectorizer.weigh(&mut x);
        Ok((vectorizer, x))
    }

    /// The rows of `texts`, `[texts, columns]`; terms outside the vocabulary are passed over.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn transform(&self, texts: &[&str], workers: &Workers) -> Result<CsrMatrix> {
        let pieces = count(
            texts,
            &self.cutter,
            &self.terms,
            self.params.binary,
            workers,
        )?;
        let mut x = to_matrix(&pieces, self.terms.len(), Some);
        self.weigh(&mut x);
        Ok(x)
    }

    /// The parameters it was fitted with.
    pub fn params(&self) -> &VectorizerParams {
        &self.params
    }

    /// The terms in column order.
    pub fn terms(&self) -> impl ExactSizeIterator<Item = &str> {
        self.terms.iter()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.terms.len()
    }

    /// The column of a term.
    pub fn column_of(&self, term: &str) -> Option<u32> {
        self.terms.find(term)
    }

    /// The inverse document frequency of each column; empty when counts are not weighed by it.
    pub fn idf(&self) -> &[f64] {
        &self.idf
    }

    fn weigh(&self, x: &mut CsrMatrix) {
        let Some(weighing) = self.params.tf_idf else {
            return;
        };
        if weighing.sublinear_tf {
            x.values_mut().iter_mut().for_each(|tf| *tf = tf.ln() + 1.0);
        }
        if weighing.use_idf {
            let (indices, values) = x.indices_and_values_mut();
            indices
                .iter()
                .zip(values)
                .for_each(|(&column, value)| *value *= self.idf[column as usize]);
        }
        normalise(x, weighing);
    }
}

/// Scales every row to length 1; rows without terms stay empty.
fn normalise(x: &mut CsrMatrix, weighing: TfIdf) {
    for row in 0..x.rows() {
        let values = x.row_values_mut(row);
        let length = match weighing.norm {
            Norm::None => return,
            Norm::L1 => values.iter().map(|v| v.abs()).sum(),
            Norm::L2 => values.iter().map(|v| v * v).sum::<f64>().sqrt(),
        };
        if length > 0.0 {
            values.iter_mut().for_each(|value| *value /= length);
        }
    }
}

fn inverse_document_frequency(x: &CsrMatrix, smooth: bool) -> Vec<f64> {
    let mut texts_with = vec![0_u32; x.columns()];
    for &column in x.indices() {
        texts_with[column as usize] += 1;
    }
    let extra = if smooth { 1.0 } else { 0.0 };
    let texts = x.rows() as f64 + extra;
    texts_with
        .iter()
        .map(|&d| (texts / (f64::from(d) + extra)).ln() + 1.0)
        .collect()
}

/// The terms that document frequency and `max_features` leave.
fn prune(
    found: &Terms,
    pieces: &[Counts],
    texts: usize,
    params: &VectorizerParams,
) -> Result<Vec<u32>> {
    let (fewest, most) = (params.min_df.of(texts), params.max_df.of(texts));
    let mut texts_with = vec![0_u32; found.len()];
    let mut total = vec![0_u64; found.len()];
    for piece in pieces {
        for (&number, &count) in piece.numbers.iter().zip(&piece.counts) {
            texts_with[number as usize] += 1;
            total[number as usize] += u64::from(count);
        }
    }
    let within = |&number: &u32| (fewest..=most).contains(&f64::from(texts_with[number as usize]));
    let mut kept: Vec<u32> = (0..found.len() as u32).filter(within).collect();
    if kept.is_empty() {
        return Err(Error::AllPruned { terms: found.len() });
    }
    if let Some(limit) = params.max_features
        && kept.len() > limit
    {
        let rarer = |a: &u32, b: &u32| {
            let by_total = total[*b as usize].cmp(&total[*a as usize]);
            by_total.then_with(|| found.get(*a).cmp(found.get(*b)))
        };
        kept.select_nth_unstable_by(limit - 1, rarer);
        kept.truncate(limit);
    }
    Ok(kept)
}

/// Rows with ascending columns; `column_of` gives none for terms that were pruned.
fn to_matrix(
    pieces: &[Counts],
    columns: usize,
    column_of: impl Fn(u32) -> Option<u32>,
) -> CsrMatrix {
    let stored: usize = pieces.iter().map(|piece| piece.numbers.len()).sum();
    let rows: usize = pieces.iter().map(|piece| piece.ends.len()).sum();
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let mut indices = Vec::with_capacity(stored);
    let mut values = Vec::with_capacity(stored);
    let mut row = Vec::new();
    for (numbers, counts) in pieces.iter().flat_map(Counts::rows) {
        row.clear();
        let cells = numbers.iter().zip(counts);
        // Column above, count below: one integer sorts faster than a pair.
        row.extend(
            cells.filter_map(|(&n, &c)| Some(u64::from(column_of(n)?) << 32 | u64::from(c))),
        );
        row.sort_unstable();
        indices.extend(row.iter().map(|cell| (cell >> 32) as u32));
        values.extend(row.iter().map(|&cell| f64::from(cell as u32)));
        offsets.push(indices.len());
    }
    CsrMatrix::from_parts(columns, offsets, indices, values)
}
