//! A declarative pipeline engine for text classification with few labels.

pub mod report;
