//! [`Kernel`]s and their compiled pipelines, kept by source, entry point, defines and the access to each binding.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::device::Gpu;
use super::launch::{Access, PARAM_SLOT_BYTES};
use super::source::expand;
use crate::{Result, TensorError};

/// A compute shader: one entry point of a file in `shaders/`.
///
/// Release builds execute shaders without the bounds checks that wgpu would insert, so a source must not index past its
/// bindings, loop for ever, or divide by zero, whatever its parameters. Debug builds, and `ENGINE_GPU_CHECKS=1`, check.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Named in errors and in graphics debuggers.
    pub label: &'static str,
    /// The WGSL, by `include_str!`. `shaders/prelude.wgsl` is put in front; `{{NAME}}` and
    /// `#if NAME` refer to the defines of the launch.
    pub source: &'static str,
    /// The name of the entry point.
    pub entry: &'static str,
}

/// A compiled kernel with the layout of its bindings.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    source: &'static str,
    entry: &'static str,
    defines: Vec<(String, String)>,
    accesses: Vec<Access>,
}

type Compiled = (Key, Arc<Pipeline>);

/// All compiled kernels of a device.
pub(super) struct Pipelines {
    /// By the hash of their keys.
    compiled: RwLock<HashMap<u64, Vec<Compiled>>>,
    layouts: Mutex<HashMap<Vec<Access>, wgpu::BindGroupLayout>>,
    /// The second group of every kernel: its slot of parameters.
    pub params: wgpu::BindGroupLayout,
    checked: bool,
}

impl Pipelines {
    pub fn new(device: &wgpu::Device) -> Self {
        let params = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("params"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: wgpu::BufferSize::new(PARAM_SLOT_BYTES as u64),
                },
                count: None,
            }],
        });
        let checked = cfg!(debug_assertions) || std::env::var_os("ENGINE_GPU_CHECKS").is_some();
        Self {
            compiled: RwLock::default(),
            layouts: Mutex::default(),
            params,
            checked,
        }
    }
}

impl Gpu {
    /// The compiled form of a kernel, from the cache or new.
    pub(super) fn pipeline(
        &self,
        kernel: &Kernel,
        defines: &[(&str, String)],
        accesses: &[Access],
    ) -> Result<Arc<Pipeline>> {
        let source = (kernel.source.as_ptr() as usize, kernel.source.len());
        let mut hasher = DefaultHasher::new();
        (source, kernel.entry, defines, accesses).hash(&mut hasher);
        let hash = hasher.finish();
        let same = |key: &Key| {
            let defined = key
                .defines
                .iter()
                .map(|(name, value)| (name.as_str(), value));
            std::ptr::eq(key.source, kernel.source)
                && key.entry == kernel.entry
                && key.accesses == accesses
                && defined.eq(defines.iter().map(|(name, value)| (*name, value)))
        };
        {
            let compiled = self
                .pipelines
                .compiled
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some((_, pipeline)) = compiled
                .get(&hash)
                .and_then(|found| found.iter().find(|(key, _)| same(key)))
            {
                return Ok(Arc::clone(pipeline));
            }
        }
        let pipeline = Arc::new(self.compile(kernel, defines, accesses)?);
        let key = Key {
            source: kernel.source,
            entry: kernel.entry,
            defines: defines
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            accesses: accesses.to_vec(),
        };
        let mut compiled = self
            .pipelines
            .compiled
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry(hash)
            .or_default()
            .push((key, Arc::clone(&pipeline)));
        Ok(pipeline)
    }

    /// The source and the entry point of each kernel that was launched.
    #[cfg(test)]
    pub(crate) fn compiled(&self) -> Vec<(&'static str, &'static str)> {
        let compiled = self.pipelines.compiled.read();
        let compiled = compiled.unwrap_or_else(PoisonError::into_inner);
        let keys = compiled.values().flatten().map(|(key, _)| key);
        keys.map(|key| (key.source, key.entry)).collect()
    }

    fn compile(
        &self,
        kernel: &Kernel,
        defines: &[(&str, String)],
        accesses: &[Access],
    ) -> Result<Pipeline> {
        let faulty = |reason: String| TensorError::Kernel {
            kernel: kernel.label.to_owned(),
            reason,
        };
        let source = expand(kernel.source, defines).map_err(faulty)?;
        let compiled = catch_unwind(AssertUnwindSafe(|| {
            self.scoped(|| self.build(kernel, source, accesses))
        }));
        match compiled {
            Ok((pipeline, None)) => Ok(pipeline),
            Ok((_, Some(error))) => {
                self.faults.check(kernel.label)?;
                Err(faulty(format!(
                    "it does not compile on {}: {error}",
                    self.adapter.name
                )))
            }
            Err(_) => Err(faulty(format!(
                "the driver of {} failed while compiling it",
                self.adapter.name
            ))),
        }
    }

    fn build(&self, kernel: &Kernel, source: String, accesses: &[Access]) -> Pipeline {
        let description = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let module = if self.pipelines.checked {
            self.device.create_shader_module(description)
        } else {
            // SAFETY: sources are files of this repository, whose tests run them with the checks on.
            unsafe {
                self.device.create_shader_module_trusted(
                    description,
                    wgpu::ShaderRuntimeChecks::unchecked(),
                )
            }
        };
        let mut layouts = self
            .pipelines
            .layouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bindings = layouts
            .entry(accesses.to_vec())
            .or_insert_with(|| bindings_layout(&self.device, accesses))
            .clone();
        drop(layouts);
        let layout = self
            .device
            .create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.label),
                bind_group_layouts: &[Some(&bindings), Some(&self.pipelines.params)],
                immediate_size: 0,
            });
        let pipeline = self
            .device
            .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.label),
                layout: Some(&layout),
                module: &module,
                entry_point: Some(kernel.entry),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[],
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            });
        Pipeline { pipeline, bindings }
    }
}

fn bindings_layout(device: &wgpu::Device, accesses: &[Access]) -> wgpu::BindGroupLayout {
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0u32..)
        .zip(accesses)
        .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage {
                    read_only: *access == Access::Read,
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("bindings"),
        entries: &entries,
    })
}
