//! What the host has.

use std::fs;

/// Bytes of memory that the host has; `None` where the system does not say.
pub(crate) fn total_memory() -> Option<usize> {
    total_of(&fs::read_to_string("/proc/meminfo").ok()?)
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
