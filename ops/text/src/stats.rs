//! Figures that describe a data set before anything is learnt from it.

use crate::unicode::split_space;
use crate::{Error, LabelSets, Result, Workers};
use serde::{Deserialize, Serialize};

/// The number of words of each text, cut at white space as Python's `str.split()` does.
///
/// # Errors
/// [`Error::Cancelled`].
pub fn words_per_text(texts: &[&str], workers: &Workers) -> Result<Vec<usize>> {
    let counts = workers.map("counting words", texts.len(), 512, |range| {
        texts[range]
            .iter()
            .map(|text| split_space(text).count())
            .collect::<Vec<_>>()
    })?;
    Ok(counts.concat())
}

/// How many rows carry 0, 1, 2, ... labels; ends with the highest number that occurs.
pub fn labels_per_row(labels: &LabelSets) -> Vec<usize> {
    let mut rows = Vec::new();
    for carried in labels.iter().map(<[u32]>::len) {
        if carried >= rows.len() {
            rows.resize(carried + 1, 0);
        }
        rows[carried] += 1;
    }
    rows
}

/// The quantiles of `values` at `shares` from 0 to 1, between neighbours by linear interpolation (numpy's default).
///
/// # Errors
/// [`Error::NoRows`], [`Error::NotANumber`], and [`Error::Parameter`] for a share outside 0 to 1.
pub fn quantiles(values: &[f64], shares: &[f64]) -> Result<Vec<f64>> {
    let doing = "computing quantiles";
    require_numbers(doing, values)?;
    if values.is_empty() {
        return Err(Error::NoRows { doing });
    }
    if let Some(share) = shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
        return Err(Error::parameter("shares", share, "from 0 to 1"));
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(shares
        .iter()
        .map(|&share| quantile_of_sorted(&sorted, share))
        .collect())
}

/// The quantile of ascending values, which must not be empty.
pub(crate) fn quantile_of_sorted(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let low = sorted[position.floor() as usize];
    let high = sorted[position.ceil() as usize];
    if low == high {
        low
    } else {
        low + (high - low) * position.fract()
    }
}

/// One bar of a histogram: values from `low` up to, but without, `high`; the last bar holds `high` too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The lower edge.
    pub low: f64,
    /// The upper edge.
    pub high: f64,
    /// How many values fall in.
    pub count: usize,
}

/// Counts `values` between ascending `edges`; values outside them are not counted.
///
/// # Errors
/// [`Error::NotANumber`] for a value; [`Error::Parameter`] unless there are two edges or more, each above the last.
pub fn histogram(values: &[f64], edges: &[f64]) -> Result<Vec<Bin>> {
    require_numbers("counting a histogram", values)?;
    if edges.len() < 2 || !edges.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(Error::parameter(
            "edges",
            format!("{edges:?}"),
            "two or more ascending numbers",
        ));
    }
    let bin = |pair: &[f64]| Bin {
        low: pair[0],
        high: pair[1],
        count: 0,
    };
    let mut bins: Vec<Bin> = edges.windows(2).map(bin).collect();
    let last = edges[edges.len() - 1];
    for &value in values {
        let reached = edges.partition_point(|&edge| edge <= value);
        let bar = if value == last { bins.len() } else { reached };
        if bar > 0
            && let Some(bin) = bins.get_mut(bar - 1)
        {
            bin.count += 1;
        }
    }
    Ok(bins)
}

/// `bins + 1` edges at equal distances from the least value to the greatest; half a unit to each side if all are equal.
///
/// # Errors
/// [`Error::NoRows`], [`Error::NotANumber`] for values that are not finite, [`Error::Parameter`] for no bins.
pub fn equal_edges(values: &[f64], bins: usize) -> Result<Vec<f64>> {
    let doing = "laying out a histogram";
    if values.is_empty() {
        return Err(Error::NoRows { doing });
    }
    if bins == 0 {
        return Err(Error::parameter("bins", 0, "at least 1"));
    }
    require(doing, values, f64::is_finite)?;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low == high {
        (low - 0.5, high + 0.5)
    } else {
        (low, high)
    };
    let width = (high - low) / bins as f64;
    let inner = (0..bins).map(|i| low + i as f64 * width);
    Ok(inner.chain([high]).collect())
}

fn require_numbers(what: &'static str, values: &[f64]) -> Result<()> {
    require(what, values, |value| !value.is_nan())
}

fn require(what: &'static str, values: &[f64], fits: impl Fn(f64) -> bool) -> Result<()> {
    match values.iter().position(|&value| !fits(value)) {
        None => Ok(()),
        Some(row) => Err(Error::NotANumber {
            what,
            row,
            column: 0,
            value: values[row],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_pythons_split() {
        let texts = ["", " \n", "a  b\tc", "don't stop\u{a0}now"];
        assert_eq!(
            words_per_text(&texts, &Workers::new(2)).unwrap(),
            [0, 0, 3, 3]
        );
    }

    #[test]
    fn rows_are_counted_by_their_number_of_labels() {
        let labels = LabelSets::from_names(&[vec!["a"], vec![], vec!["a", "b", "c"], vec!["b"]]);
        assert_eq!(labels_per_row(&labels), [1, 2, 0, 1]);
        assert_eq!(
            labels_per_row(&LabelSets::from_names::<Vec<&str>, &str>(&[])),
            [] as [usize; 0]
        );
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let found = quantiles(&[4.0, 1.0, 3.0, 2.0], &[0.0, 0.25, 0.5, 1.0]).unwrap();
        assert_eq!(found, [1.0, 1.75, 2.5, 4.0]);
        assert!(quantiles(&[], &[0.5]).is_err());
        assert!(quantiles(&[f64::NAN], &[0.5]).is_err());
        assert!(quantiles(&[1.0], &[1.5]).is_err());
    }

    #[test]
    fn the_last_bar_of_a_histogram_holds_its_upper_edge() {
        let bins = histogram(&[0.0, 0.5, 1.0, 2.0, 2.1, -0.1], &[0.0, 1.0, 2.0]).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(
            equal_edges(&[1.0, 3.0], 4).unwrap(),
            [1.0, 1.5, 2.0, 2.5, 3.0]
        );
        assert_eq!(equal_edges(&[2.0], 1).unwrap(), [1.5, 2.5]);
        assert!(histogram(&[1.0], &[1.0]).is_err());
        assert!(equal_edges(&[], 3).is_err());
    }
}
