//! temporary
use super::{Gpu, GpuBuffer};
use crate::cpu::gemm::Activation;
use crate::{Result, TensorError};
pub struct MatrixView<'a> {
    pub buffer: &'a GpuBuffer,
    pub offset: usize,
    pub batch_stride: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}
pub struct Product<'a> {
    pub sizes: [usize; 4],
    pub a: MatrixView<'a>,
    pub b: MatrixView<'a>,
    pub bias: Option<(&'a GpuBuffer, usize)>,
    pub activation: Activation,
    pub c: &'a GpuBuffer,
    pub argument: Option<&'a GpuBuffer>,
}
impl Gpu {
    pub fn matmul(&self, _: &Product<'_>) -> Result<()> {
        Err(TensorError::Gpu {
            doing: "matmul".into(),
            reason: "soon".into(),
        })
    }
}
