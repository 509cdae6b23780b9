//! Training curves as TensorBoard reads them: a file of records, each with its length, checksums and one `Event` message.
//!
//! The layout of records is that of TensorFlow's `record_writer.h`; checksums are CRC-32C, rotated and shifted ("masked").
//! The few fields of `event.proto` and `summary.proto` that scalars need are written by hand.

use std::io::{self, Write};

/// The version that a reader expects in the first event.
const VERSION: &str = "brain.Event:2";

/// Writes scalars as they come.
pub struct EventWriter<W> {
    to: W,
}

impl<W: Write> EventWriter<W> {
    /// Begins a file. `wall_time` is in seconds since 1970.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(to: W, wall_time: f64) -> io::Result<EventWriter<W>> {
        let mut writer = EventWriter { to };
        let mut event = Message::default();
        event.double(1, wall_time);
        event.bytes(3, VERSION.as_bytes());
        writer.record(&event.0)?;
        Ok(writer)
    }

    /// Writes one number of the curve `tag` at `step`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f32, wall_time: f64) -> io::Result<()> {
        let mut scalar = Message::default();
        scalar.bytes(1, tag.as_bytes());
        scalar.float(2, value);
        let mut summary = Message::default();
        summary.bytes(1, &scalar.0);
        let mut event = Message::default();
        event.double(1, wall_time);
        event.integer(2, step);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        self.to.write_all(&length)?;
        self.to.write_all(&masked(crc32c(&length)).to_le_bytes())?;
        self.to.write_all(data)?;
        self.to.write_all(&masked(crc32c(data)).to_le_bytes())
    }
}

/// A message of protocol buffers that grows field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u8, wire: u8) {
        self.0.push(field << 3 | wire);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn integer(&mut self, field: u8, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u8, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

/// CRC-32C (Castagnoli), bit by bit: a record has some fifty bytes.
fn crc32c(data: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    !data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg())
        })
    })
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Appendix B.4: 32 bytes of zeros, and of ones.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn a_file_is_what_the_tensorboard_package_writes() {
        // tests/peers/tensorboard_events.py
        const EXPECTED: &str = include_str!("../../../tests/fixtures/tensorboard_events.hex");
        let mut bytes = Vec::new();
        let mut writer = EventWriter::new(&mut bytes, 1.5).unwrap();
        writer.scalar("loss/train", 1, 0.75, 2.5).unwrap();
        writer.scalar("loss/train", 300, 0.25, 3.5).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, EXPECTED.trim());
    }
}
