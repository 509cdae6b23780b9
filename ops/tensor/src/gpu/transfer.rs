//! Bytes between host and device, and between buffers.

use std::sync::mpsc;

use super::buffer::GpuBuffer;
use super::device::Gpu;
use crate::{Result, TensorError};

/// Bytes of a transfer that are in staging memory at once.
const PIECE: usize = 32 << 20;

impl Gpu {
    /// A new buffer with these bytes, padded with zeros to a multiple of 4.
    ///
    /// # Errors
    /// As [`Gpu::allocate`].
    pub fn upload(&self, bytes: &[u8]) -> Result<GpuBuffer> {
        let buffer = self.allocate(bytes.len())?;
        self.write(&buffer, 0, bytes)?;
        Ok(buffer)
    }

    /// Overwrites part of a buffer, after all work recorded so far. Bytes that do not fill the last 4 are padded with zeros.
    ///
    /// # Errors
    /// If `offset` is no multiple of 4, the bytes do not fit, or the device is lost.
    pub fn write(&self, buffer: &GpuBuffer, offset: usize, bytes: &[u8]) -> Result<()> {
        self.faults.check("uploading")?;
        let fits = offset
            .checked_add(bytes.len())
            .is_some_and(|end| end <= buffer.bytes());
        if !offset.is_multiple_of(4) || !fits {
            return Err(misfit("uploading", offset, bytes.len(), buffer));
        }
        let Some(raw) = buffer.raw() else {
            return Ok(());
        };
        let mut batch = self.batch();
        // A write goes ahead of the batch that is being recorded, which must not see it.
        if buffer.last_batch() == batch.number() {
            batch.submit(self)?;
        }
        let whole = bytes.len() & !3;
        for (number, piece) in bytes[..whole].chunks(PIECE).enumerate() {
            self.queue
                .write_buffer(raw, (offset + number * PIECE) as u64, piece);
            batch.uploaded(piece.len());
            batch.submit_if_due(self)?;
        }
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.queue.write_buffer(raw, (offset + whole) as u64, &last);
            batch.uploaded(4);
        }
        self.faults.check("uploading")
    }

    /// The bytes of part of a buffer, after all work recorded so far; waits for it.
    ///
    /// # Errors
    /// If the part is not inside of the buffer, if the device is lost or was given faulty work, or if a kernel since the last
    /// call met an index past the end.
    pub fn download(&self, buffer: &GpuBuffer, offset: usize, bytes: usize) -> Result<Vec<u8>> {
        self.faults.check("downloading")?;
        if offset
            .checked_add(bytes)
            .is_none_or(|end| end > buffer.bytes())
        {
            return Err(misfit("downloading", offset, bytes, buffer));
        }
        let mut result = Vec::with_capacity(bytes);
        while result.len() < bytes {
            let start = offset + result.len();
            let aligned = start & !3;
            let wanted = (bytes - result.len()).min(PIECE - 4);
            let length = (start + wanted).next_multiple_of(4) - aligned;
            self.download_piece(buffer, aligned, length, |view| {
                result.extend_from_slice(&view[start - aligned..][..wanted])
            })?;
        }
        self.check_indices()?;
        Ok(result)
    }

    pub(super) fn download_piece(
        &self,
        buffer: &GpuBuffer,
        offset: usize,
        bytes: usize,
        then: impl FnOnce(&[u8]),
    ) -> Result<()> {
        let staging = self.take_buffer(&self.staging, bytes)?;
        let (Some(from), Some(to)) = (buffer.raw(), staging.raw()) else {
            return Ok(());
        };
        let submission = {
            let mut batch = self.batch();
            batch.copies(&self.device).copy_buffer_to_buffer(
                from,
                offset as u64,
                to,
                0,
                bytes as u64,
            );
            batch.submit(self)?
        };
        let (sender, receiver) = mpsc::channel();
        to.map_async(wgpu::MapMode::Read, 0..bytes as u64, move |mapped| {
            let _ = sender.send(mapped);
        });
        self.poll(wgpu::PollType::Wait {
            submission_index: submission,
            timeout: None,
        })?;
        let unreadable = |reason: String| TensorError::Gpu {
            doing: "downloading".to_owned(),
            reason,
        };
        match receiver.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(unreadable(error.to_string())),
            Err(_) => return Err(unreadable("the driver did not answer".to_owned())),
        }
        {
            let view = to
                .get_mapped_range(0..bytes as u64)
                .map_err(|error| unreadable(error.to_string()))?;
            then(&view);
        }
        to.unmap();
        self.faults.check("downloading")
    }

    /// Copies bytes between two buffers, or between two parts of one that do not overlap.
    ///
    /// # Errors
    /// If offsets or length are no multiples of 4, a part is not inside of its buffer, or the parts overlap.
    pub fn copy(
        &self,
        from: &GpuBuffer,
        from_offset: usize,
        to: &GpuBuffer,
        to_offset: usize,
        bytes: usize,
    ) -> Result<()> {
        self.faults.check("copying")?;
        for (buffer, offset) in [(from, from_offset), (to, to_offset)] {
            let fits = offset
                .checked_add(bytes)
                .is_some_and(|end| end <= buffer.bytes());
            if !fits || !offset.is_multiple_of(4) || !bytes.is_multiple_of(4) {
                return Err(misfit("copying", offset, bytes, buffer));
            }
        }
        let (Some(source), Some(target)) = (from.raw(), to.raw()) else {
            return Ok(());
        };
        if bytes == 0 {
            return Ok(());
        }
        if !std::ptr::eq(from, to) {
            let mut batch = self.batch();
            self.record_copy(
                &mut batch,
                (from, source, from_offset),
                (to, target, to_offset),
                bytes,
            );
            return Ok(());
        }
        if from_offset.abs_diff(to_offset) < bytes {
            return Err(misfit(
                "copying to where it overlaps itself",
                to_offset,
                bytes,
                to,
            ));
        }
        // The interface has no copy inside of one buffer, so it takes a detour.
        let between = self.allocate(bytes)?;
        self.copy(from, from_offset, &between, 0, bytes)?;
        self.copy(&between, 0, to, to_offset, bytes)
    }

    fn record_copy(
        &self,
        batch: &mut super::batch::Batch,
        (from, source, from_offset): (&GpuBuffer, &wgpu::Buffer, usize),
        (to, target, to_offset): (&GpuBuffer, &wgpu::Buffer, usize),
        bytes: usize,
    ) {
        from.used_by(batch.number());
        to.used_by(batch.number());
        let encoder = batch.copies(&self.device);
        encoder.copy_buffer_to_buffer(
            source,
            from_offset as u64,
            target,
            to_offset as u64,
            bytes as u64,
        );
    }

    /// Sets bytes to zero; offset and length are multiples of 4.
    ///
    /// # Errors
    /// If they are not, or if the part is not inside of the buffer.
    pub fn clear(&self, buffer: &GpuBuffer, offset: usize, bytes: usize) -> Result<()> {
        self.faults.check("clearing")?;
        let fits = offset
            .checked_add(bytes)
            .is_some_and(|end| end <= buffer.bytes());
        if !fits || !offset.is_multiple_of(4) || !bytes.is_multiple_of(4) {
            return Err(misfit("clearing", offset, bytes, buffer));
        }
        let Some(raw) = buffer.raw() else {
            return Ok(());
        };
        if bytes > 0 {
            let mut batch = self.batch();
            buffer.used_by(batch.number());
            batch
                .copies(&self.device)
                .clear_buffer(raw, offset as u64, Some(bytes as u64));
        }
        Ok(())
    }
}

fn misfit(doing: &str, offset: usize, bytes: usize, buffer: &GpuBuffer) -> TensorError {
    let reason = format!(
        "{bytes} bytes from {offset} are not inside of a buffer of {} bytes, or not aligned to 4",
        buffer.bytes()
    );
    TensorError::Gpu {
        doing: doing.to_owned(),
        reason,
    }
}
