//! What an adapter is and does, for `engine devices`.

use std::sync::PoisonError;
use std::time::Duration;

use super::adapters::{Adapter, AdapterKind};
use super::device::Gpu;
use super::kernel::Kernel;
use super::launch::Binding;
use super::matmul::Matmul;
use super::matrix::{FloatType, MatrixView};
use crate::Result;

/// Time of a measurement at least.
const ENOUGH: Duration = Duration::from_millis(100);

const MULTIPLY_ADD: Kernel = Kernel {
    label: "multiply and add",
    source: include_str!("../../../../shaders/probe.wgsl"),
    entry: "multiply_add",
};
/// Operations of a turn of [`MULTIPLY_ADD`]: 16 vectors of four numbers, a product and a sum each.
const TURN: f64 = 16.0 * 4.0 * 2.0;

/// An adapter with its measured rates.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Its name, driver, limits and features.
    pub adapter: Adapter,
    /// Rates, or why there are none.
    pub rates: std::result::Result<AdapterRates, String>,
}

/// Measured rates of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct AdapterRates {
    /// Matrix product in f32, 1e9 operations a second.
    pub gemm_f32_gflops: f64,
    /// Matrix product with f16 factors and result and f32 sums, the fastest way that works; `None` without half precision.
    pub gemm_f16_gflops: Option<f64>,
    /// Copy from buffer to buffer, bytes read and written, 1e9 bytes a second.
    pub copy_gb_per_s: f64,
    /// Bytes from host to device, 1e9 a second.
    pub upload_gb_per_s: f64,
    /// Bytes from device to host, 1e9 a second.
    pub download_gb_per_s: f64,
}

/// Every adapter with its rates; takes up to two seconds for each.
pub fn report() -> Vec<AdapterReport> {
    let measured = |adapter: &Adapter| {
        let rates = Gpu::open(Some(adapter.index)).and_then(|gpu| gpu.rates());
        AdapterReport {
            adapter: adapter.clone(),
            rates: rates.map_err(|error| error.to_string()),
        }
    };
    super::adapters().iter().map(measured).collect()
}

impl Gpu {
    /// Measures the adapter, with problems of a size that suits its kind.
    ///
    /// # Errors
    /// If the device is lost or has too little memory.
    pub fn rates(&self) -> Result<AdapterRates> {
        let (side, bytes) = match self.adapter.kind {
            AdapterKind::Software => (512, 64 << 20),
            AdapterKind::Integrated => (2048, 128 << 20),
            _ => (4096, 512 << 20),
        };
        let bytes = bytes.min(self.limits.max_buffer_bytes as usize & !3);
        let gemm_f16_gflops = if self.has_f16() {
            Some(self.gemm_gflops([side; 3], FloatType::F16)?)
        } else {
            None
        };
        let data = vec![1u8; bytes / 4];
        let to = self.allocate(data.len())?;
        let upload = self.least_seconds(ENOUGH, || self.write(&to, 0, &data))?;
        let download =
            self.least_seconds(ENOUGH, || self.download(&to, 0, data.len()).map(drop))?;
        Ok(AdapterRates {
            gemm_f32_gflops: self.gemm_gflops([side; 3], FloatType::F32)?,
            gemm_f16_gflops,
            copy_gb_per_s: self.copy_gb_per_s(bytes)?,
            upload_gb_per_s: data.len() as f64 / upload / 1e9,
            download_gb_per_s: data.len() as f64 / download / 1e9,
        })
    }

    /// The rate of a product of these rows, columns and depth, in 1e9 operations a second.
    ///
    /// # Errors
    /// If the device is lost, has too little memory, or no half precision where that is asked for.
    pub fn gemm_gflops(&self, [rows, columns, depth]: [usize; 3], float: FloatType) -> Result<f64> {
        let left = self.zeros(rows * depth * float.bytes())?;
        let right = self.zeros(depth * columns * float.bytes())?;
        let out = self.zeros(rows * columns * float.bytes())?;
        let problem = Matmul::new(
            [1, 1],
            [rows, columns, depth],
            MatrixView::dense(&left, float, 1, rows, depth),
            MatrixView::dense(&right, float, 1, depth, columns),
            MatrixView::dense(&out, float, 1, rows, columns),
        );
        let seconds = self.least_seconds(ENOUGH, || self.matmul(&problem))?;
        Ok(problem.operations() / seconds / 1e9)
    }

    /// The rate of multiply-adds in f32 on numbers in registers, in 1e9 operations a second: what no product can exceed, unless by
    /// the device's units for matrices.
    ///
    /// # Errors
    /// If the device is lost or has too little memory.
    pub fn peak_gflops(&self) -> Result<f64> {
        let (invocations, turns) = match self.adapter.kind {
            AdapterKind::Software => (1_usize << 12, 1_u32 << 10),
            AdapterKind::Integrated => (1 << 17, 1 << 10),
            _ => (1 << 20, 1 << 10),
        };
        // Close to 1 and 0, so that numbers stay within bounds and the driver cannot know the result.
        let numbers = [0.999_f32, 0.001];
        let source = self.upload(bytemuck::cast_slice(&numbers))?;
        let target = self.zeros(invocations * 4)?;
        let bindings = [Binding::read(&source), Binding::read_write(&target)];
        let params = [invocations as u32, turns];
        let groups = crate::launch::groups(invocations);
        let seconds = self.least_seconds(ENOUGH, || {
            self.launch(&MULTIPLY_ADD, &[], &bindings, &params, groups)
        })?;
        Ok(invocations as f64 * f64::from(turns) * TURN / seconds / 1e9)
    }

    /// The rate of copies of so many bytes from one buffer to another, bytes read and written counted, in 1e9 a second.
    ///
    /// # Errors
    /// If the device is lost or has too little memory.
    pub fn copy_gb_per_s(&self, bytes: usize) -> Result<f64> {
        let (from, to) = (self.zeros(bytes)?, self.zeros(bytes)?);
        let seconds = self.least_seconds(ENOUGH, || self.copy(&from, 0, &to, 0, bytes & !3))?;
        Ok(2.0 * bytes as f64 / seconds / 1e9)
    }

    fn zeros(&self, bytes: usize) -> Result<super::GpuBuffer> {
        let buffer = self.allocate(bytes)?;
        self.clear(&buffer, 0, buffer.bytes())?;
        Ok(buffer)
    }

    /// The tiles that products use, from small to large, in words.
    pub fn tiles(&self) -> Vec<String> {
        let tiles = *self.tiles.read().unwrap_or_else(PoisonError::into_inner);
        tiles.iter().map(ToString::to_string).collect()
    }

    /// The rate of every tile that the adapter can run, for `[side, depth] @ [depth, side]` in f32: the tile in words and 1e9
    /// operations a second, or why it does not run.
    pub fn tile_rates(&self, side: usize, depth: usize) -> Vec<(String, Result<f64>)> {
        let rate = |seconds: f64| 2.0 * (side * side * depth) as f64 / seconds / 1e9;
        super::tiles::possible(&self.adapter)
            .map(|(_, tile)| {
                (
                    tile.to_string(),
                    self.seconds_of(side, depth, tile).map(rate),
                )
            })
            .collect()
    }
}
