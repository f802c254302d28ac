//! This crate trains one model: linear probe, full fine-tuning, or Fast Geometric Generation.
//!
//! [`train`] takes a [`TrainConfig`], a model and data, and writes weights, validation predictions
//! and a history to a folder (FissionFusion §2–3). A run that was interrupted resumes from that
//! folder, inside an epoch too. A [`StepHook`] acts on the weights before each step; an [`EvalSet`]
//! evaluates a model. [`explain`] shows where in an image the evidence for an output is.
//!
//! The result is a function of the configuration and the data: there is no global generator, and
//! the number of loader threads has no effect. On the CPU a resumed run ends with the same bits as
//! an uninterrupted one. Another number of compute threads or another device may round differently.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use ff_data::{Phantom, PhantomKind, SplitRule};
//! use ff_models::{Architecture, Spec};
//! use ff_train::tch::Device;
//! use ff_train::{Dataset, Metric, Model, Run, TrainConfig, TrainData, train};
//!
//! let dataset = Arc::new(Phantom::new(PhantomKind::Shapes, 16, [32, 16, 0], 1, false)?);
//! let splits = SplitRule::Official {}.split(dataset.as_ref(), Path::new(""))?;
//! let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, dataset.task().outputs()) };
//! let data = TrainData::new(dataset, &splits, spec.image_size);
//!
//! let mut model = Model::new(&spec, Device::Cpu, 0)?;
//! let metric = Metric::Accuracy;
//! let config = TrainConfig { epochs: 1, batch_size: 16, metric, ..TrainConfig::default() };
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let outcome = train(&config, &mut model, &data, Run::new(folder, &config))?;
//! assert!(folder.join(outcome.kept.expect("it did not diverge").weights.path).is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cancel;
mod candidate;
mod classifier;
mod config;
mod ema;
mod error;
mod evaluate;
mod explanation;
mod files;
mod fisher;
mod fitting;
mod gram;
mod history;
mod hook;
mod loss;
mod optimizer;
mod optimizer_config;
mod outcome;
mod overlay;
mod prediction_file;
mod progress;
mod recalibrate;
mod resume;
mod resume_every;
mod run;
mod sampling;
mod saved_model;
mod schedule;
mod step;
mod stream;
mod task_weights;
mod train;
mod trainer;
mod upload;
mod validation;

pub use cancel::CancelToken;
pub use classifier::{Classifier, Told, most_probable};
pub use config::{NO_PATIENCE, SelectBy, TrainConfig, Trainable, task_kind};
pub use ema::{Ema, MovingAverage};
pub use error::Error;
pub use evaluate::EvalSet;
pub use explanation::{Explanation, explain};
pub use fisher::fisher;
pub use fitting::{Fitting, LossGradient};
pub use gram::{GRAM_WIDTH, gram};
pub use history::{Divergence, EpochRecord};
pub use hook::StepHook;
pub use optimizer::Optimizer;
pub use optimizer_config::OptimizerConfig;
pub use outcome::Outcome;
pub use overlay::overlay;
pub use prediction_file::{load_predictions, predictions_of, save_predictions};
pub use recalibrate::{BN_IMAGES, Recalibration};
pub use resume_every::ResumeEvery;
pub use run::{Run, TrainData};
pub use sampling::Sampling;
pub use saved_model::SavedModel;
pub use schedule::{LrSchedule, Rates};
pub use stream::{Predicted, predict_batches};
pub use task_weights::TaskWeights;
pub use train::train;

/// Types of [`ff_checkpoint`] in this crate's signatures.
pub use ff_checkpoint::{Digest, FileRef, OwnedTensor, Provenance, StateDict};
/// Types of [`ff_data`] in this crate's signatures.
pub use ff_data::{Augment, Dataset, Image, OnBadImage, Task};
/// Types of [`ff_eval`] in this crate's signatures.
pub use ff_eval::{Metric, OutputMap, Predictions, TaskKind, Value};
/// Types of [`ff_models`] in this crate's signatures.
pub use ff_models::{Model, Parameter, Spec};
/// Deterministic algorithms on a GPU, a switch of the process.
pub use ff_torch_sys::set_deterministic;
/// The version of serde_json whose values hooks report and keep.
pub use serde_json;
/// The version of tch whose types are in this crate's signatures.
pub use tch;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
