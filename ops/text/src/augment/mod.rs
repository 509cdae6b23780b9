//! New texts from old ones by changing a few words, which leave the labels as they are.
//!
//! - `words`: a text as words and what is between them.
//! - `eda`: synonyms, insertion, swap and deletion at random.
//! - `wordnet`: synonyms from the files of WordNet.

mod eda;
mod wordnet;
mod words;

pub use eda::{Eda, Operation};
pub use wordnet::WordNet;
pub use words::{Piece, pieces};
