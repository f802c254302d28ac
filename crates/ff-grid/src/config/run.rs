//! How a table is run: nothing of it is part of a result's recipe.

use std::time::Duration;

use ff_data::OnBadImage;
use ff_train::ResumeEvery;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Device;

use super::cluster::ClusterConfig;

/// How to run a table. None of it is part of a result's recipe. `threads` (as the device) can
/// change the last bits of weights, since libtorch adds up in another order; the rest changes
/// nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Jobs at once, each with an equal share of the cores. 0: one for each core for images of up
    /// to 64 px on the CPU, else one.
    pub workers: usize,
    /// Threads that libtorch uses in each job. 0: the cores, divided among the workers.
    pub threads: usize,
    /// Threads that load images, for each job. 0: load in the training thread. Absent: one on the
    /// CPU, beside a GPU all but one of the job's `threads`.
    pub loader_threads: Option<usize>,
    /// Least time between resume points of a run of training.
    pub resume_minutes: f64,
    /// Steps between resume points, instead of a time.
    pub resume_steps: Option<usize>,
    /// A process on another machine that gave no sign of life for so long counts as gone, and its
    /// jobs are taken over.
    pub lease_seconds: f64,
    /// What an unreadable image does.
    pub on_bad_image: OnBadImage,
    /// Whether weights that were trained on the same images in another division may be used
    /// (`--allow-other-split`); every result then says so.
    pub allow_other_split: bool,
    /// Keep the optimizer's state of every fine-tuned model, so that another table's cyclic runs
    /// can go on from any of them (the appendix of FissionFusion after its Table 1). Without it
    /// only those are kept that this table goes on from.
    pub keep_optimizer: bool,
    /// Memory for decoded images, shared by all datasets of the table that are not shrunk.
    pub cache_mib: usize,
    /// What jobs ask of a cluster's scheduler.
    pub cluster: ClusterConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            threads: 0,
            loader_threads: None,
            resume_minutes: 5.0,
            resume_steps: None,
            lease_seconds: 60.0,
            on_bad_image: OnBadImage::Error,
            allow_other_split: false,
            keep_optimizer: false,
            cache_mib: 512,
            cluster: ClusterConfig::default(),
        }
    }
}

impl RunConfig {
    /// How often a run of training writes a resume point.
    pub fn resume_every(&self) -> ResumeEvery {
        match self.resume_steps {
            Some(steps) => ResumeEvery::Steps(steps),
            None => ResumeEvery::Time(seconds(self.resume_minutes * 60.0)),
        }
    }

    /// Threads that libtorch uses in each of so many jobs at once.
    pub fn threads_each(&self, cores: usize, workers: usize) -> usize {
        match self.threads {
            0 => (cores / workers).max(1),
            threads => threads,
        }
    }

    /// Threads that load images, of a job on that device whose libtorch uses `threads`.
    pub fn loaders_each(&self, device: Device, threads: usize) -> usize {
        self.loader_threads.unwrap_or_else(|| loader_threads(device, threads))
    }

    /// How long an owner of a job may give no sign of life.
    pub fn lease(&self) -> Duration {
        seconds(self.lease_seconds)
    }
}

/// More than there will ever be counts as for ever.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Threads that load images where nobody says how many, of so many that may be busy: training on
/// the CPU needs them itself, beside a GPU they have nothing else to do.
pub fn loader_threads(device: Device, threads: usize) -> usize {
    if device.is_cuda() { threads.saturating_sub(1).max(1) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_a_gpu_leaves_idle_load_images() {
        let of = |device| [1, 2, 16].map(|threads| loader_threads(device, threads));
        assert_eq!((of(Device::Cpu), of(Device::Cuda(1))), ([1, 1, 1], [1, 1, 15]));
    }
}
