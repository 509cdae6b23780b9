//! How good predictions are, with scikit-learn's definitions and `zero_division=0`.
//!
//! | file | what it holds |
//! |---|---|
//! | `report` | precision, recall and F1 a label and averaged, subset accuracy, Hamming loss |
//! | `confusion` | the confusion matrix of multi-class predictions |
//! | `ranking` | average precision and the area under the ROC curve |
//! | `sweep` | the report for many thresholds or numbers of labels; the best threshold a label |
//! | `bootstrap` | percentile intervals over resampled rows |

mod bootstrap;
mod confusion;
mod ranking;
mod report;
mod sweep;

pub use bootstrap::{Bootstrap, Intervals};
pub use confusion::confusion_matrix;
pub use ranking::{average_precision, roc_auc};
pub use report::{Averages, LabelReport, Report};
pub use sweep::{LabelThreshold, SweepPoint, label_thresholds, sweep_thresholds, sweep_top_k};
