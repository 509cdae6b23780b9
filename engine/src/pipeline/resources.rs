//! `resources = { cores = 2, memory = "4 GB", gpu = true }`: what a step needs, said in the file. Never part of a key.

use crate::steps::Resources;

use super::mistake::{Mistake, Mistakes};
use super::value::{Data, Value};

/// Applies the `resources` table of a step to what its kind declares.
pub fn read_resources(value: &Value, declared: Resources, mistakes: &mut Mistakes) -> Resources {
    let mut resources = declared;
    if !matches!(value.data, Data::Table(_)) {
        let message = format!("`resources` must be a table, not {}", value.type_name());
        mistakes.push(
            Mistake::new(value.span.clone(), message)
                .help("write { cores = 2, memory = \"4 GB\" }"),
        );
    }
    for (key, value) in value.entries() {
        let mut wrong = |expected: &str| {
            let message = format!("`resources.{}` must be {expected}", key.name);
            mistakes.push(Mistake::new(value.span.clone(), message));
        };
        match (key.name.as_str(), &value.data) {
            ("cores", Data::Integer(cores)) if *cores >= 1 => {
                resources.cores = usize::try_from(*cores).unwrap_or(usize::MAX);
            }
            ("cores", _) => wrong("a whole number from 1"),
            ("memory", Data::String(text)) => match parse_bytes(text) {
                Some(bytes) => resources.memory = bytes,
                None => wrong("a size such as \"500 MB\" or \"4 GB\""),
            },
            ("memory", _) => wrong("a size such as \"500 MB\" or \"4 GB\""),
            ("gpu", Data::Boolean(gpu)) => resources.gpu = *gpu,
            ("share_gpu", Data::Boolean(shares)) => resources.shares_gpu = *shares,
            ("gpu" | "share_gpu", _) => wrong("true or false"),
            _ => {
                let message = format!("`resources` has no key `{}`", key.name);
                let mistake = Mistake::new(key.span.clone(), message).label("unknown");
                mistakes.push(mistake.near_miss(
                    &key.name,
                    ["cores", "memory", "gpu", "share_gpu"],
                    "keys",
                ));
            }
        }
    }
    resources
}

/// Reads a size in bytes: `1024`, `500 kB`, `4 GB`, `2 GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit: f64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * unit;
    (bytes.is_finite() && bytes >= 0.0).then_some(bytes as u64)
}
