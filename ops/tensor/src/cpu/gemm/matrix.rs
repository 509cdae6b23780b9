//! Matrices as slices with strides.

use half::{bf16, f16};

/// The elements of a matrix that is read.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// The upper half of single precision.
    Bf16(&'a [bf16]),
    /// IEEE half precision.
    F16(&'a [f16]),
}

/// The elements of a matrix that is written.
#[derive(Debug)]
pub enum DataMut<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// The upper half of single precision.
    Bf16(&'a mut [bf16]),
    /// IEEE half precision.
    F16(&'a mut [f16]),
}

/// One matrix, or a batch of them, at any strides. Strides count elements.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub(super) data: Data<'a>,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
    pub(super) batch_stride: usize,
}

/// One matrix, or a batch of them, to write; each row is contiguous.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    pub(super) data: DataMut<'a>,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) batch: usize,
    pub(super) batch_stride: usize,
}

impl Data<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::Bf16(data) => data.len(),
            Self::F16(data) => data.len(),
        }
    }
}

impl DataMut<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::Bf16(data) => data.len(),
            Self::F16(data) => data.len(),
        }
    }
}

impl<'a> Matrix<'a> {
    /// `[rows, columns]`, row after row.
    pub fn new(data: impl Into<Data<'a>>, rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns, 1)
    }

    /// `[rows, columns]` where the element `[r, c]` is at `r * row_stride + c * column_stride`.
    pub fn strided(
        data: impl Into<Data<'a>>,
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Self {
        Self {
            data: data.into(),
            rows,
            columns,
            row_stride,
            column_stride,
            batch_stride: 0,
        }
    }

    /// The matrix `[columns, rows]` of the same elements.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// A batch of such matrices, each `batch_stride` after the one before; zero repeats the same one.
    #[must_use]
    pub fn batched(self, batch_stride: usize) -> Self {
        Self {
            batch_stride,
            ..self
        }
    }

    /// # Panics
    /// If an element of the batch lies past the data.
    pub(super) fn check(&self, name: &str, batch: usize) {
        if batch == 0 || self.rows == 0 || self.columns == 0 {
            return;
        }
        let last = span(batch, self.batch_stride)
            .and_then(|last| last.checked_add(span(self.rows, self.row_stride)?))
            .and_then(|last| last.checked_add(span(self.columns, self.column_stride)?));
        let length = self.data.len();
        assert!(
            last.is_some_and(|last| last < length),
            "matrix {name} ends past its {length} elements: {}",
            self.shape(batch)
        );
    }

    pub(super) fn shape(&self, batch: usize) -> String {
        format!(
            "[{batch}, {}, {}] at strides [{}, {}, {}]",
            self.rows, self.columns, self.batch_stride, self.row_stride, self.column_stride
        )
    }
}

impl<'a> MatrixMut<'a> {
    /// `[rows, columns]`, row after row.
    pub fn new(data: impl Into<DataMut<'a>>, rows: usize, columns: usize) -> Self {
        Self {
            data: data.into(),
            rows,
            columns,
            row_stride: columns,
            batch: 1,
            batch_stride: 0,
        }
    }

    /// Rows that begin `row_stride` elements apart.
    #[must_use]
    pub fn with_row_stride(self, row_stride: usize) -> Self {
        Self { row_stride, ..self }
    }

    /// A batch of `batch` such matrices, each `batch_stride` after the one before.
    #[must_use]
    pub fn batched(self, batch: usize, batch_stride: usize) -> Self {
        Self {
            batch,
            batch_stride,
            ..self
        }
    }

    /// # Panics
    /// If an element lies past the data, or two elements are one.
    pub(super) fn check(&self, name: &str) {
        if self.batch == 0 || self.rows == 0 || self.columns == 0 {
            return;
        }
        let matrix =
            span(self.rows, self.row_stride).and_then(|last| last.checked_add(self.columns));
        let end = span(self.batch, self.batch_stride).and_then(|last| last.checked_add(matrix?));
        let length = self.data.len();
        let shape = || {
            format!(
                "[{}, {}, {}] at strides [{}, {}, 1]",
                self.batch, self.rows, self.columns, self.batch_stride, self.row_stride
            )
        };
        assert!(
            end.is_some_and(|end| end <= length),
            "matrix {name} ends past its {length} elements: {}",
            shape()
        );
        // Heads of one row may be interleaved, so a batch stride below a matrix is fine as long as rows keep apart.
        let apart = self.rows == 1 || self.row_stride >= self.columns;
        let batches_apart = self.batch == 1
            || matrix.is_some_and(|matrix| self.batch_stride >= matrix)
            || (self.batch_stride >= self.columns
                && (self.rows == 1
                    || span(self.batch, self.batch_stride)
                        .is_some_and(|last| last + self.columns <= self.row_stride)));
        assert!(
            apart && batches_apart,
            "elements of matrix {name} overlap: {}",
            shape()
        );
    }
}

/// Where the last of `count` things at a stride begins.
fn span(count: usize, stride: usize) -> Option<usize> {
    (count - 1).checked_mul(stride)
}

macro_rules! conversions {
    ($($kind:ty => $variant:ident),*) => {$(
        impl<'a> From<&'a [$kind]> for Data<'a> {
            fn from(data: &'a [$kind]) -> Self {
                Self::$variant(data)
            }
        }

        impl<'a> From<&'a Vec<$kind>> for Data<'a> {
            fn from(data: &'a Vec<$kind>) -> Self {
                Self::$variant(data)
            }
        }

        impl<'a> From<&'a mut [$kind]> for DataMut<'a> {
            fn from(data: &'a mut [$kind]) -> Self {
                Self::$variant(data)
            }
        }

        impl<'a> From<&'a mut Vec<$kind>> for DataMut<'a> {
            fn from(data: &'a mut Vec<$kind>) -> Self {
                Self::$variant(data)
            }
        }
    )*};
}

conversions!(f32 => F32, bf16 => Bf16, f16 => F16);
