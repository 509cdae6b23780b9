//! Sizes and durations as people type them.

use std::time::Duration;

use crate::pipeline::parse_bytes;

/// Reads a size: `10GB`, `500 MB`, `2GiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    parse_bytes(text).ok_or_else(|| "write a size such as 10GB, 500MB or 2GiB".to_owned())
}

/// Reads a duration: `30d`, `12h`, `90min`, `45s`, `2w`; `0` needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let advice = || "write a duration such as 30d, 12h, 90min or 45s".to_owned();
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| advice())?;
    let seconds = match text[digits..].trim() {
        "" if number == 0.0 => 0.0,
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return Err(advice()),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| advice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_people_write_them() {
        assert_eq!(parse_size("10GB"), Ok(10_000_000_000));
        assert_eq!(parse_size("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(2_592_000)));
        assert_eq!(parse_duration("1.5 h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_size_or_duration_is_refused() {
        for text in ["", "GB", "ten", "10 XB", "-1GB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for text in ["", "d", "5", "5 fortnights", "1e99999d", "-1d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
