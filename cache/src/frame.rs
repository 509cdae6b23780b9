//! The framing of both logs: records that are found again after damage before, in or behind them.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | magic |
//! | 8..12 | kind |
//! | 12..16 | length of the body |
//! | 16..20 | length of the inline part |
//! | 20..24 | zero |
//! | 24..32 | time, seconds since 1970 |
//! | 32..64 | key |
//! | 64..72 | XXH3 of bytes 0..64 |
//! | 72.. | body, inline part |
//! | last 16..8 | XXH3 of the body, seeded with the header's |
//! | last 8 | the header's XXH3, all bits flipped |
//!
//! Integers are little-endian. Header and closing word are checked when a log is indexed: a record cut short has
//! its closing word elsewhere, so it can't swallow what was appended behind it. The body's sum is checked when
//! the body is used. The inline part carries digests of its own (see [`crate::inline`]).

use memchr::memmem;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{Digest, Key};

const MAGIC: &[u8; 8] = b"\x8aaction\n";
const HEADER: usize = 72;
const TRAILER: usize = 16;

/// What a record says about its key.
pub(crate) mod kind {
    /// An action was published.
    pub(crate) const ACTION: u32 = 1;
    /// Whatever was published before is void.
    pub(crate) const FORGOTTEN: u32 = 2;
    /// A file had this digest.
    pub(crate) const FILE: u32 = 3;
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u32,
    pub(crate) key: Key,
    pub(crate) time: u64,
    /// Covered by the checksum that [`Frame::is_intact`] tests.
    pub(crate) body: &'a [u8],
    /// Covered by digests of its own.
    pub(crate) inline: &'a [u8],
    /// As stored, or zero.
    body_sum: u64,
    header_sum: u64,
}

impl<'a> Frame<'a> {
    /// A record to be written.
    pub(crate) fn new(kind: u32, key: Key, time: u64, body: &'a [u8], inline: &'a [u8]) -> Self {
        Self {
            kind,
            key,
            time,
            body,
            inline,
            body_sum: 0,
            header_sum: 0,
        }
    }

    /// The record without its inline part, to be written.
    pub(crate) fn without_inline(&self) -> Self {
        Self::new(self.kind, self.key, self.time, self.body, &[])
    }

    /// Appends the record to `log`. Neither part may have more than [`Frame::MOST`] bytes.
    pub(crate) fn write(&self, log: &mut Vec<u8>) {
        let start = log.len();
        log.reserve(HEADER + self.body.len() + self.inline.len() + TRAILER);
        log.extend_from_slice(MAGIC);
        log.extend_from_slice(&self.kind.to_le_bytes());
        log.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
        log.extend_from_slice(&(self.inline.len() as u32).to_le_bytes());
        log.extend_from_slice(&[0; 4]);
        log.extend_from_slice(&self.time.to_le_bytes());
        log.extend_from_slice(self.key.0.as_bytes());
        let header_sum = xxh3_64(&log[start..]);
        log.extend_from_slice(&header_sum.to_le_bytes());
        log.extend_from_slice(self.body);
        log.extend_from_slice(self.inline);
        log.extend_from_slice(&xxh3_64_with_seed(self.body, header_sum).to_le_bytes());
        log.extend_from_slice(&(!header_sum).to_le_bytes());
    }

    /// The most bytes that a part may have.
    pub(crate) const MOST: u64 = u32::MAX as u64;

    /// The record that begins at `at`, if its header and its end are in place.
    pub(crate) fn read(log: &'a [u8], at: usize) -> Option<Self> {
        let header = log.get(at..)?.get(..HEADER)?;
        if &header[..8] != MAGIC {
            return None;
        }
        let header_sum = u64_at(header, 64)?;
        if xxh3_64(&header[..64]) != header_sum {
            return None;
        }
        let body_start = at + HEADER;
        let inline_start = body_start.checked_add(u32_at(header, 12)? as usize)?;
        let inline_end = inline_start.checked_add(u32_at(header, 16)? as usize)?;
        let trailer = log.get(inline_end..)?.get(..TRAILER)?;
        if u64_at(trailer, 8)? != !header_sum {
            return None;
        }
        Some(Self {
            kind: u32_at(header, 8)?,
            key: Key(Digest(header.get(32..64)?.try_into().ok()?)),
            time: u64_at(header, 24)?,
            body: &log[body_start..inline_start],
            inline: &log[inline_start..inline_end],
            body_sum: u64_at(trailer, 0)?,
            header_sum,
        })
    }

