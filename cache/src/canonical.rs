//! Canonical hashing: equal values, equal digests; different values, different input to BLAKE3.
//!
//! Every value is one tag byte followed by a payload of known length, so a sequence of values can be read back
//! from the hashed stream in only one way:
//!
//! | value | tag | payload (integers little-endian) |
//! |---|---|---|
//! | nothing | `n` | none |
//! | false, true | `f`, `t` | none |
//! | integer, not negative | `u` | 8 bytes, unsigned |
//! | integer, negative | `i` | 8 bytes, two's complement |
//! | float | `d` | 8 bytes, IEEE 754 |
//! | text | `s` | 8 bytes of length, UTF-8 |
//! | bytes | `b` | 8 bytes of length, bytes |
//! | digest | `h` | 32 bytes |
//! | list | `l` | 8 bytes of count, then the items |
//! | map | `m` | 8 bytes of count, then key (as text) and value by turns, keys sorted by their UTF-8 bytes |
//! | JSON number beyond 64 bits | `N` | 8 bytes of length, its decimal text |
//!
//! An integer hashes by its value, whatever its type: `5_i64` and `5_u64` are one. An integer and a float never
//! are: `1` and `1.0` differ. `-0.0` and `0.0` differ (a division can tell them apart). All NaNs are one.

mod encoded;

use serde_json::{Map, Value};

use crate::Digest;
pub use encoded::Encoded;

/// Hashes a sequence of values; see the [module](self) for the encoding.
///
/// ```
/// use cache::canonical::Hasher;
/// let mut pair = Hasher::new("example");
/// pair.str("ab").str("c");
/// let mut other = Hasher::new("example");
/// other.str("a").str("bc");
/// assert_ne!(pair.finish(), other.finish());
/// ```
#[derive(Clone, Debug)]
pub struct Hasher {
    /// What has left the buffer.
    hashed: Option<blake3::Hasher>,
    /// Small values collect here: BLAKE3 takes a few hundred instructions a call, however little it is given.
    buffer: [u8; BUFFER],
    filled: usize,
}

/// Bytes of one BLAKE3 chunk.
const BUFFER: usize = 1024;

impl Hasher {
    /// A hasher for one kind of thing. `domain` is hashed first, as text, so that two kinds never collide.
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self {
            hashed: None,
            buffer: [0; BUFFER],
            filled: 0,
        };
        hasher.str(domain);
        hasher
    }

    /// Nothing, as in `None` and JSON's `null`.
    pub fn none(&mut self) -> &mut Self {
        self.put(b"n")
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.put(if value { b"t" } else { b"f" })
    }

    /// An unsigned integer.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.tagged(b'u', value.to_le_bytes())
    }

    /// A signed integer; equal to [`Hasher::u64`] where it is not negative.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(value) => self.u64(value),
            Err(_) => self.tagged(b'i', value.to_le_bytes()),
        }
    }

    /// A float by its bits, all NaNs as one.
    pub fn f64(&mut self, value: f64) -> &mut Self {
        let bits = if value.is_nan() {
            0x7ff8_0000_0000_0000
        } else {
            value.to_bits()
        };
        self.tagged(b'd', bits.to_le_bytes())
    }

    /// Text.
    pub fn str(&mut self, value: &str) -> &mut Self {
        self.sized(b's', value.as_bytes())
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.sized(b'b', value)
    }

    /// A digest.
    pub fn digest(&mut self, value: &Digest) -> &mut Self {
        self.put(b"h").put(value.as_bytes())
    }

    /// The head of a list; exactly `len` values must follow.
    pub fn list(&mut self, len: usize) -> &mut Self {
        self.tagged(b'l', (len as u64).to_le_bytes())
    }

    /// The head of a map; exactly `len` pairs of [`Hasher::str`] and a value must follow, sorted by key.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.tagged(b'm', (len as u64).to_le_bytes())
    }

    /// A JSON value. The order of an object's keys in the text does not matter. A float that went through text and
    /// back may differ in its last bit, unless serde_json has its feature `float_roundtrip`.
    pub fn json(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::Null => self.none(),
            Value::Bool(value) => self.bool(*value),
            Value::Number(number) => {
                if let Some(value) = number.as_u64() {
                    self.u64(value)
                } else if let Some(value) = number.as_i64() {
                    self.i64(value)
                } else if let Some(value) = number.as_f64().filter(|_| number.is_f64()) {
                    self.f64(value)
                } else {
                    self.sized(b'N', number.to_string().as_bytes())
                }
            }
            Value::String(value) => self.str(value),
            Value::Array(items) => {
                self.list(items.len());
                for item in items {
                    self.json(item);
                }
                self
            }
            Value::Object(object) => {
                self.map(object.len());
                for (key, value) in sorted(object) {
                    self.str(key).json(value);
                }
                self
            }
        }
    }

    /// A JSON value that was encoded before: the same as [`Hasher::json`] of it.
    pub fn encoded(&mut self, value: &Encoded) -> &mut Self {
        self.put(&value.0)
    }

    /// The digest of all values so far.
    pub fn finish(&self) -> Digest {
        let rest = &self.buffer[..self.filled];
        match &self.hashed {
            None => blake3::hash(rest).into(),
            Some(hashed) => hashed.clone().update(rest).finalize().into(),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(free) = self.buffer.get_mut(self.filled..self.filled + bytes.len()) {
            free.copy_from_slice(bytes);
            self.filled += bytes.len();
            return self;
        }
        let hashed = self.hashed.get_or_insert_with(blake3::Hasher::new);
        hashed.update(&self.buffer[..self.filled]);
        self.filled = 0;
        if bytes.len() < BUFFER {
            return self.put(bytes);
        }
        hashed.update(bytes);
        self
    }

    fn tagged(&mut self, tag: u8, payload: [u8; 8]) -> &mut Self {
        let [a, b, c, d, e, f, g, h] = payload;
        self.put(&[tag, a, b, c, d, e, f, g, h])
    }

    fn sized(&mut self, tag: u8, payload: &[u8]) -> &mut Self {
        self.tagged(tag, (payload.len() as u64).to_le_bytes())
            .put(payload)
    }
}

/// The pairs of an object by key. serde_json keeps insertion order when any crate of the build asks for `preserve_order`.
fn sorted(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut pairs: Vec<_> = object.iter().collect();
    pairs.sort_unstable_by(|a, b| a.0.cmp(b.0));
    pairs
}
