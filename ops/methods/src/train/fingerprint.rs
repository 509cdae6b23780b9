//! [`Fingerprint`]: tells one training from another.

use crate::{Targets, Text};

/// A number that differs for different trainings: 64-bit FNV-1a of all that is written to it.
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub fn new(method: &str, options: &impl std::fmt::Debug, seed: u64) -> Self {
        let mut fingerprint = Self(0xcbf2_9ce4_8422_2325);
        fingerprint.bytes(format!("{method} {options:?} {seed}").as_bytes());
        fingerprint
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub fn texts(mut self, texts: &[Text]) -> Self {
        for text in texts {
            self.bytes(&(text.len() as u64).to_le_bytes());
            text.ids.iter().for_each(|id| self.bytes(&id.to_le_bytes()));
        }
        self
    }

    pub fn numbers(mut self, numbers: &[f32]) -> Self {
        for number in numbers {
            self.bytes(&number.to_le_bytes());
        }
        self
    }

    pub fn targets(mut self, targets: &Targets) -> Self {
        match targets {
            Targets::Multi(rows) => {
                for row in rows {
                    row.iter().for_each(|&has| self.bytes(&[u8::from(has)]));
                }
            }
            Targets::Single(classes) => {
                classes
                    .iter()
                    .for_each(|class| self.bytes(&class.to_le_bytes()));
            }
        }
        self
    }

    pub fn done(self) -> u64 {
        self.0
    }
}
