//! Shaders through wgpu.
