//! Slices that ask for more rows than there are: `128` of a table with 95 rows is `all` once more.

use super::scores::Score;

/// Puts places that could not be filled where their rows are, and takes those out that repeat another place of their line.
/// Returns what is to be said of them.
///
/// Only where the axis counts training rows, which the figures themselves tell: no number on it is smaller than the rows
/// that its model was trained on.
pub fn settle(axis: &str, scores: &mut [Score]) -> Settled {
    let mut settled = Settled::default();
    if !counts_rows(scores) {
        return settled;
    }
    let mut names: Vec<(f64, String)> = Vec::new();
    for score in scores.iter() {
        if let Some(number) = score.number
            && !names.iter().any(|(_, name)| *name == score.x_name)
        {
            names.push((number, score.x_name.clone()));
        }
    }
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, name) in names {
        let twin = |score: &Score| {
            let repeats = |other: &&Score| {
                (&other.line, &other.band, other.rows) == (&score.line, &score.band, score.rows)
                    && other.x_name != name
                    && !settled.left_out.contains(&other.x_name)
                    && other
                        .number
                        .is_none_or(|number| Some(number) < score.number)
            };
            scores.iter().find(repeats).map(|twin| twin.x_name.clone())
        };
        let here: Vec<&Score> = scores.iter().filter(|score| score.x_name == name).collect();
        let unfilled = |score: &&Score| score.rows < score.number;
        if !here.iter().all(unfilled) {
            continue;
        }
        let twins: Option<Vec<String>> = here.iter().map(|score| twin(score)).collect();
        if let Some(twin) = twins.and_then(|twins| twins.into_iter().next()) {
            settled.notes.push(format!(
                "{axis} = {name} asks for more rows than there are and repeats {twin}: left out"
            ));
            settled.left_out.push(name);
        }
    }
    for score in scores.iter_mut().filter(|score| score.number.is_some()) {
        score.x = score.rows.unwrap_or(score.x);
    }
    settled
}

/// What [`settle`] found.
#[derive(Debug, Default)]
pub struct Settled {
    /// The places that are no places of their own.
    pub left_out: Vec<String>,
    /// What is to be said.
    pub notes: Vec<String>,
}

fn counts_rows(scores: &[Score]) -> bool {
    let numbers = || {
        scores
            .iter()
            .filter_map(|score| Some((score.number?, score.rows)))
    };
    let fits = |(number, rows): (f64, Option<f64>)| rows.is_some_and(|rows| rows <= number);
    let is_filled = |(number, rows): (f64, Option<f64>)| rows == Some(number);
    let has_word = scores.iter().any(|score| score.number.is_none());
    numbers().all(fits) && (has_word || numbers().any(is_filled))
}
