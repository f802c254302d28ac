//! Where results come from.

use std::collections::BTreeSet;
use std::time::SystemTime;

use ff_report::report::Origin;

use super::super::record;
use super::Source;
use crate::job::{SoupRecipe, Start};
use crate::plan::PlannedTable;
use crate::record::{Finished, Runs};
use crate::{DataIdentity, Error, Recipe};

pub(super) fn of(source: &Source<'_>, runs: &Runs) -> Result<Origin, Error> {
    let plan = source.plan;
    let (mut versions, mut devices, mut data, mut weights) = (set(), set(), set(), set());
    let mut written: Vec<SystemTime> = Vec::new();
    let mut jobs = Vec::new();
    for job in &plan.jobs {
        let Some(record) = record(plan, runs, &job.id)? else { continue };
        versions.insert(record.code_version.clone());
        devices.insert(record.device.clone());
        if let Some(DataIdentity { digest, division }) = identity(&record.recipe) {
            let source =
                serde_json::to_value(&job.data.source).map_err(|error| Error::Job(error.to_string()))?;
            let kind = source.get("kind").and_then(|kind| kind.as_str()).unwrap_or("data").to_owned();
            data.insert(format!("{kind}: {digest}, division {division}"));
        }
        if let Some(Start::File { digest, .. }) = record.recipe.training().map(|training| &training.start) {
            weights.insert(digest.clone());
        }
        let file = std::fs::metadata(runs.folder(job).join("record.json"));
        written.extend(file.and_then(|file| file.modified()));
        let digest = match &record.finished {
            Finished::Soup(soup) => soup.digest.to_string(),
            _ => String::new(),
        };
        let seconds = format!("{:.1}", record.seconds);
        jobs.push([record.recipe.kind().to_owned(), record.label, record.id, digest, seconds]);
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
    ];
    let facts = facts.into_iter().filter(|(_, values)| !values.is_empty());
    let config = match &plan.table {
        PlannedTable::Soups(config, _) => toml::to_string_pretty(config),
        PlannedTable::Merging(config, _) => toml::to_string_pretty(config),
    };
    Ok(Origin {
        commands: source.commands.clone(),
        facts: facts.map(|(name, values)| (name.to_owned(), values)).collect(),
        config: config.map_err(|error| Error::Config(error.to_string()))?,
        jobs,
    })
}

fn set() -> BTreeSet<String> {
    BTreeSet::new()
}

/// The data that a job reads.
fn identity(recipe: &Recipe) -> Option<&DataIdentity> {
    match recipe {
        Recipe::Soup(SoupRecipe { data, .. }) | Recipe::Predict { data, .. } => Some(data),
        other => other.training().map(|training| &training.data),
    }
}
