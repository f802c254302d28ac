//! What is kept of the tables in the repository: the scores of all rows on resamples of the test
//! images, and what the tables say of the rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::configs::Study;
use crate::files;
use crate::workspace::Workspace;

/// Resamples of the test images of each set that are kept.
const RESAMPLES: &str = "100";

/// The record of one set and seed.
pub struct Record {
    pub set: String,
    /// The scores of its rows on resamples, as `ff-eval gains` keeps them.
    pub scores: PathBuf,
    /// The table with the keys of [`KEPT`] only.
    pub table: Value,
}

/// What of a table is kept, on any level.
const KEPT: [&str; 17] = [
    "backbone",
    "cells",
    "columns",
    "cost",
    "cross_fitted",
    "foreseen",
    "method",
    "models",
    "recommended",
    "rows",
    "soup",
    "test",
    "training_epochs",
    "validation",
    "validation_images",
    "value",
    "verdict",
];

/// Writes the records of the finished tables of a study that are newer than their records.
pub fn take(workspace: &Workspace, study: &Study, runs: &Path, measurements: &Path) -> Result<()> {
    let tables = runs.join("tables");
    let to = measurements.join(&study.name);
    for folder in if tables.is_dir() { files::folders(&tables)? } else { Vec::new() } {
        let name = folder.strip_prefix(&format!("{}-", study.name));
        let Some(name) = name.filter(|name| set_of(name).is_some_and(|set| study.has(set))) else { continue };
        let list = tables.join(&folder).join("predictions.csv");
        let (scores, kept) = (to.join(format!("{name}.csv.gz")), to.join(format!("{name}.json")));
        let time = |path: &Path| path.metadata().and_then(|of| of.modified()).ok();
        // Without a list the table is not finished.
        if time(&list).is_none() || time(&kept) >= time(&list) {
            continue;
        }
        fs::create_dir_all(&to)?;
        let mut eval = workspace.program("ff-eval");
        // The scores are kept; what they gain is computed with all others.
        eval.arg("gains").arg(&list).args(["--baseline", study.baseline, "--resamples", "0"]);
        eval.args(["--image-resamples", RESAMPLES]);
        eval.args(QUANTITIES).arg("--keep").arg(&scores).stdout(Stdio::null());
        let status = eval.status().context("cargo could not be started")?;
        ensure!(status.success(), "{}: ff-eval gains failed", list.display());
        let mut table = read_json(&tables.join(&folder).join("table.json"))?;
        reduce(&mut table);
        // One row a line, so that a change of one row is one line of a diff.
        let text = table.to_string().replace("{\"cells\"", "\n{\"cells\"");
        files::write(&kept, &(text + "\n"))?;
        eprintln!("wrote {} and {}", scores.display(), kept.display());
    }
    Ok(())
}

/// The quantities beside each set's own metric that rows are compared in.
pub const QUANTITIES: [&str; 6] = ["--metric", "auroc", "--metric", "log-loss", "--metric", "calibration"];

/// Reads the records of a study, sorted by set and seed.
pub fn read(study: &Study, measurements: &Path) -> Result<Vec<Record>> {
    let from = measurements.join(&study.name);
    let mut found = Vec::new();
    for name in if from.is_dir() { files::files(&from)? } else { Vec::new() } {
        if let Some(name) = name.strip_suffix(".json") {
            let set = set_of(name).with_context(|| format!("{name}: expected SET-SEED"))?.to_owned();
            let table = read_json(&from.join(format!("{name}.json")))?;
            found.push(Record { set, scores: from.join(format!("{name}.csv.gz")), table });
        }
    }
    Ok(found)
}

/// The set of the name of a record, `SET-SEED`.
fn set_of(name: &str) -> Option<&str> {
    let (set, seed) = name.rsplit_once('-')?;
    seed.parse::<u64>().is_ok().then_some(set)
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.parse().with_context(|| path.display().to_string())
}

/// Leaves what is kept.
fn reduce(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| KEPT.contains(&key.as_str()));
            map.values_mut().for_each(reduce);
        }
        Value::Array(values) => values.iter_mut().for_each(reduce),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_have_what_the_page_needs() {
        let mut table = json!({
            "id": "x",
            "columns": [{ "backbone": "ResNet", "dataset": "busi" }],
            "rows": [{ "method": "Greedy", "cost": { "training_epochs": 3, "parts": [1] },
                "cells": [{ "test": { "value": 0.5, "interval": { "low": 0.4 } }, "models": 2 }] }],
        });
        reduce(&mut table);
        let expected = json!({
            "columns": [{ "backbone": "ResNet" }],
            "rows": [{ "method": "Greedy", "cost": { "training_epochs": 3 },
                "cells": [{ "test": { "value": 0.5 }, "models": 2 }] }],
        });
        assert_eq!(table, expected);
    }

    #[test]
    fn names_are_a_set_and_a_seed() {
        assert_eq!(set_of("brain-mri-as-released-4"), Some("brain-mri-as-released"));
        assert_eq!(set_of("inmerge-busi"), None);
    }
}
