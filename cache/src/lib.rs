//! A content-addressed store of artifacts. It knows bytes, keys and locks, and nothing of what computes them.
//!
//! An [`Action`] is a finished computation: a [`Key`] (the digest of everything that it depends on), its outputs, and
//! two texts for whoever asks later. An output is a file or a folder; its bytes are [`Blob`]s, named by their BLAKE3
//! digest and kept once. [`Cache::publish`] makes an action durable and visible, [`Cache::lookup`] finds it,
//! [`Cache::lock`] keeps two processes from computing it twice.
//!
//! ```
//! use cache::{Cache, Digest, Key, Lookup};
//! # let home = tempfile::tempdir()?;
//! # let root = home.path().join("store");
//! let cache = Cache::open(&root)?;
//! let key = Key(Digest::of(b"everything it depends on"));
//! if cache.lookup(&key) == Lookup::Miss {
//!     let staging = cache.stage()?;
//!     let file = staging.path().join("table.csv");
//!     std::fs::write(&file, "a,b\n1,2\n")?;
//!     cache.publish(key, vec![("table".into(), file)], "{}".into(), "{}".into())?;
//! }
//! let action = cache.lookup(&key).hit().ok_or("published above")?;
//! let table = action.output("table").ok_or("published above")?;
//! assert_eq!(std::fs::read_to_string(cache.artifact_path(table)?)?, "a,b\n1,2\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On disk
//!
//! | path | what |
//! |---|---|
//! | `VERSION` | the number of this layout |
//! | `blobs/ab/cdef…` | a blob, named by its digest's 64 hexadecimal digits; read-only; its modification time is that of its last use, to the hour |
//! | `actions.log` | the actions' records, appended; the newest of a key counts |
//! | `files.log` | digests of files outside, by path, size, inode and times |
//! | `views/DIGEST/` | a folder as other programs read it: hard links to blobs |
//! | `locks/KEY.lock` | there while somebody computes the action |
//! | `locks/store` | shared by publishers, held alone by garbage collection |
//! | `tmp/NAME/`, `tmp/NAME.lock` | work in progress of one open cache |
//! | `corrupt/` | blobs that were not what their name says |
//!
//! Logs are made of checksummed frames (`frame.rs`); `record.rs` has the body of an action's.
//!
//! # What holds
//!
//! - An action is visible only when every output is durable; no kill and no full disk leaves half of one.
//! - A look-up never fails: a record that is damaged, or a blob that is gone or of another size, is a miss.
//!   [`Cache::verify`] rehashes, since a blob of the right size may still be wrong.
//! - All locks are the kernel's (`flock`), and go with the process. A file system without them, as some network
//!   ones, is no place for a store that two machines write to.
//! - Nothing is ever overwritten in place. The logs grow by appending; only an end that a kill has torn is cut off.
//!
//! Unix only.

#![forbid(unsafe_code)]

pub mod canonical;

mod action;
mod blobs;
mod commit;
mod digest;
mod disk;
mod error;
mod files;
mod folder;
mod frame;
mod gc;
mod inline;
mod lock;
mod log;
mod lookup;
mod publish;
mod record;
mod settle;
mod staging;
mod store;
mod verify;
mod view;

pub use action::{Action, Artifact, Blob, Output};
pub use blobs::Stats;
pub use digest::{Digest, Key, ParseDigestError};
pub use error::CacheError;
pub use gc::{GcOptions, GcReport};
pub use lock::KeyLock;
pub use lookup::{Absence, Lookup};
pub use publish::Publication;
pub use staging::Staging;
pub use store::Cache;
pub use verify::{CorruptBlob, MissingOutput, VerifyProgress, VerifyReport};
