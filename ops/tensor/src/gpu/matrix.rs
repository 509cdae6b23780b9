//! [`MatrixView`]: matrices in a buffer, as a kernel sees them.

use super::buffer::GpuBuffer;
use super::device::Gpu;
use super::launch::{Access, Binding};

/// The type of the elements of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatType {
    /// 4 bytes.
    F32,
    /// 2 bytes; needs [`Gpu::has_f16`].
    F16,
    /// 2 bytes, for what a product reads: converted as it is loaded, on every adapter.
    BF16,
}

impl FloatType {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    pub(super) fn wgsl(self) -> &'static str {
        match self {
            // Loads convert what is bf16.
            Self::F32 | Self::BF16 => "f32",
            Self::F16 => "f16",
        }
    }
}

/// A batch of matrices in a buffer. Offset and strides count elements; a stride of 0 repeats.
#[derive(Clone, Copy, Debug)]
pub struct MatrixView<'a> {
    /// Where they are.
    pub buffer: &'a GpuBuffer,
    /// The type of their elements.
    pub float: FloatType,
    /// The place of the first element.
    pub offset: usize,
    /// From one matrix to the next, along the outer and the inner dimension of the batch.
    pub batch_strides: [usize; 2],
    /// From one row to the next.
    pub row_stride: usize,
    /// From one column to the next.
    pub column_stride: usize,
}

impl<'a> MatrixView<'a> {
    /// Matrices of `rows` x `columns` in rows, one after the other from the start of the buffer.
    pub fn dense(
        buffer: &'a GpuBuffer,
        float: FloatType,
        inner_batch: usize,
        rows: usize,
        columns: usize,
    ) -> Self {
        let batch_strides = [inner_batch * rows * columns, rows * columns];
        Self {
            buffer,
            float,
            offset: 0,
            batch_strides,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    pub(super) fn moved(self, batch: [usize; 2], row: usize, column: usize) -> Self {
        let batches = batch[0] * self.batch_strides[0] + batch[1] * self.batch_strides[1];
        Self {
            offset: self.offset + batches + row * self.row_stride + column * self.column_stride,
            ..self
        }
    }

    /// Elements from the first one to behind the last one.
    pub(super) fn span(&self, batch: [usize; 2], rows: usize, columns: usize) -> usize {
        let counts = [batch[0], batch[1], rows, columns];
        if counts.contains(&0) {
            return 0;
        }
        let strides = [
            self.batch_strides[0],
            self.batch_strides[1],
            self.row_stride,
            self.column_stride,
        ];
        counts
            .iter()
            .zip(strides)
            .map(|(count, stride)| (count - 1).saturating_mul(stride))
            .fold(1, usize::saturating_add)
    }

    /// Whether it can be read four elements at a time, along rows or along columns.
    pub(super) fn vectors(
        &self,
        gpu: &Gpu,
        rows: usize,
        columns: usize,
        along_columns: bool,
    ) -> bool {
        let (stride, across, length) = if along_columns {
            (self.column_stride, self.row_stride, columns)
        } else {
            (self.row_stride, self.column_stride, rows)
        };
        let (_, rest) = self.base(gpu);
        let all = [
            self.batch_strides[0],
            self.batch_strides[1],
            across,
            length,
            rest,
        ];
        stride == 1 && rows > 0 && columns > 0 && all.iter().all(|value| value.is_multiple_of(4))
    }

    /// The aligned byte at which it is bound, and the elements from there to the first one.
    fn base(&self, gpu: &Gpu) -> (usize, usize) {
        let bytes = self.offset * self.float.bytes();
        let aligned = bytes - bytes % gpu.binding_alignment();
        (aligned, (bytes - aligned) / self.float.bytes())
    }

    /// The bytes that are bound for so many elements.
    pub(super) fn bound_bytes(&self, gpu: &Gpu, span: usize) -> usize {
        let (_, rest) = self.base(gpu);
        ((rest + span.max(1)) * self.float.bytes()).next_multiple_of(4)
    }

    pub(super) fn binding(&self, gpu: &Gpu, span: usize, access: Access) -> (Binding<'a>, u32) {
        if span == 0 {
            // Nothing of it is read, but something has to be bound.
            let nothing = Binding {
                buffer: self.buffer,
                offset: 0,
                bytes: 4,
                access,
            };
            return (nothing, 0);
        }
        let (aligned, rest) = self.base(gpu);
        (
            Binding {
                buffer: self.buffer,
                offset: aligned,
                bytes: self.bound_bytes(gpu, span),
                access,
            },
            rest as u32,
        )
    }
}
