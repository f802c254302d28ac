//! Where the jobs are that are not on record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::slurm;
use crate::{Error, Jobs, Runs, owner_of};

/// What is known of a job that is not on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Whereabouts {
    /// It waits in a queue.
    Queued {
        /// The scheduler's name for its task.
        task: String,
        /// What it waits for, in the scheduler's words.
        why: String,
        /// When it will begin, as far as the scheduler says.
        starts: Option<String>,
    },
    /// Somebody is at it.
    Running {
        /// Who, and where.
        by: String,
        /// When its time is over, if it is limited.
        ends: Option<String>,
    },
    /// It was sent off, and came to nothing.
    Failed(Failure),
}

/// How a task came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What happened, as far as it is known.
    pub why: String,
    /// What it wrote; nothing if it was never begun.
    pub log: Option<PathBuf>,
    /// The end of that.
    pub last_lines: String,
}

/// What is known of all jobs that are not on record.
#[derive(Debug, Default, Serialize)]
pub struct Sight {
    /// By identity; a job that nobody has taken up is not here.
    pub jobs: BTreeMap<String, Whereabouts>,
    /// What went wrong with no single job, a sentence each.
    pub troubles: Vec<String>,
    /// Whether the queue could be asked, if jobs were sent off.
    pub can_tell: bool,
}

impl Sight {
    /// Looks at claims and, where jobs were sent off, at the queue. `undone` are the jobs that are not on record.
    ///
    /// # Errors
    /// What was noted of jobs that were sent off cannot be read. A queue that cannot be asked is a trouble.
    pub fn take(jobs: &Jobs, undone: &[&str], runs: &Runs) -> Result<Self, Error> {
        let mut sight = slurm::sight(undone, runs)?;
        for job in undone.iter().filter_map(|id| jobs.find(id)) {
            if let Some(Whereabouts::Running { .. }) = sight.jobs.get(&job.id) {
                continue;
            }
            if let Some(owner) = owner_of(&runs.folder(job)).filter(|owner| !owner.has_ended()) {
                let by = format!("{owner}, {}", owner.device);
                sight.jobs.insert(job.id.clone(), Whereabouts::Running { by, ends: None });
            }
        }
        Ok(sight)
    }
}
