//! Forecasts of the time that a graph of jobs takes on a number of workers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use itertools::Itertools;
use serde::Serialize;

use super::speed::{Speed, weight};
use crate::job::{Job, JobId, Jobs};

/// The forecast for a number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Jobs at once.
    pub workers: usize,
    /// Seconds from the start of the first job to the end of the last.
    pub seconds: f64,
    /// Share of the workers' time in which they run a job, from 0 to 1.
    pub busy: f64,
}

/// The longest chain of jobs that wait for each other: the lower bound of the time with any number
/// of workers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chain {
    /// Seconds that the chain takes.
    pub seconds: f64,
    /// Its jobs by identity, in order.
    pub jobs: Vec<JobId>,
}

/// Simulates a graph on a number of workers.
///
/// A free worker takes the ready job that begins the longest chain. `seconds` has the time of each
/// job by identity; jobs that are absent are done.
pub fn forecast(jobs: &Jobs, seconds: &BTreeMap<&str, f64>, workers: usize) -> Forecast {
    let takes = |job: &Job| seconds.get(job.id.as_str()).copied();
    let followers = jobs.followers();
    let chains = chains(jobs, &followers, |job| takes(job).unwrap_or(0.0));
    // Whole microseconds, since floats have no total order.
    let micro = |seconds: f64| (seconds * 1e6) as u64;
    let open = |id: &str| seconds.contains_key(id);
    let inputs = |job: &Job| job.inputs.iter().unique().filter(|id| open(id)).count();
    let mut waits: Vec<usize> = jobs.iter().map(inputs).collect();
    let urgency = |at: usize| (micro(chains[at]), Reverse(at));
    let mut ready: BinaryHeap<(u64, Reverse<usize>)> =
        (0..jobs.len()).filter(|&at| open(&jobs[at].id) && waits[at] == 0).map(urgency).collect();
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let (mut now, mut work) = (0, 0);
    loop {
        while running.len() < workers.max(1) {
            let Some((_, Reverse(at))) = ready.pop() else { break };
            let takes = micro(takes(&jobs[at]).unwrap_or(0.0));
            work += takes;
            running.push(Reverse((now + takes, at)));
        }
        let Some(Reverse((end, at))) = running.pop() else { break };
        now = end;
        for &next in &followers[at] {
            waits[next] -= 1;
            if waits[next] == 0 && open(&jobs[next].id) {
                ready.push(urgency(next));
            }
        }
    }
    let (wall, work) = (now as f64 / 1e6, work as f64 / 1e6);
    let busy = if wall > 0.0 { work / wall / workers.max(1) as f64 } else { 1.0 };
    Forecast { workers, seconds: wall, busy }
}

/// The progress of a running job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Images that it has trained on so far.
    pub images: u64,
    /// Seconds that they took.
    pub seconds: f64,
    /// Share of the job that is done, from 0 to 1.
    pub share: f64,
}

/// Estimates the time that the other jobs take if as many jobs run as now.
///
/// `done` has the seconds of finished jobs. Returns `None` if no job is running, or if no job
/// similar to the others was measured.
pub fn time_left(
    jobs: &Jobs,
    done: &BTreeMap<&str, f64>,
    running: &BTreeMap<&str, Progress>,
) -> Option<Forecast> {
    if running.is_empty() {
        return None;
    }
    let finished = jobs.iter().filter_map(|job| Some((job, weight(job), *done.get(job.id.as_str())?)));
    let so_far = jobs.iter().filter_map(|job| Some((job, running.get(job.id.as_str())?)));
    let so_far = so_far.filter(|(_, progress)| progress.images > 0);
    let so_far = so_far.map(|(job, progress)| (job, 3.0 * progress.images as f64, progress.seconds));
    let speed = Speed::of(finished.chain(so_far));
    let rest = jobs.iter().filter(|job| job.blocked.is_none() && !done.contains_key(job.id.as_str()));
    let seconds = rest.map(|job| {
        let share = running.get(job.id.as_str()).map_or(0.0, |progress| progress.share);
        Some((job.id.as_str(), speed.seconds(job)? * (1.0 - share)))
    });
    Some(forecast(jobs, &seconds.collect::<Option<_>>()?, running.len()))
}

