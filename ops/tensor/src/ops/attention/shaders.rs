use super::*;
pub(super) fn forward(_op: &Attention, _gpu: &Gpu, _inputs: &[GpuInput<'_>], _outputs: &[GpuOutput<'_>]) -> Result<()> { Ok(()) }
pub(super) fn backward(_op: &AttentionGradient, _gpu: &Gpu, _inputs: &[GpuInput<'_>], _outputs: &[GpuOutput<'_>]) -> Result<()> { Ok(()) }
