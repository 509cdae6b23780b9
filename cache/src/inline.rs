//! Small blobs written ahead, inline in their action's record.
//!
//! A small output costs two syncs of its own if its file is to be durable before its record is: one for the file,
//! one for the folder. Instead the record carries its bytes, one sync of the log makes both durable, and the file
//! in `blobs/` is left to the system's own pace. Only a crash of the machine can lose the file; the first open
//! after the next boot puts it back from the record (see `settle`). Measured: `tests/bench/RESULTS.md`.
//!
//! The inline part of a record is the 16 bytes of the boot id under which it was written, then for each blob 32
//! bytes of digest, 4 of length, and the bytes. Where the system tells no boot id nothing is written inline.

use std::fs;

use crate::frame::u32_at;
use crate::{Blob, Digest};

/// Blobs up to this size are written inline.
pub(crate) const MOST: u64 = 4 << 10;
/// All inline blobs of one action together have at most this size.
pub(crate) const MOST_TOGETHER: u64 = 64 << 10;

/// Which start of the machine this is.
pub(crate) type Boot = [u8; 16];

/// The boot id, where there is one.
pub(crate) fn boot() -> Option<Boot> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().split('-').collect();
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}

/// Adds a blob to an inline part, beginning it if it is empty.
pub(crate) fn add(inline: &mut Vec<u8>, boot: Boot, digest: Digest, bytes: &[u8]) {
    if inline.is_empty() {
        inline.extend_from_slice(&boot);
    }
    inline.extend_from_slice(digest.as_bytes());
    inline.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    inline.extend_from_slice(bytes);
}

/// Whether the machine has started since the inline part was written.
pub(crate) fn is_from_before(inline: &[u8], boot: Option<Boot>) -> bool {
    !inline.is_empty() && inline.get(..16) != boot.as_ref().map(<[u8; 16]>::as_slice)
}

/// The blobs of an inline part, up to the first one that is damaged.
pub(crate) fn blobs(inline: &[u8]) -> impl Iterator<Item = (Blob, &[u8])> {
    let mut rest = inline.get(16..).unwrap_or_default();
    std::iter::from_fn(move || {
        let digest = Digest(rest.get(..32)?.try_into().ok()?);
        let end = 36_usize.checked_add(u32_at(rest, 32)? as usize)?;
        let bytes = rest.get(36..end)?;
        rest = &rest[end..];
        (Digest::of(bytes) == digest).then_some((
            Blob {
                digest,
                size: bytes.len() as u64,
            },
            bytes,
        ))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blobs_come_back_until_one_is_damaged() {
        let mut inline = Vec::new();
        for bytes in [&b"one"[..], b"", b"three"] {
            add(&mut inline, [7; 16], Digest::of(bytes), bytes);
        }
        let found: Vec<_> = blobs(&inline).map(|(_, bytes)| bytes.to_vec()).collect();
        assert_eq!(found, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
        if let Some(last) = inline.last_mut() {
            *last ^= 1;
        }
        assert_eq!(blobs(&inline).count(), 2);
    }

    #[test]
    fn blobs_of_another_boot_are_told_apart_and_an_empty_part_is_of_none() {
        let mut inline = Vec::new();
        add(&mut inline, [7; 16], Digest::of(b""), b"");
        assert!(!is_from_before(&inline, Some([7; 16])));
        assert!(is_from_before(&inline, Some([8; 16])));
        assert!(!is_from_before(&[], None));
    }

    proptest! {
        #[test]
        fn random_bytes_come_to_an_end(inline in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(blobs(&inline).count() <= inline.len() / 36);
        }
    }
}
