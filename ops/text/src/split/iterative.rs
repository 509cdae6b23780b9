//! Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, figure 1).

use super::{argmax, normalised, rows_of_parts};
use crate::{LabelSets, Result, Rng};

/// Divides multi-label rows so that every label is shared out by the fractions.
///
/// As the paper has it: the label with the fewest rows left comes first; each of its rows goes to the part that
/// wants the label most, among those to the one that wants most rows, among those to a random one. Rows without
/// labels come last, each to the part that wants most rows.
///
/// # Errors
/// [`crate::Error::Parameter`] for the fractions.
pub fn iterative(labels: &LabelSets, fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let fractions = normalised(fractions)?;
    let mut rng = Rng::new(seed);
    let counts = labels.counts();
    let wanted = |rows: usize| -> Vec<f64> { fractions.iter().map(|f| f * rows as f64).collect() };
    let mut wanted_rows = wanted(labels.rows());
    let mut wanted_of_label: Vec<Vec<f64>> = counts.iter().map(|&count| wanted(count)).collect();
    let mut part_of: Vec<Option<usize>> = vec![None; labels.rows()];
    let mut carrying = labels.rows_of_labels();
    carrying.iter_mut().for_each(|rows| rng.shuffle(rows));
    // Ties between equally rare labels are broken by this order.
    let label_order = rng.permutation(labels.labels());
    let mut left = counts;

    loop {
        let open = label_order.iter().copied().filter(|&label| left[label] > 0);
        let Some(rarest) = open.min_by_key(|&label| left[label]) else {
            break;
        };
        for &row in &carrying[rarest] {
            if part_of[row].is_some() {
                continue;
            }
            let part = argmax(&wanted_of_label[rarest], &wanted_rows, &mut rng);
            part_of[row] = Some(part);
            wanted_rows[part] -= 1.0;
            for &label in labels.row(row) {
                wanted_of_label[label as usize][part] -= 1.0;
                left[label as usize] -= 1;
            }
        }
    }

    for row in rng.permutation(labels.rows()) {
        if part_of[row].is_none() {
            let part = argmax(&wanted_rows, &wanted_rows, &mut rng);
            part_of[row] = Some(part);
            wanted_rows[part] -= 1.0;
        }
    }
    let part_of: Vec<usize> = part_of.into_iter().flatten().collect();
    Ok(rows_of_parts(&part_of, fractions.len()))
}
