//! The kinds of experiments, a folder each: configuration, plan, table and report.

mod inmerge;
mod single;
mod soups;

use std::path::Path;

use serde::Deserialize;

pub use inmerge::{
    InmergeColumn, InmergeConfig, InmergeMethod, InmergeOverride, InmergeTable, SeedJobs, StageConfig, Sweep,
};
pub use single::{DatasetRecipe, ModelRecipe, RunKind, RunRecipe, SingleRun, SingleTable};
pub use soups::{
    ConnectivityConfig, Curves, FggConfig, FinetuneConfig, GreedyBarriersConfig, GridConfig, LandscapeConfig,
    LandscapeJobs, MethodConfig, MethodJobs, OodScore, PathJob, PlaneConfig, ProbeConfig, SoupsColumn,
    SoupsConfig, SoupsTable,
};

use crate::config::parse_with_overrides;
use crate::error::Error;
use crate::plan::Experiment;

/// Reads a configuration of a kind from text, with overrides.
type Parse = fn(&str, &[String]) -> Result<Box<dyn Experiment>, Error>;

/// Every kind, as `kind` in a file says it. A file without one is of the first.
const KINDS: [(&str, Parse); 6] = [
    ("soups", soups::parse),
    ("inmerge", inmerge::parse),
    ("pretrain", single::parse),
    ("probe", single::parse),
    ("finetune", single::parse),
    ("fgg", single::parse),
];

/// Just enough of a file to tell its kind.
#[derive(Deserialize)]
struct Peek {
    kind: Option<String>,
}

/// Reads a configuration file and applies overrides, each `key=value` with a dotted key
/// (`fgg.epochs=5`, `backbone.weights=FILE`). A key that passes through a list of tables goes to
/// each of them, or to one by its number from 0 (`dataset.0.name=x`).
///
/// # Errors
/// Whatever is wrong with the file or an override, by key; an override that names a key which does
/// not exist is an error, as it is in the file.
pub fn read_experiment(path: &Path, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::File {
        path: path.to_owned(),
        reason: format!("cannot read this configuration: {error}"),
    })?;
    parse_experiment(&text, set)
        .map_err(|error| Error::File { path: path.to_owned(), reason: error.to_string() })
}

/// As [`read_experiment`], from text.
///
/// # Errors
/// As there.
pub fn parse_experiment(text: &str, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    let Peek { kind } = parse_with_overrides(text, set).map_err(Error::Config)?;
    let kind = kind.as_deref().unwrap_or(KINDS[0].0);
    match KINDS.iter().find(|(name, _)| *name == kind) {
        Some((_, parse)) => parse(text, set),
        None => {
            let known = KINDS.map(|(name, _)| format!("`{name}`")).join(", ");
            Err(Error::Config(format!("kind: expected {known}, found `{kind}`")))
        }
    }
}
