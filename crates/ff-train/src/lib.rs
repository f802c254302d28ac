//! The training loop: linear probe, full fine-tune, Fast Geometric Generation (FissionFusion §2–3).
//!
//! [`train`] takes a model, data and a [`TrainConfig`] and leaves weights, validation predictions
//! and a history in a folder. What it computes is a function of the configuration and the data: no
//! global generator, no dependence on the number of loader threads, and on the CPU a resumed run
//! ends in the same bits as an uninterrupted one. (Another number of compute threads or another
//! device may round differently.)

mod cancel;
mod candidate;
mod config;
mod error;
mod evaluate;
mod files;
mod history;
mod hook;
mod loss;
mod optimizer;
mod optimizer_config;
mod outcome;
mod progress;
mod recalibrate;
mod resume;
mod resume_every;
mod run;
mod saved_model;
mod schedule;
mod step;
mod task_weights;
mod train;
mod trainer;
mod validation;

pub use cancel::CancelToken;
pub use config::{NO_PATIENCE, SelectBy, TrainConfig, Trainable, task_kind};
pub use error::Error;
pub use evaluate::{EvalSet, load_predictions, predictions_of, save_predictions};
pub use history::{Divergence, EpochRecord};
pub use hook::StepHook;
pub use optimizer::Optimizer;
pub use optimizer_config::OptimizerConfig;
pub use outcome::Outcome;
pub use recalibrate::Recalibration;
pub use resume_every::ResumeEvery;
pub use run::{Run, TrainData};
pub use saved_model::SavedModel;
pub use schedule::{LrSchedule, Rates};
pub use task_weights::TaskWeights;
pub use train::train;
