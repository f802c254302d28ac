//! How jobs are run. Nothing here is part of a job's identity.

use std::time::Duration;

use ff_data::OnBadImage;
use ff_train::ResumeEvery;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Device;

use super::cluster::ClusterConfig;

/// How to run jobs. Nothing here is part of a job's identity. `threads`, `deterministic` and the
/// device can change the last bits of weights, since libtorch then sums in another order; the other
/// keys change nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Jobs at once, each with an equal share of the cores. 0: one for each GPU; on the CPU one for
    /// each core if images have up to 64 px, else one.
    pub workers: usize,
    /// Jobs at once on each device, each in a process of its own, at least 1. Small networks leave
    /// most of a GPU idle.
    pub jobs_per_device: usize,
    /// Threads that libtorch uses in each job. Another number can change the last bits of weights.
    /// 0: the cores divided by the jobs at once.
    pub threads: usize,
    /// Threads that load images, for each job. 0: load in the training thread. Absent: one on the
    /// CPU; with a GPU, all but one of the job's `threads`.
    pub loader_threads: Option<usize>,
    /// Minutes between resume points of a training run, at least.
    pub resume_minutes: f64,
    /// Steps between resume points, instead of a time.
    pub resume_steps: Option<usize>,
    /// Seconds without a sign of life after which a process on another machine counts as dead and
    /// its jobs are taken over.
    pub lease_seconds: f64,
    /// Use only deterministic algorithms on a GPU: the same command then gives the same bits there,
    /// more slowly. Otherwise cuDNN measures its algorithms and takes the fastest, which may differ
    /// from run to run. On the CPU results are always the same.
    pub deterministic: bool,
    /// How to handle unreadable images.
    pub on_bad_image: OnBadImage,
    /// Allow weights that were trained on the same images in another split
    /// (`--allow-other-split`). Every result then says so.
    pub allow_other_split: bool,
    /// Keep the optimizer's state of every fine-tuned model, so that cyclic runs of another table can
    /// continue from any of them (FissionFusion's appendix after its Table 1). Otherwise only the
    /// states that this table needs are kept.
    pub keep_optimizer: bool,
    /// Memory in MiB for decoded images, shared by all datasets of the table without `shrink_px`.
    pub cache_mib: usize,
    /// What jobs request from Slurm (`--engine slurm`). A file that `--cluster` names replaces this
    /// section.
    pub cluster: ClusterConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            jobs_per_device: 1,
            threads: 0,
            loader_threads: None,
            resume_minutes: 5.0,
            resume_steps: None,
            lease_seconds: 60.0,
            deterministic: false,
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

    /// Threads that libtorch uses in each of `workers` jobs at once.
    pub fn threads_each(&self, cores: usize, workers: usize) -> usize {
        match self.threads {
            0 => (cores / workers).max(1),
            threads => threads,
        }
    }

    /// Threads that load images for a job on `device` whose libtorch uses `threads`.
    pub fn loaders_each(&self, device: Device, threads: usize) -> usize {
        self.loader_threads.unwrap_or_else(|| loader_threads(device, threads))
    }

    /// Sets the process's algorithms for a GPU ([`deterministic`](Self::deterministic)). Call it before
    /// anything is computed there.
    pub(crate) fn set_algorithms(&self, device: Device) {
        if device.is_cuda() {
            ff_train::set_deterministic(self.deterministic);
        }
    }

    /// How long the owner of a job may be silent before it counts as dead.
    pub fn lease(&self) -> Duration {
        seconds(self.lease_seconds)
    }
}

/// A time that is too long for a `Duration` is the longest one.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// The default number of threads that load images, of `threads` that a job may use: training on the
/// CPU needs the others itself; beside a GPU they are idle.
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
