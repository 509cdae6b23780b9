//! Shorter vectors for longer ones: those directions are kept that hold most of them.

use tensor::{Device, Tensor};

use crate::Result;

/// Sweeps over all pairs of rows at most; a matrix of a thousand rows takes about ten.
const SWEEPS: usize = 40;
/// Rows count as orthogonal from here.
const PRECISION: f64 = 1e-10;

/// The directions that hold most of the vectors' squared length: eigenvectors of the sum of `v v^T` (Jolliffe 2002, chapter 2; without
/// taking the mean away, so that inner products stay as they are as far as possible).
#[derive(Clone, Debug)]
pub(crate) struct Directions {
    /// `[width, count]`.
    matrix: Tensor,
    width: usize,
    count: usize,
}

impl Directions {
    /// The first `count` directions of vectors, `[rows * width]`, of which there is at least one.
    pub fn of(vectors: &[f32], width: usize, count: usize, device: &Device) -> Result<Self> {
        let rows = Tensor::new(vectors, [vectors.len() / width, width], device)?;
        let products = rows.transpose(0, 1)?.matmul(&rows)?.to_f32_vec()?;
        let mut matrix: Vec<Vec<f64>> = products
            .chunks(width)
            .map(|row| row.iter().map(|&value| f64::from(value)).collect())
            .collect();
        make_rows_orthogonal(&mut matrix);
        // Now a row is an eigenvalue times its eigenvector.
        let mut found: Vec<(f64, Vec<f64>)> = matrix
            .into_iter()
            .map(|row| (dot(&row, &row).sqrt(), row))
            .collect();
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.truncate(count);
        let mut columns = vec![0.0_f32; width * count];
        for (place, (value, row)) in found.iter().enumerate() {
            for (component, number) in row.iter().enumerate() {
                columns[component * count + place] = (number / value.max(f64::MIN_POSITIVE)) as f32;
            }
        }
        Ok(Self {
            matrix: Tensor::new(&columns, [width, count], device)?,
            width,
            count,
        })
    }

    /// Vectors by their components along the directions, `[rows * count]`.
    pub fn project(&self, vectors: &[f32]) -> Result<Vec<f32>> {
        let rows = vectors.len() / self.width;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let vectors = Tensor::new(vectors, [rows, self.width], self.matrix.device())?;
        let projected = vectors.matmul(&self.matrix)?.to_f32_vec()?;
        debug_assert_eq!(projected.len(), rows * self.count);
        Ok(projected)
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// One-sided Jacobi (Hestenes 1958; Golub and Van Loan 2013, section 8.6.3): turns pairs of rows until each is orthogonal to all others.
/// What turns the rows of a symmetric matrix without negative eigenvalues so leaves eigenvectors, each times its eigenvalue.
fn make_rows_orthogonal(matrix: &mut [Vec<f64>]) {
    let largest = matrix.iter().map(|row| dot(row, row)).fold(0.0, f64::max);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for second in 1..matrix.len() {
            let (above, below) = matrix.split_at_mut(second);
            let q = &mut below[0];
            for p in above {
                let (pp, qq, pq) = (dot(p, p), dot(q, q), dot(p, q));
                // What is rounding beside the largest row has no direction.
                let negligible = PRECISION * PRECISION * largest;
                if pq.abs() <= PRECISION * (pp * qq).sqrt() || pp.min(qq) <= negligible {
                    continue;
                }
                turned = true;
                let zeta = (qq - pp) / (2.0 * pq);
                let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
                let sine = cosine * tangent;
                for (x, y) in p.iter_mut().zip(q.iter_mut()) {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                }
            }
        }
        if !turned {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_a_plane_keep_their_inner_products_in_two_numbers() {
        // Two orthogonal directions in four dimensions, of lengths 3 and 2, and their sum.
        let (a, b) = ([1.5, 1.5, 1.5, 1.5], [1.0, -1.0, 1.0, -1.0]);
        let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
        let vectors = [&a[..], &b[..], &sum[..]].concat();
        let directions = Directions::of(&vectors, 4, 2, &Device::cpu()).unwrap();
        let found = directions.project(&vectors).unwrap();
        let product =
            |i: usize, j: usize| found[2 * i] * found[2 * j] + found[2 * i + 1] * found[2 * j + 1];
        for (i, j, expected) in [
            (0, 0, 9.0),
            (1, 1, 4.0),
            (0, 1, 0.0),
            (0, 2, 9.0),
            (2, 2, 13.0),
        ] {
            assert!((product(i, j) - expected).abs() < 1e-4, "{i} {j}");
        }
        // One direction alone: v v^T has the eigenvalues of [[18, 6], [6, 8]] in the plane, 13 ± sqrt(61).
        let one = Directions::of(&vectors, 4, 1, &Device::cpu()).unwrap();
        let found = one.project(&vectors).unwrap();
        let held: f32 = found.iter().map(|number| number * number).sum();
        assert!((held - (13.0 + 61.0_f32.sqrt())).abs() < 1e-3, "{held}");
    }

    #[test]
    fn a_full_matrix_is_taken_apart_into_orthonormal_directions() {
        let vectors: Vec<f32> = (0..60 * 20)
            .map(|place| (78.233 * place as f32).sin())
            .collect();
        let directions = Directions::of(&vectors, 20, 20, &Device::cpu()).unwrap();
        let matrix = &directions.matrix;
        let products = matrix
            .transpose(0, 1)
            .unwrap()
            .matmul(matrix)
            .unwrap()
            .to_f32_vec()
            .unwrap();
        for (place, value) in products.iter().enumerate() {
            let expected = if place % 21 == 0 { 1.0 } else { 0.0 };
            assert!((value - expected).abs() < 1e-4, "{place}: {value}");
        }
    }
}
