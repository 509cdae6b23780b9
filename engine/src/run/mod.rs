//! Runs what a plan leaves to do: a scheduler, workers, a committer, resources, a journal. Everything that happens is an
//! [`Event`], which goes to the journal and to whoever listens.

mod budget;
mod crew;
pub mod event;
pub mod find;
pub mod folder;
pub mod history;
pub mod interrupt;
pub mod journal;
pub mod meter;
mod pins;
mod scheduler;
mod worker;

pub use event::{Event, Listener, RunStatus};
pub use folder::RunFolder;
pub use history::{History, RunRecord, StepRecord};
pub use scheduler::{Options, RunError, Setup, Summary, run};
pub use worker::notes_of;
