//! The header of a file: a length, and JSON that says where each tensor lies.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::FileType;
use crate::{NnError, Result};

/// Headers that are longer are refused, as by the reference reader.
const LONGEST: u64 = 100_000_000;
const LENGTH: usize = 8;

/// Where a tensor lies in a file, and what it is.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub dtype: FileType,
    pub shape: Vec<usize>,
    pub bytes: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Header {
    pub entries: BTreeMap<String, Entry>,
    pub metadata: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// A map that keeps what a name is given twice.
struct Raw {
    entries: Vec<(String, RawEntry)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Raw, A::Error> {
                let mut raw = Raw {
                    entries: Vec::new(),
                    metadata: BTreeMap::new(),
                };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        raw.metadata = map.next_value()?;
                        continue;
                    }
                    let entry = map
                        .next_value()
                        .map_err(|error| A::Error::custom(format!("tensor `{name}`: {error}")))?;
                    raw.entries.push((name, entry));
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

const AGAIN: &str = "download it again, or save it again with a program that finishes";

impl Header {
    /// Reads and checks the header of the file that holds `bytes`.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let faulty = |reason: String| {
            NnError::file(
                path,
                format!("is no complete safetensors file: {reason}; {AGAIN}"),
            )
        };
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return Err(faulty(format!("it has only {} bytes", bytes.len())));
        };
        let length = u64::from_le_bytes(*length);
        if length > LONGEST {
            return Err(NnError::file(
                path,
                format!(
                    "is no safetensors file: its header would have {length} bytes; weights in other formats, such as \
                     pytorch_model.bin, have to be converted to safetensors first"
                ),
            ));
        }
        let length = length as usize;
        let Some(json) = rest.get(..length) else {
            let reason = format!(
                "its header of {length} bytes is cut off after {}",
                rest.len()
            );
            return Err(faulty(reason));
        };
        let raw: Raw =
            serde_json::from_slice(json).map_err(|error| faulty(format!("its header: {error}")))?;
        let data = LENGTH + length;
        let mut entries = BTreeMap::new();
        for (name, entry) in raw.entries {
            let entry = entry
                .check(data, bytes.len())
                .map_err(|reason| NnError::FileTensor {
                    path: path.to_owned(),
                    tensor: name.clone(),
                    reason: format!("{reason}; {AGAIN}"),
                })?;
            if entries.insert(name.clone(), entry).is_some() {
                return Err(faulty(format!("its header names `{name}` twice")));
            }
        }
        let header = Self {
            entries,
            metadata: raw.metadata,
        };
        header.check_cover(data, bytes.len()).map_err(faulty)?;
        Ok(header)
    }

    /// Tensors lie one behind the other, and nothing else lies between or behind them.
    fn check_cover(&self, data: usize, end: usize) -> std::result::Result<(), String> {
        let mut order: Vec<_> = self.entries.iter().collect();
        order.sort_by_key(|(_, entry)| (entry.bytes.start, entry.bytes.end));
        let mut at = data;
        for (name, entry) in order {
            if entry.bytes.start != at {
                let how = if entry.bytes.start < at {
                    "overlaps the one before"
                } else {
                    "leaves a gap in front"
                };
                return Err(format!("tensor `{name}` {how}"));
            }
            at = entry.bytes.end;
        }
        match at == end {
            true => Ok(()),
            false => Err(format!(
                "{} bytes behind the last tensor belong to none",
                end - at
            )),
        }
    }
}

impl RawEntry {
    fn check(self, data: usize, length: usize) -> std::result::Result<Entry, String> {
        let dtype = FileType::named(&self.dtype);
        let [start, end] = self.data_offsets;
        let place = |offset: u64| {
            usize::try_from(offset)
                .ok()
                .and_then(|offset| offset.checked_add(data))
        };
        let (Some(first), Some(last)) = (place(start), place(end)) else {
            return Err(format!("its place {start}..{end} is no place in a file"));
        };
        if first > last {
            return Err(format!("it ends at {end} before it begins at {start}"));
        }
        if last > length {
            return Err(format!(
                "it ends at byte {last}, but the file has {length}: it is cut off"
            ));
        }
        let shape: Option<Vec<usize>> = self
            .shape
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect();
        let shape = shape.ok_or_else(|| format!("its shape {:?} is too large", self.shape))?;
        if let Some(size) = dtype.size() {
            let bytes = shape
                .iter()
                .try_fold(size, |product, &size| product.checked_mul(size));
            if bytes != Some(last - first) {
                let found = last - first;
                return Err(format!(
                    "{} of shape {shape:?} do not fill its {found} bytes",
                    dtype.name()
                ));
            }
        }
        Ok(Entry {
            dtype,
            shape,
            bytes: first..last,
        })
    }
}
