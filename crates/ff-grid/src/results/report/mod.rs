//! Reports on tables, from records, predictions and images.

mod column;
mod images;
mod origin;
mod per_class;
mod predictions;
mod source;
mod training;

pub use source::Source;

pub(crate) use column::empty_column;
pub(crate) use images::add_images;
pub(crate) use per_class::per_class;

use ff_report::Report;
use ff_report::report::{ExperimentReport, Progress};
use itertools::Itertools;

use crate::error::Error;
use crate::job::VERSION;
use crate::plan::Records;
use crate::store::{RunStore, Settings};

/// Collects the data of a report.
///
/// The report lists what is damaged, missing or not done yet; `runs` should be
/// [`RunStore::lenient`]. `problems` are errors of tables that the caller could not read.
pub fn report(title: &str, sources: &[Source<'_>], runs: &RunStore, mut problems: Vec<String>) -> Report {
    let mut experiments = Vec::new();
    for source in sources {
        match experiment(source, runs) {
            Ok(experiment) => experiments.push(experiment),
            Err(error) => problems.push(error.to_string()),
        }
    }
    problems.extend(runs.passed_over());
    // A table that cannot be read has no place among the values.
    let settings = if experiments.len() == sources.len() { differing(sources) } else { Vec::new() };
    Report { title: title.to_owned(), experiments, problems, settings, version: VERSION.to_owned() }
}

/// Returns the settings that differ between tables, with the value in each as TOML.
fn differing(sources: &[Source<'_>]) -> Vec<(String, Vec<String>)> {
    let all: Vec<Settings> = sources.iter().map(|source| source.plan.settings()).collect();
    let Some((first, others)) = all.split_first() else { return Vec::new() };
    let keys =
        others.iter().flat_map(|other| first.differences(other)).map(|(key, ..)| key).sorted().unique();
    let value = |settings: &Settings, key: &str| settings.get(key).unwrap_or_default().to_owned();
    keys.map(|key| (key.to_owned(), all.iter().map(|of| value(of, key)).collect())).collect()
}

fn experiment(source: &Source<'_>, runs: &RunStore) -> Result<ExperimentReport, Error> {
    let plan = source.plan;
    let records = Records { plan, runs };
    let (table, columns) = plan.table.report(records, source.catalog)?;
    let (progress, origin) = (progress(records)?, origin::of(records, &source.commands)?);
    let folder = plan.folder(runs);
    let name = folder.file_name().map_or(plan.name().into(), |name| name.to_string_lossy());
    let (name, missing) = (name.into_owned(), plan.missing());
    Ok(ExperimentReport { name, table, progress, missing, columns, origin })
}

/// Counts the finished jobs of each kind, in the order of the plan.
fn progress(records: Records<'_>) -> Result<Vec<Progress>, Error> {
    let jobs = &records.plan.jobs;
    let kinds = jobs.iter().map(|job| job.spec.kind()).unique();
    let of_kind = |kind: &str| {
        let jobs = || jobs.iter().filter(|job| job.spec.kind() == kind);
        let done = jobs().map(|job| Ok(records.of(&job.id)?.is_some()));
        let done = done.filter_ok(|done| *done).collect::<Result<Vec<_>, Error>>()?.len();
        Ok(Progress { kind: kind.to_owned(), done, jobs: jobs().count() })
    };
    kinds.map(of_kind).collect()
}
