//! Work that is recorded and not yet submitted.
//!
//! A submit costs tens of microseconds and a launch a few, so launches are gathered. A device that has nothing to do gets a
//! small batch at once; a busy one gets large ones, and the host waits when it is too far ahead.

use std::collections::VecDeque;

use super::device::Gpu;
use super::launch::{PARAM_SLOT_BYTES, Slot};
use crate::Result;

/// Launches in a batch at most.
const MOST_LAUNCHES: usize = 256;
/// Launches after which an idle device gets what there is.
const FEW_LAUNCHES: usize = 16;
/// Bytes of uploads that wait for a submit at most: they sit in staging memory until then.
const MOST_UPLOAD_BYTES: usize = 64 << 20;
/// Submits that the host may be ahead of the device.
const MOST_IN_FLIGHT: usize = 4;

/// What is being recorded.
pub(super) struct Batch {
    /// Ends before the encoder does.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    /// One slot of parameters a launch, copied to `params` ahead of the batch.
    staged: Vec<u8>,
    params: wgpu::Buffer,
    params_group: wgpu::BindGroup,
    launches: usize,
    uploads: usize,
    number: u64,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
}

impl Batch {
    pub fn new(device: &wgpu::Device, params_layout: &wgpu::BindGroupLayout) -> Self {
        let params = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: (MOST_LAUNCHES * PARAM_SLOT_BYTES) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let slot = wgpu::BufferBinding {
            buffer: &params,
            offset: 0,
            size: wgpu::BufferSize::new(PARAM_SLOT_BYTES as u64),
        };
        let params_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("params"),
            layout: params_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(slot),
            }],
        });
        let staged = Vec::with_capacity(MOST_LAUNCHES * PARAM_SLOT_BYTES);
        // Buffers start with the number 0: used by no batch.
        let in_flight = VecDeque::new();
        Self {
            pass: None,
            encoder: None,
            staged,
            params,
            params_group,
            launches: 0,
            uploads: 0,
            number: 1,
            in_flight,
        }
    }

    /// The number of the batch that is being recorded.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn encoder(&mut self, device: &wgpu::Device) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| {
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
                label: Some("batch"),
            })
        })
    }

    /// Records one launch with its bindings and its slot of parameters.
    pub fn launch(
        &mut self,
        gpu: &Gpu,
        pipeline: &wgpu::ComputePipeline,
        bindings: &wgpu::BindGroup,
        slot: &Slot,
        grid: [u32; 3],
    ) {
        let offset = self.staged.len() as u32;
        self.staged.extend_from_slice(bytemuck::cast_slice(slot));
        self.launches += 1;
        let mut pass = match self.pass.take() {
            Some(pass) => pass,
            None => self
                .encoder(&gpu.device)
                .begin_compute_pass(&wgpu::ComputePassDescriptor::default())
                .forget_lifetime(),
        };
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bindings, &[]);
        pass.set_bind_group(1, &self.params_group, &[offset]);
        pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
        self.pass = Some(pass);
    }

    /// The encoder outside of any pass, for copies.
    pub fn copies(&mut self, device: &wgpu::Device) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        self.encoder(device)
    }

    /// Counts bytes that wait for the next submit in staging memory.
    pub fn uploaded(&mut self, bytes: usize) {
        self.uploads += bytes;
    }

    /// Submits if there is enough, or if the device has nothing else to do.
    pub fn submit_if_due(&mut self, gpu: &Gpu) -> Result<()> {
        let full = self.launches >= MOST_LAUNCHES || self.uploads >= MOST_UPLOAD_BYTES;
        if full
            || (self.launches.is_multiple_of(FEW_LAUNCHES)
                && self.launches > 0
                && self.idle(gpu)?)
        {
            self.submit(gpu)?;
        }
        Ok(())
    }

    /// Whether everything that was submitted has ended, as far as it is known without waiting.
    fn idle(&mut self, gpu: &Gpu) -> Result<bool> {
        if self.in_flight.is_empty() {
            return Ok(true);
        }
        let status = gpu.is_idle()?;
        if status {
            self.in_flight.clear();
        }
        Ok(status)
    }

    /// Hands what is recorded to the device. Waits only where it is too far behind.
    pub fn submit(&mut self, gpu: &Gpu) -> Result<Option<wgpu::SubmissionIndex>> {
        self.pass = None;
        let encoder = self.encoder.take();
        if encoder.is_none() && self.uploads == 0 {
            return Ok(None);
        }
        let ((), error) = gpu.scoped(|| {
            if !self.staged.is_empty() {
                gpu.queue.write_buffer(&self.params, 0, &self.staged);
            }
            self.in_flight
                .push_back(gpu.queue.submit(encoder.map(wgpu::CommandEncoder::finish)));
        });
        self.staged.clear();
        self.launches = 0;
        self.uploads = 0;
        self.number += 1;
        if let Some(error) = error {
            gpu.faults.raise(error.to_string());
        }
        gpu.faults.check("submitting work")?;
        while self.in_flight.len() > MOST_IN_FLIGHT {
            let oldest = self.in_flight.pop_front();
            gpu.poll(wgpu::PollType::Wait {
                submission_index: oldest,
                timeout: None,
            })?;
        }
        Ok(self.in_flight.back().cloned())
    }
}

impl Gpu {
    /// Submits what is recorded, without waiting for it.
    ///
    /// # Errors
    /// If the device is lost, or if recorded work was faulty.
    pub fn flush(&self) -> Result<()> {
        self.faults.check("submitting work")?;
        self.batch().submit(self).map(drop)
    }

    /// Submits what is recorded and waits until the device has done everything.
    ///
    /// # Errors
    /// If the device is lost, or if recorded work was faulty.
    pub fn wait(&self) -> Result<()> {
        self.flush()?;
        self.poll(wgpu::PollType::wait_indefinitely())
    }
}
