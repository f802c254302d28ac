//! The provenance of a table's results: versions, devices, data, weights and jobs.

use std::collections::BTreeSet;
use std::time::SystemTime;

use ff_report::report::Origin;

use crate::error::Error;
use crate::job::{DataIdentity, JobOutput, JobSpec, SoupSpec, Start};
use crate::plan::Records;

pub(super) fn of(records: Records<'_>, commands: &[String]) -> Result<Origin, Error> {
    let Records { plan, runs } = records;
    let [mut versions, mut devices, mut data, mut weights, mut imported]: [BTreeSet<String>; 5] =
        Default::default();
    let mut written: Vec<SystemTime> = Vec::new();
    let mut jobs = Vec::new();
    for job in plan.jobs.iter() {
        let Some(record) = records.of(&job.id)? else { continue };
        versions.insert(record.code_version.clone());
        devices.insert(record.device.clone());
        if let Some(DataIdentity { digest, split }) = identity(&record.spec) {
            let source =
                serde_json::to_value(&job.data.source).map_err(|error| Error::Job(error.to_string()))?;
            let kind = source
                .get("name")
                .or(source.get("kind"))
                .and_then(|kind| kind.as_str())
                .unwrap_or("data")
                .to_owned();
            data.insert(format!("{kind}: {digest}, split {split}"));
        }
        if let Some(Start::File { digest, .. }) = record.spec.training().map(|training| &training.start) {
            weights.insert(digest.clone());
        }
        if let JobSpec::Import(import) = &record.spec {
            imported.insert(format!("{}: {}", import.name(), import.weights));
        }
        let file = std::fs::metadata(runs.folder(job).join("record.json"));
        written.extend(file.and_then(|file| file.modified()));
        let digest = match &record.output {
            JobOutput::Soup(soup) if soup.weights.is_some() => soup.digest.to_string(),
            _ => String::new(),
        };
        let seconds = format!("{:.1}", record.seconds);
        jobs.push([record.spec.kind().to_owned(), record.label, record.id.to_string(), digest, seconds]);
    }
    let ends = written.iter().min().zip(written.iter().max());
    let date = |time: &SystemTime| humantime::format_rfc3339_seconds(*time).to_string();
    let dates = ends.map(|(first, last)| format!("{} to {}", date(first), date(last)));
    let facts = [
        ("Software", versions.into_iter().map(|version| format!("ff-grid {version}")).collect()),
        ("Device", devices.into_iter().collect()),
        ("Record files last written", dates.into_iter().collect::<Vec<_>>()),
        ("Data, by digest", data.into_iter().collect()),
        ("Weights that training started from, by digest", weights.into_iter().collect()),
        ("Models from files, by digest", imported.into_iter().collect()),
    ];
    let facts = facts.into_iter().filter(|(_, values)| !values.is_empty());
    Ok(Origin {
        commands: commands.to_vec(),
        facts: facts.map(|(name, values)| (name.to_owned(), values)).collect(),
        config: plan.table.experiment().to_toml()?,
        jobs,
    })
}

/// Returns the identity of the data that a job reads.
fn identity(spec: &JobSpec) -> Option<&DataIdentity> {
    match spec {
        JobSpec::Soup(SoupSpec { data, .. }) | JobSpec::Predict { data, .. } => Some(data),
        JobSpec::Import(import) => Some(&import.data),
        other => other.training().map(|training| &training.data),
    }
}
