//! A job that is not done.

use ff_eval::Value;
use ff_grid::{JobId, Progress};
use ff_train::EpochRecord;
use serde::Serialize;

/// The state of a job that is not done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    /// A process runs it.
    Running,
    /// Its task ended without a result.
    Failed,
    /// It was started, and no process runs it now.
    Stopped,
    /// It was not started.
    Waiting,
}

/// A job that is not done.
#[derive(Debug, Serialize)]
pub struct OpenJob {
    /// The job's identity.
    pub id: JobId,
    /// The job's label.
    pub label: String,
    /// The process that runs it, or that has ended without a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The device that the process uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Why it failed, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its number of epochs; 0 if it does not train.
    pub epochs: u64,
    /// Its finished epochs.
    pub history: Vec<EpochRecord>,
}

impl OpenJob {
    /// Returns the work that is done.
    pub fn so_far(&self) -> Progress {
        let epochs = self.history.len() as f64;
        Progress {
            images: self.history.iter().map(|epoch| epoch.images as u64).sum(),
            seconds: self.history.iter().map(|epoch| epoch.seconds).sum(),
            share: if self.epochs > 0 { (epochs / self.epochs as f64).min(1.0) } else { 0.0 },
        }
    }

    /// Returns the validation score of the last epoch.
    pub fn score(&self) -> Option<&Value> {
        Some(&self.history.last()?.validation)
    }

    /// Returns the training images per second of the last epoch.
    pub fn speed(&self) -> Option<f64> {
        Some(self.history.last()?.images_per_second()).filter(|speed| speed.is_finite())
    }

    /// Estimates the seconds until its last epoch is done, from the time of the finished ones.
    pub fn left_seconds(&self) -> Option<f64> {
        let Progress { seconds, .. } = self.so_far();
        let (done, all) = (self.history.len() as f64, self.epochs as f64);
        (done > 0.0 && all > 0.0).then(|| (all - done).max(0.0) * seconds / done)
    }
}
