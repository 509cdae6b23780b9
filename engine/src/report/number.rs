//! Counts, fractions, durations and sizes as people write them.

use std::time::Duration;

/// What stands where there is no number.
pub const MISSING: &str = "–";

/// `1234567` as `1,234,567`.
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A number with as many digits as it needs: whole numbers in full, others with about four significant digits.
/// Magnitudes outside 10⁻⁴ to 10¹⁵ are written as `1.5e-7`.
pub fn plain(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return trim_scientific(&format!("{value:.2e}"));
    }
    let decimals = if size.fract() == 0.0 || size >= 1e4 {
        0
    } else {
        (3 - size.log10().floor() as i32).clamp(0, 7)
    };
    signed(trim(&format!("{size:.*}", decimals as usize)), value)
}

/// A share or a score with three decimals: `0.712`.
pub fn fraction(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    if value.abs() >= 1000.0 {
        return plain(value);
    }
    signed(&format!("{:.3}", value.abs()), value)
}

/// The label of an axis tick, with the decimals that the distance between ticks asks for.
pub fn tick(value: f64, step: f64) -> String {
    if !value.is_finite() || !step.is_finite() || step <= 0.0 {
        return plain(value);
    }
    let largest = value.abs().max(step);
    if step < 1e-6 || largest >= 1e9 {
        return plain(value);
    }
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 7.0) as usize;
    // A quarter needs one digit more than its power of ten says.
    let decimals = if (step * 10f64.powi(decimals as i32)).fract() > 1e-6 {
        decimals + 1
    } else {
        decimals
    };
    signed(&format!("{:.decimals$}", value.abs()), value)
}

/// A duration in the unit that a reader would choose: `0.4 ms`, `230 ms`, `12.3 s`, `3 min 05 s`, `2 h 14 min`.
pub fn duration(value: Duration) -> String {
    let seconds = value.as_secs_f64();
    let whole = seconds.round() as u64;
    if value.is_zero() {
        "0 s".to_owned()
    } else if seconds < 0.000_95 {
        format!("{:.0} µs", (seconds * 1e6).max(1.0))
    } else if seconds < 0.009_95 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else if whole < 48 * 3600 {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    } else {
        format!("{} d {:02} h", whole / 86_400, whole % 86_400 / 3600)
    }
}

/// A size in bytes with a decimal unit: `812 B`, `4.1 kB`, `48.2 MB`, `1.5 GB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let mut size = value as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if size < 99.95 {
        format!("{size:.1} {}", UNITS[unit])
    } else {
        format!("{size:.0} {}", UNITS[unit])
    }
}

/// Puts thousands separators into the whole part and, for a negative number that does not round to zero, a sign.
fn signed(unsigned: &str, value: f64) -> String {
    let (whole, rest) = unsigned
        .split_once('.')
        .map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = group(whole);
    if let Some(rest) = rest {
        text.push('.');
        text.push_str(rest);
    }
    if value < 0.0 && unsigned.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        text.insert(0, '−');
    }
    text
}

fn group(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn trim(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}

fn trim_scientific(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trim(mantissa)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (828.0, "828"),
            (1_657.0, "1,657"),
            (-12.5, "−12.5"),
            (0.712_34, "0.7123"),
            (123.456, "123.5"),
            (0.000_012_3, "1.23e-5"),
            (2e18, "2e18"),
            (98_765.4, "98,765"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ] {
            assert_eq!(plain(value), text, "{value}");
        }
        assert_eq!(fraction(0.5), "0.500");
        assert_eq!(fraction(-0.000_1), "0.000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn ticks_have_the_decimals_of_their_step() {
        assert_eq!(tick(0.5, 0.25), "0.50");
        assert_eq!(tick(0.6, 0.2), "0.6");
        assert_eq!(tick(0.300_000_000_000_000_04, 0.1), "0.3");
        assert_eq!(tick(1500.0, 500.0), "1,500");
        assert_eq!(tick(2.5, 2.5), "2.5");
        assert_eq!(tick(-1e-17, 0.1), "0.0");
    }

    #[test]
    fn durations_and_sizes_choose_their_unit() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_4, "400 µs"),
            (0.002_5, "2.5 ms"),
            (0.23, "230 ms"),
            (0.9999, "1.00 s"),
            (12.34, "12.3 s"),
            (59.99, "1 min 00 s"),
            (185.0, "3 min 05 s"),
            (8040.0, "2 h 14 min"),
            (200_000.0, "2 d 07 h"),
        ] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
        for (size, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (4_100, "4.1 kB"),
            (999_999, "1.0 MB"),
            (48_200_000, "48.2 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }
}
