//! What a run says and notes before its first job.

use std::collections::BTreeMap;

use ff_grid::{Job, Plan, RunStore, Settings, begin_table};
use itertools::Itertools;
use tracing::info;

use super::words::counted;
use crate::output::say;

/// Says what is left to do and where results go, and notes the table's jobs in its folder.
///
/// `found` has the seconds of the jobs on record ([`RunStore::finished`]).
///
/// # Errors
/// A folder that cannot be written.
pub fn begin(
    plan: &Plan,
    runs: &RunStore,
    found: &BTreeMap<&str, f64>,
    workers: usize,
) -> anyhow::Result<()> {
    let open: Vec<&Job> = plan.jobs.iter().filter(|job| job.blocked.is_none()).collect();
    let left = open.iter().filter(|job| !found.contains_key(job.id.as_str()));
    let epochs = counted(left.map(|job| job.cost.epochs).sum(), "epoch");
    let (name, jobs) = (plan.name(), counted(open.len() as u64, "job"));
    info!("{name}: {jobs}, {} done; {epochs} of training left; {workers} at a time", found.len());
    let (folder, named) = (plan.folder(runs), runs.root().join("tables").join(name));
    if folder != named {
        let other = Settings::read(&named).unwrap_or_default();
        let why = differences(&plan.settings(), &other);
        say(&format!("results go to {}: {} has other settings ({why})", folder.display(), named.display()));
    }
    // Finished tables can be printed where nothing can be written.
    if found.len() < open.len() { Ok(begin_table(plan, runs)?) } else { Ok(()) }
}

/// Formats the first few keys whose values differ, with the value here and there.
pub fn differences(here: &Settings, there: &Settings) -> String {
    const NAMED: usize = 3;
    let all = here.differences(there);
    let value = |value: Option<&str>| value.unwrap_or("none").to_owned();
    let mut named = all
        .iter()
        .take(NAMED)
        .map(|(key, here, there)| format!("{key}: {} here, {} there", value(*here), value(*there)));
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    named.join("; ") + &more
}
