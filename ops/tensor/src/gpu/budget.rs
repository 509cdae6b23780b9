//! How much memory a software adapter may take: it takes it from the host, whose kernel would sooner kill the process than
//! refuse an allocation.

use std::fs;

use crate::host::total_memory;

/// Three quarters of what the host, or the container, has; `None` where that is not known.
pub(super) fn host_budget() -> Option<usize> {
    let total = total_memory()?;
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let bytes = container.map_or(total, |limit: usize| limit.min(total));
    Some(bytes / 4 * 3)
}
