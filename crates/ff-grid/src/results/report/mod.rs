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
use crate::store::RunStore;

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
    Report { title: title.to_owned(), experiments, problems, version: VERSION.to_owned() }
}

fn experiment(source: &Source<'_>, runs: &RunStore) -> Result<ExperimentReport, Error> {
    let plan = source.plan;
    let records = Records { plan, runs };
    let (table, columns) = plan.table.report(records, source.catalog)?;
    let (progress, origin) = (progress(records)?, origin::of(records, &source.commands)?);
    Ok(ExperimentReport { table, progress, missing: plan.missing(), columns, origin })
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
