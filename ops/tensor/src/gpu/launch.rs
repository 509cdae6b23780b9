//! Launching a kernel: its bindings, its parameters and its grid.

use smallvec::SmallVec;

use super::adapters::AdapterKind;
use super::buffer::GpuBuffer;
use super::device::Gpu;
use super::kernel::Kernel;
use crate::{Result, TensorError};

/// Parameters of a launch at most, of 4 bytes each.
pub const MAX_PARAMS: usize = 60;

/// Turns of loops that an invocation may make on every adapter, with a margin for those that are not counted.
const MAX_TURNS: usize = 60_000;

/// Parameters and, behind them, the grid of a launch. A multiple of every device's alignment of uniform bindings.
pub(super) const PARAM_SLOT_BYTES: usize = 256;
pub(super) type Slot = [u32; PARAM_SLOT_BYTES / 4];

/// What a kernel does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

/// A part of a buffer that a kernel sees as one array.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The buffer.
    pub buffer: &'a GpuBuffer,
    /// Where the part begins, in bytes: a multiple of [`Gpu::binding_alignment`].
    pub offset: usize,
    /// Its length in bytes, a multiple of 4; 0 means all that is left.
    pub bytes: usize,
    /// What the kernel does with it.
    pub access: Access,
}

impl<'a> Binding<'a> {
    /// A whole buffer that is read.
    pub fn read(buffer: &'a GpuBuffer) -> Self {
        Self {
            buffer,
            offset: 0,
            bytes: 0,
            access: Access::Read,
        }
    }

    /// A whole buffer that is written, and perhaps read.
    pub fn read_write(buffer: &'a GpuBuffer) -> Self {
        Self {
            buffer,
            offset: 0,
            bytes: 0,
            access: Access::ReadWrite,
        }
    }

    /// A part of it, `bytes` long from `offset` on; 0 bytes mean all that is left.
    #[must_use]
    pub fn part(self, offset: usize, bytes: usize) -> Self {
        Self {
            offset,
            bytes,
            ..self
        }
    }

    fn length(&self) -> usize {
        if self.bytes == 0 {
            self.buffer.bytes().saturating_sub(self.offset)
        } else {
            self.bytes
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.offset + other.length() && other.offset < self.offset + self.length()
    }
}

impl Gpu {
    /// What the offset of a [`Binding`] is a multiple of, in bytes.
    pub fn binding_alignment(&self) -> usize {
        self.limits.binding_alignment
    }

