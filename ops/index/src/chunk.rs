//! Scores of many queries with a chunk of vectors, by one matrix product, with a bound on their error.
//!
//! Where the processor multiplies pairs of `bf16` at twice the rate of `f32`, products are computed so. With r(x) for what
//! rounding takes from x, `|x y - (x - r(x)) (y - r(y))| <= |r(x)| |y| + |x - r(x)| |r(y)|` (Cauchy-Schwarz), and sums of d
//! terms in `f32` add at most d units in the last place of `|x| |y|` (Higham 2002, section 3.1). The squared distance is
//! `|x|^2 - 2 (x y - |y|^2 / 2)`; `-|y|^2 / 2` is added to the product as a bias.

use std::cell::Cell;
use std::sync::OnceLock;

use tensor::cpu::Threads;
use tensor::cpu::gemm::{Epilogue, Matrix, MatrixMut, PackedB, Precision, gemm};

use crate::candidates::View;
use crate::kernels;

/// Half a unit in the last place of 1.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// What bounds need to know of a vector. Lengths are rounded up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) half_square: f32,
    pub(crate) length: f32,
    /// The length of what rounding to `bf16` takes away.
    pub(crate) lost: f32,
}

impl Facts {
    pub(crate) fn of(vector: &[f32]) -> Self {
        let square = kernels::square(vector);
        Self {
            half_square: (square / 2.0) as f32,
            length: (square.sqrt() as f32).next_up(),
            lost: (kernels::lost_square(vector).sqrt() as f32).next_up(),
        }
    }
}

/// A query with what bounds need to know of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryFacts {
    square: f64,
    length: f64,
    lost: f64,
}

/// The facts of queries `[n, dimension]`.
pub(crate) fn query_facts(threads: &Threads, queries: &[f32], dimension: usize) -> Vec<QueryFacts> {
    let nothing = QueryFacts {
        square: 0.0,
        length: 0.0,
        lost: 0.0,
    };
    let mut facts = vec![nothing; queries.len() / dimension];
    threads.chunks_mut(&mut facts, 64, |block, facts| {
        let queries = queries[block * 64 * dimension..].chunks_exact(dimension);
        for (facts, query) in facts.iter_mut().zip(queries) {
            *facts = QueryFacts::of(query);
        }
    });
    facts
}

impl QueryFacts {
    pub(crate) fn of(query: &[f32]) -> Self {
        let square = kernels::square(query);
        Self {
            square,
            length: square.sqrt(),
            lost: kernels::lost_square(query).sqrt(),
        }
    }

    /// How far a sum of so many terms and the exact kernel's score may be apart, for vectors up to that length.
    pub(crate) fn sum_error(&self, longest: f32, terms: usize, squared: bool) -> f64 {
        let longest = f64::from(longest);
        let size = if squared {
            (self.length + longest) * (self.length + longest)
        } else {
            self.length * longest
        };
        (2.0 * terms as f64 + 32.0) * UNIT * size + (terms as f64 + self.length + longest) * 4e-37
    }
}

/// A pool of the caller alone, for products within tasks.
pub(crate) fn alone() -> &'static Threads {
    static ALONE: OnceLock<Threads> = OnceLock::new();
    ALONE.get_or_init(|| Threads::new(1))
}

/// Vectors packed for products.
pub(crate) struct Chunk<'a> {
    vectors: &'a [f32],
    dimension: usize,
    packed: PackedB,
    /// Set where scores are negated squares of distances.
    bias: Option<Vec<f32>>,
    /// The largest of the vectors'.
    length: f64,
    lost: f64,
}

impl<'a> Chunk<'a> {
    pub(crate) fn new(vectors: &'a [f32], facts: &[Facts], squared: bool) -> Self {
        let dimension = vectors.len() / facts.len().max(1);
        let precision = match Precision::best() {
            Precision::Bf16 => Precision::Bf16,
            // Sums in halves have no bound that is worth it.
            _ => Precision::F32,
        };
        let largest = |of: fn(&Facts) -> f32| facts.iter().map(of).fold(0.0, f32::max);
        Self {
            vectors,
            dimension,
            packed: PackedB::new(
                alone(),
                Matrix::new(vectors, facts.len(), dimension).transposed(),
                precision,
            ),
            bias: squared.then(|| facts.iter().map(|facts| -facts.half_square).collect()),
            length: f64::from(largest(|facts| facts.length)),
            lost: f64::from(largest(|facts| facts.lost)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.vectors.len() / self.dimension
    }

    /// Calls `take` with the index of each query, its row of values and how to read them. `precise` computes them in `f32`.
    pub(crate) fn products(
        &self,
        queries: &[f32],
        precise: bool,
        mut take: impl FnMut(usize, &[f32], &mut Vec<u32>),
    ) {
        let columns = self.len();
        let rows = queries.len() / self.dimension;
        SCRATCH.with(|cell| {
            let mut scratch = cell.take();
            if scratch.values.len() < rows * columns {
                scratch.values.resize(rows * columns, 0.0);
            }
            let a = Matrix::new(queries, rows, self.dimension);
            let c = MatrixMut::new(&mut scratch.values[..rows * columns], rows, columns);
            if precise && self.packed.precision() != Precision::F32 {
                let b = Matrix::new(self.vectors, columns, self.dimension).transposed();
                gemm(alone(), a, b, c, Epilogue::default());
            } else {
                gemm(alone(), a, &self.packed, c, Epilogue::default());
            }
            for (index, values) in scratch.values[..rows * columns]
                .chunks_exact_mut(columns)
                .enumerate()
            {
                // Here and not in the product's epilogue: tests/bench/REJECTED.md.
                if let Some(bias) = &self.bias {
                    kernels::add(values, bias);
                }
                take(index, values, &mut scratch.hits);
            }
            cell.set(scratch);
        });
    }

    /// How scores follow from the values of [`Chunk::products`] for that query.
    pub(crate) fn view(&self, query: &QueryFacts, precise: bool) -> View {
        let terms = self.dimension as f64;
        let lengths = query.length * self.length;
        let rounded = if precise || self.packed.precision() == Precision::F32 {
            (terms + 16.0) * UNIT * lengths
        } else {
            // Two roundings a step of the product, and what rounding the factors takes.
            (2.0 * terms + 32.0) * UNIT * lengths
                + query.lost * self.length
                + (query.length + query.lost) * self.lost
        };
        // Factors and products below the smallest normal number may count as zero.
        let tiny = (terms + query.length + self.length) * 1e-37;
        // The exact kernel sums in 64 lanes, what is left of them in one vector, and folds these.
        let exact = (terms / 64.0 + 12.0) * UNIT;
        if self.bias.is_some() {
            let most = query.length + self.length;
            View {
                scale: 2.0,
                offset: -query.square,
                error: 2.0 * rounded + (2.0 * exact + 8.0 * UNIT) * most * most + 4.0 * tiny,
            }
        } else {
            View {
                scale: 1.0,
                offset: 0.0,
                error: rounded + exact * lengths + tiny,
            }
        }
    }
}

#[derive(Default)]
struct Scratch {
    values: Vec<f32>,
    hits: Vec<u32>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const {
        Cell::new(Scratch { values: Vec::new(), hits: Vec::new() })
    };
}
