//! Training: what a step needs besides the model, and checkpoints of all of it.