/// Finds the longest chain of a graph.
pub fn longest_chain(jobs: &Jobs, seconds: &BTreeMap<&str, f64>) -> Chain {
    let followers = jobs.followers();
    let chains = chains(jobs, &followers, |job| seconds.get(job.id.as_str()).copied().unwrap_or(0.0));
    let longest = |of: &[usize]| of.iter().copied().max_by(|&a, &b| chains[a].total_cmp(&chains[b]));
    let all: Vec<usize> = (0..jobs.len()).collect();
    let chain: Vec<usize> = std::iter::successors(longest(&all), |&at| longest(&followers[at])).collect();
    Chain {
        seconds: chain.first().map_or(0.0, |&at| chains[at]),
        jobs: chain.into_iter().map(|at| jobs[at].id.clone()).collect(),
    }
}

/// Returns, for each job, the time of the longest chain that begins with it.
pub(crate) fn chains(jobs: &Jobs, followers: &[Vec<usize>], takes: impl Fn(&Job) -> f64) -> Vec<f64> {
    let mut chains = vec![0.0; jobs.len()];
    for at in (0..jobs.len()).rev() {
        let rest = followers[at].iter().map(|&next| chains[next]).fold(0.0, f64::max);
        chains[at] = takes(&jobs[at]) + rest;
    }
    chains
}

#[cfg(test)]
mod tests {
    use ff_data::DatasetConfig;
    use ff_eval::Metric;

    use super::*;
    use crate::job::{Cost, DataSource, JobSpec};

    fn job(id: &str, inputs: &[&str]) -> Job {
        let source: DatasetConfig = serde_json::from_str(r#"{"kind":"cifar10","path":"x"}"#).unwrap();
        Job {
            id: id.into(),
            label: id.to_owned(),
            spec: JobSpec::Evaluate { metric: Metric::Accuracy, resamples: 0, seed: 0 },
            inputs: inputs.iter().map(|&id| id.into()).collect(),
            data: DataSource { source, split: None, shrink_px: None },
            weights: None,
            optimizer: None,
            place: None,
            fields: BTreeMap::new(),
            cost: Cost::default(),
            remarks: Vec::new(),
            kernels: false,
            blocked: None,
        }
    }

    fn fork() -> Jobs {
        // Job a, then four jobs in parallel, then z.
        let middle = ["b", "c", "d", "e"].map(|id| job(id, &["a"]));
        Jobs::new([vec![job("a", &[])], middle.to_vec(), vec![job("z", &["b", "c", "d", "e"])]].concat())
    }

    #[test]
    fn a_fork_takes_the_time_computed_by_hand() {
        let jobs = fork();
        let seconds =
            BTreeMap::from([("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 2.0), ("e", 4.0), ("z", 1.0)]);
        let of = |workers| forecast(&jobs, &seconds, workers);
        assert_eq!((of(1).seconds, of(1).busy), (12.0, 1.0));
        // The longest of the four first: e beside b and c, then d alone.
        assert_eq!((of(2).seconds, of(2).busy), (8.0, 0.75));
        let longer =
            BTreeMap::from(["a", "b", "c", "d", "e", "z"].map(|id| (id, if id == "e" { 6.0 } else { 1.0 })));
        assert_eq!(forecast(&jobs, &longer, 2).seconds, 8.0);
        assert_eq!((of(4).seconds, of(64).seconds), (6.0, 6.0));
        let chain = longest_chain(&jobs, &seconds);
        assert_eq!((chain.seconds, chain.jobs.join("")), (6.0, "aez".to_owned()));
    }

    #[test]
    fn done_jobs_take_no_time() {
        let (jobs, rest) = (fork(), BTreeMap::from([("e", 4.0), ("z", 1.0)]));
        assert_eq!(forecast(&jobs, &rest, 8).seconds, 5.0);
        assert_eq!(longest_chain(&jobs, &rest).seconds, 5.0);
        assert_eq!(forecast(&jobs, &BTreeMap::new(), 8), Forecast { workers: 8, seconds: 0.0, busy: 1.0 });
    }
}