    /// Records one execution of a kernel over `workgroups` groups; a grid of 0 groups does nothing.
    ///
    /// In the shader, group 0 holds the bindings in their order, `param(i)` and `param_f32(i)` read `params`, and
    /// `grid_place(wid, nwg)` gives the place in the grid, which past the adapter's limit is folded: see the prelude.
    ///
    /// # Errors
    /// If the kernel does not compile, a binding does not fit its buffer, the alignment or the adapter's limit, a buffer is
    /// written through one binding and seen through another, or the device is lost.
    pub fn launch(
        &self,
        kernel: &Kernel,
        defines: &[(&str, String)],
        bindings: &[Binding<'_>],
        params: &[u32],
        workgroups: [u32; 3],
    ) -> Result<()> {
        self.faults.check(kernel.label)?;
        if workgroups.contains(&0) {
            return Ok(());
        }
        self.check(kernel, bindings, params)?;
        let grid = self.fold(kernel, workgroups)?;
        let mut slot: Slot = [0; PARAM_SLOT_BYTES / 4];
        slot[..params.len()].copy_from_slice(params);
        slot[MAX_PARAMS..MAX_PARAMS + 3].copy_from_slice(&workgroups);
        slot[MAX_PARAMS + 3] = u32::from(grid != workgroups);

        let accesses: SmallVec<[Access; 8]> =
            bindings.iter().map(|binding| binding.access).collect();
        let pipeline = self.pipeline(kernel, defines, &accesses)?;
        let entries: SmallVec<[wgpu::BindGroupEntry<'_>; 8]> = (0u32..)
            .zip(bindings)
            .filter_map(|(number, binding)| {
                let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: binding.buffer.raw()?,
                    offset: binding.offset as u64,
                    size: wgpu::BufferSize::new(binding.length() as u64),
                });
                Some(wgpu::BindGroupEntry {
                    binding: number,
                    resource,
                })
            })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.label),
            layout: &pipeline.bindings,
            entries: &entries,
        });
        self.faults.check(kernel.label)?;

        let mut batch = self.batch();
        let number = batch.number();
        for binding in bindings {
            binding.buffer.used_by(number);
        }
        batch.launch(self, &pipeline.pipeline, &group, &slot, grid);
        batch.submit_if_due(self)
    }

    /// Fails where an adapter would leave the loops of an invocation before their end, without a word: Mesa's software driver
    /// does, after 65,535 turns of all loops together.
    ///
    /// # Errors
    /// [`TensorError::PastLimit`].
    pub(crate) fn check_loops(&self, what: &str, turns: usize) -> Result<()> {
        if self.adapter.kind != AdapterKind::Software || turns <= MAX_TURNS {
            return Ok(());
        }
        Err(TensorError::PastLimit {
            what: format!("the loops of {what}, in turns,"),
            asked: turns as u64,
            limit: MAX_TURNS as u64,
            adapter: self.adapter.name.clone(),
            advice: "use `--device cpu`, which is faster than a software adapter",
        })
    }

    fn check(&self, kernel: &Kernel, bindings: &[Binding<'_>], params: &[u32]) -> Result<()> {
        let faulty = |reason: String| {
            Err(TensorError::Kernel {
                kernel: kernel.label.to_owned(),
                reason,
            })
        };
        if params.len() > MAX_PARAMS {
            return faulty(format!(
                "{} parameters, of at most {MAX_PARAMS}",
                params.len()
            ));
        }
        if bindings.len() > self.limits.max_bindings as usize {
            return Err(TensorError::PastLimit {
                what: format!("the buffers of kernel `{}`", kernel.label),
                asked: bindings.len() as u64,
                limit: u64::from(self.limits.max_bindings),
                adapter: self.adapter.name.clone(),
                advice: "update its driver, or use `--device cpu`",
            });
        }
        for (number, binding) in bindings.iter().enumerate() {
            let (offset, length, whole) =
                (binding.offset, binding.length(), binding.buffer.bytes());
            if length == 0
                || !length.is_multiple_of(4)
                || offset.checked_add(length).is_none_or(|end| end > whole)
            {
                return faulty(format!(
                    "binding {number} of {length} bytes from {offset} does not fit its buffer of {whole} bytes"
                ));
            }
            if !offset.is_multiple_of(self.limits.binding_alignment) {
                let alignment = self.limits.binding_alignment;
                return faulty(format!(
                    "binding {number} begins at byte {offset}, which is no multiple of {alignment}"
                ));
            }
            if length as u64 > self.limits.max_binding_bytes {
                return Err(TensorError::PastLimit {
                    what: format!("binding {number} of kernel `{}`, in bytes,", kernel.label),
                    asked: length as u64,
                    limit: self.limits.max_binding_bytes,
                    adapter: self.adapter.name.clone(),
                    advice: "use smaller batches or shorter texts, or `--device cpu`",
                });
            }
            for (earlier, other) in bindings[..number].iter().enumerate() {
                let mixed = binding.access != other.access;
                let written = binding.access == Access::ReadWrite && binding.overlaps(other);
                if std::ptr::eq(binding.buffer, other.buffer) && (mixed || written) {
                    return faulty(format!(
                        "bindings {earlier} and {number} are of one buffer, and one of them writes: bind it once, for reading and writing"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The grid as it is dispatched: itself, or all its groups in a row that is cut into equal lines.
    fn fold(&self, kernel: &Kernel, workgroups: [u32; 3]) -> Result<[u32; 3]> {
        let most = self.limits.max_workgroups;
        if workgroups.iter().all(|&count| count <= most) {
            return Ok(workgroups);
        }
        let all = workgroups
            .iter()
            .try_fold(1u32, |product, &count| product.checked_mul(count));
        let Some(all) = all else {
            return Err(TensorError::PastLimit {
                what: format!("the workgroups of kernel `{}`", kernel.label),
                asked: workgroups.iter().map(|&count| u64::from(count)).product(),
                limit: u64::from(u32::MAX),
                adapter: self.adapter.name.clone(),
                advice: "use smaller batches or shorter texts, or `--device cpu`",
            });
        };
        let planes = all.div_ceil(most.saturating_mul(most)).max(1);
        let lines = all.div_ceil(planes).div_ceil(most);
        Ok([all.div_ceil(planes * lines), lines, planes])
    }
}
