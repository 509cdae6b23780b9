//! How much memory a software adapter may take: it takes it from the host, whose kernel would sooner kill the process than
//! refuse an allocation.

use std::fs;

/// Three quarters of what the host, or the container, has; `None` where that is not known.
pub(super) fn host_budget() -> Option<usize> {
    let total = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_of(&text))?;
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let bytes = container.map_or(total, |limit: usize| limit.min(total));
    Some(bytes / 4 * 3)
}

fn total_of(meminfo: &str) -> Option<usize> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::total_of;

    #[test]
    fn the_total_is_read_in_bytes() {
        assert_eq!(
            total_of("MemTotal:       24603588 kB\nMemFree:  1 kB\n"),
            Some(24_603_588 * 1024)
        );
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert_eq!(total_of("MemTotal: many\n"), None);
    }
}
