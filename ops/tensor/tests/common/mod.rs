//! The devices that tests run on: shaders where there is an adapter, which with `ENGINE_REQUIRE_GPU=1` there has to be.

#![allow(dead_code, reason = "each test uses a part")]

use std::sync::Arc;

use tensor::Device;
use tensor::gpu::Gpu;

/// The adapter as a device; `None`, said aloud, where there is none and none is required.
pub fn gpu() -> Option<Device> {
    match Device::gpu(None) {
        Ok(device) => Some(device),
        Err(error) => {
            let is_required =
                std::env::var_os("ENGINE_REQUIRE_GPU").is_some_and(|value| value == "1");
            assert!(!is_required, "ENGINE_REQUIRE_GPU is set, but: {error}");
            eprintln!("ignored: shaders need an adapter: {error}");
            None
        }
    }
}

/// The same, as tests of the runtime use it.
pub fn adapter() -> Option<Arc<Gpu>> {
    match gpu()? {
        Device::Gpu(gpu) => Some(gpu),
        Device::Cpu(_) => None,
    }
}

/// The native device, and the adapter if there is one.
pub fn devices() -> Vec<Device> {
    std::iter::once(Device::cpu_with_threads(2))
        .chain(gpu())
        .collect()
}
