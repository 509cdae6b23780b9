//! Native kernels.
