//! This crate scores predictions: logits and targets become metrics with 95 % intervals.
//!
//! [`Predictions`] holds the logits of a model and the targets of the same samples. A [`Metric`]
//! computes a [`Value`] from them: a number, or the reason why it is undefined. Higher is better for
//! all, so log loss is negated ([`Metric::LogLoss`]). A [`Score`] is the value with its bootstrap
//! [`Interval`], its [`Chance`] level and a [`Note`] for each caveat. Samples that
//! are not independent, such as the images of a patient, share a group
//! ([`Predictions::with_groups`]); intervals and tests then treat the groups as independent:
//!
//! ```
//! use ff_eval::{Metric, Predictions, Score, Targets};
//!
//! let logits = vec![2.0, 0.1, 0.3, 1.2, 1.5, 0.2, 0.4, 0.9, 0.8, 1.1, 0.1, 1.7]; // [6, 2]
//! let targets = Targets::Classes(vec![0, 1, 0, 1, 0, 1]);
//! let patients = vec![7, 7, 8, 8, 9, 9];
//! let predictions = Predictions::new(logits, 2, targets)?.with_groups(patients)?;
//! let score = Score::new(Metric::Accuracy, &predictions, 1000, 0);
//! assert_eq!(score.value.value(), Some(5.0 / 6.0));
//! let interval = score.interval.expect("accuracy is defined on every resample");
//! assert!(interval.low < 5.0 / 6.0 && interval.high == 1.0);
//! println!("accuracy {:?}, 95 % interval {} to {}", score.value, interval.low, interval.high);
//! # Ok::<(), ff_eval::Error>(())
//! ```
//!
//! Two models on the same samples are compared by [`bootstrap_difference`] and [`delong`]; several
//! runs have a [`Spread`], and two methods over the same seeds a [`PairedDifference`].
//! [`Predictions::mean`] makes an ensemble of models.
//! [`Folds`] divide samples for cross-fitting, and a [`Verdict`] says whether the best of several
//! models is better than a baseline, with an interval that allows for that choice.
//! [`Calibration`], [`CalibrationScore`], [`Confusion`], [`roc_curves`] and [`surest_mistakes`]
//! describe one model. [`Subgroups`] scores the samples of each value of a [`Column`], such as a
//! hospital, and compares them with all others.
//!
//! To use a model, a [`Calibrator`] maps its logits to calibrated probabilities. An [`OperatingPoint`]
//! is a threshold on one of them that an [`OperatingRule`] chooses. [`OperatingScore`] gives the
//! sensitivity and the predictive values of its decisions on other samples, and [`decision_curve`]
//! their net benefit.
//!
//! The numbers are scikit-learn's. Where scikit-learn warns and returns a substitute, the doc
//! comment of the [`Metric`] says what this crate does.
//!
//! A [`ScoreBound`] is an upper bound of a metric while only some samples are evaluated;
//! [`hardest_first`] is the order of samples in which it falls fast. [`barrier`] and [`Roughness`]
//! measure errors between models, along a line and over a plane of weights.
//!
//! The crate is pure Rust, and needs no libtorch and no Python.

mod auroc;
mod bootstrap;
mod calibration;
mod calibration_score;
mod calibrator;
mod chance;
mod classes;
mod clustered;
mod column;
mod confusion;
mod decision;
mod decision_curve;
mod delong;
mod error;
mod estimate;
mod file;
mod folds;
mod groups;
mod hierarchical;
mod kappa;
mod loss;
mod mean;
mod metric;
mod mistakes;
mod note;
mod operating_point;
mod operating_rule;
mod operating_score;
mod order;
mod outcome;
mod output_map;
mod paired;
mod predictions;
mod probability;
mod roc;
mod score;
mod score_bound;
mod spread;
mod subgroups;
mod surface;
mod value;
mod verdict;

pub use auroc::{OutputAuroc, auroc_per_output};
pub use bootstrap::{Interval, MAX_RESAMPLES, bootstrap};
pub use calibration::{BINS, Bin, Calibration, calibration};
pub use calibration_score::CalibrationScore;
pub use calibrator::{CalibrationMethod, Calibrator, TaskMap};
pub use chance::Chance;
pub use classes::{ClassRow, class_table, output_table};
pub use column::Column;
pub use confusion::Confusion;
pub use decision::Decision;
pub use decision_curve::{DecisionCurve, DecisionPoint, decision_curve};
pub use delong::{AurocDifference, DeLong, OutputDifference, delong};
pub use error::Error;
pub use estimate::Estimate;
pub use file::{NamedTensor, Values};
pub use folds::Folds;
pub use hierarchical::Replicates;
pub use metric::Metric;
pub use mistakes::{Answer, Mistake, surest_mistakes};
pub use note::{FEW_SAMPLES, Note};
pub use operating_point::OperatingPoint;
pub use operating_rule::OperatingRule;
pub use operating_score::OperatingScore;
pub use order::{hardest_first, margins};
pub use output_map::OutputMap;
pub use paired::{Difference, Shown, bootstrap_difference, standard_error};
pub use predictions::{Predictions, Targets, TaskKind};
pub use roc::{Roc, RocPoint, roc_curves};
pub use score::Score;
pub use score_bound::ScoreBound;
pub use spread::{PairedDifference, Spread, StudentInterval};
pub use subgroups::{Subgroup, SubgroupScore, Subgroups};
pub use surface::{Roughness, barrier};
pub use value::Value;
pub use verdict::{Verdict, verdict};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
