//! What the kinds share that work with transformers: texts as tokens, how long and how fast a model trains, the record of a
//! training, and the folder of a model.
//!
//! | file | what it holds |
//! |---|---|
//! | `tokens` | texts of a table as the tokens of a model |
//! | `tuning` | the parameters of every training |
//! | `inference` | what a trained model computes in |
//! | `encoder` | a model that turns texts into vectors |
//! | `recorder` | history, curves, TensorBoard events and progress of a training |
//! | `folder` | which kind of model a folder holds, and what is carried from one to the next |

pub mod encoder;
pub mod folder;
pub mod inference;
pub mod recorder;
pub mod tokens;
pub mod tuning;
