//! Logits and targets to numbers: metrics and their intervals.
//!
//! [`Predictions`] holds what a model said about each sample and what is true of it; a [`Metric`]
//! turns that into a [`Value`], which is a number or the reason why there is none; a [`Score`] is
//! the value with its bootstrap [`Interval`] and a [`Note`] of each caveat. Samples that are not
//! independent, such as the images of one patient, share a group ([`Predictions::with_groups`]),
//! which intervals and tests respect. Over several runs there is a [`Spread`], and between two
//! methods a [`PairedDifference`]. Two models on the same samples are compared by
//! [`bootstrap_difference`] and [`delong`]. The numbers are scikit-learn's, except where
//! scikit-learn warns and returns a stand-in: there the doc comment of the [`Metric`] says what
//! happens here. A [`ScoreBound`] bounds a metric from some of the samples, as long as the others
//! are not known, and [`hardest_first`] is the order in which it falls fast. [`barrier`] and
//! [`Roughness`] are of errors between models, along a line and over a plane of weights.

mod auroc;
mod bootstrap;
mod calibration;
mod classes;
mod clustered;
mod confusion;
mod delong;
mod error;
mod file;
mod groups;
mod kappa;
mod metric;
mod mistakes;
mod note;
mod order;
mod output_map;
mod paired;
mod predictions;
mod probability;
mod roc;
mod score;
mod score_bound;
mod spread;
mod surface;
mod value;

pub use auroc::{OutputAuroc, auroc_per_output};
pub use bootstrap::{Interval, MAX_RESAMPLES, bootstrap};
pub use calibration::{Bin, Calibration, calibration};
pub use classes::{ClassRow, class_table, output_table};
pub use confusion::Confusion;
pub use delong::{AurocDifference, DeLong, OutputDifference, delong};
pub use error::Error;
pub use file::{NamedTensor, Values};
pub use metric::Metric;
pub use mistakes::{Answer, Mistake, surest_mistakes};
pub use note::Note;
pub use order::{hardest_first, margins};
pub use output_map::OutputMap;
pub use paired::{Difference, Shown, bootstrap_difference};
pub use predictions::{Predictions, Targets, TaskKind};
pub use roc::{Roc, RocPoint, roc_curves};
pub use score::Score;
pub use score_bound::ScoreBound;
pub use spread::{PairedDifference, Spread, StudentInterval};
pub use surface::{Roughness, barrier};
pub use value::Value;