    /// Bytes of the record in its log.
    pub(crate) fn len(&self) -> usize {
        HEADER + self.body.len() + self.inline.len() + TRAILER
    }

    /// Whether the body of a record that was read is what was written.
    pub(crate) fn is_intact(&self) -> bool {
        xxh3_64_with_seed(self.body, self.header_sum) == self.body_sum
    }
}

/// All records of a log with their offsets, whatever lies between them.
pub(crate) struct Frames<'a> {
    log: &'a [u8],
    /// End of the last record found.
    end: usize,
    /// Bytes that belong to no record, before that end.
    garbage: u64,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(log: &'a [u8], from: usize) -> Self {
        Self {
            log,
            end: from,
            garbage: 0,
        }
    }

    /// End of the last record found; what follows is torn.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Bytes skipped between the records found so far.
    pub(crate) fn garbage(&self) -> u64 {
        self.garbage
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (usize, Frame<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut at = self.end;
        loop {
            if let Some(frame) = Frame::read(self.log, at) {
                self.garbage += (at - self.end) as u64;
                self.end = at + frame.len();
                return Some((at, frame));
            }
            at += 1;
            at += memmem::find(self.log.get(at..)?, MAGIC)?;
        }
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Key {
        Key(Digest::of(name.as_bytes()))
    }

    fn log_of(names: &[&str]) -> Vec<u8> {
        let mut log = Vec::new();
        for name in names {
            Frame::new(kind::ACTION, key(name), 7, name.as_bytes(), b"inline").write(&mut log);
        }
        log
    }

    fn intact_bodies(log: &[u8]) -> Vec<&[u8]> {
        Frames::new(log, 0)
            .filter(|(_, frame)| frame.is_intact())
            .map(|(_, frame)| frame.body)
            .collect()
    }

    #[test]
    fn records_come_back_in_order() {
        let log = log_of(&["a", "", "ccc"]);
        let mut frames = Frames::new(&log, 0);
        let mut bodies = Vec::new();
        for (_, frame) in frames.by_ref() {
            let name = std::str::from_utf8(frame.body).unwrap();
            assert_eq!(
                (frame.kind, frame.key, frame.time),
                (kind::ACTION, key(name), 7)
            );
            assert_eq!(frame.inline, b"inline");
            bodies.push(name);
        }
        assert_eq!(bodies, ["a", "", "ccc"]);
        assert_eq!((frames.end(), frames.garbage()), (log.len(), 0));
    }

    #[test]
    fn a_record_torn_at_any_byte_hides_neither_its_predecessor_nor_its_repetition() {
        let whole = log_of(&["first"]);
        let last = log_of(&["last"]);
        for kept in 0..last.len() {
            let mut log = whole.clone();
            log.extend_from_slice(&last[..kept]);
            let mut frames = Frames::new(&log, 0);
            assert_eq!(frames.by_ref().count(), 1, "torn after {kept} bytes");
            assert_eq!(frames.end(), whole.len());
            log.extend_from_slice(&last);
            assert_eq!(
                intact_bodies(&log),
                [&b"first"[..], b"last"],
                "torn after {kept} bytes"
            );
        }
    }

    #[test]
    fn any_flipped_byte_costs_one_record_at_most() {
        let log = log_of(&["one", "two", "three"]);
        for at in 0..log.len() {
            let mut damaged = log.clone();
            damaged[at] ^= 0x40;
            let bodies = intact_bodies(&damaged);
            assert!(bodies.len() >= 2, "byte {at}: {bodies:?}");
            assert!(
                bodies
                    .iter()
                    .all(|body| [&b"one"[..], b"two", b"three"].contains(body)),
                "byte {at}"
            );
        }
    }

    proptest! {
        #[test]
        fn random_bytes_between_records_are_skipped(
            noise in prop::collection::vec(any::<u8>(), 0..300),
            magic_at in 0..300_usize,
        ) {
            let mut noise = noise;
            let at = magic_at.min(noise.len());
            noise.splice(at..at, MAGIC.iter().copied());
            let mut log = log_of(&["before"]);
            log.extend_from_slice(&noise);
            log.extend(log_of(&["behind"]));
            prop_assert_eq!(intact_bodies(&log), [&b"before"[..], b"behind"]);
            let mut frames = Frames::new(&log, 0);
            while frames.next().is_some() {}
            prop_assert_eq!(frames.garbage(), noise.len() as u64);
        }

        #[test]
        fn random_bytes_hold_no_record(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(Frames::new(&noise, 0).count(), 0);
        }
    }
}
