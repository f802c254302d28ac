//! The kinds of experiments, a folder each: configuration, plan, table and report.

mod inmerge;
mod single;
mod soups;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use inmerge::{
    InmergeColumn, InmergeConfig, InmergeMethod, InmergeOverride, InmergeTable, SeedJobs, StageConfig, Sweep,
};
pub use single::{DatasetRecipe, ModelRecipe, RunKind, RunRecipe, SingleRun, SingleTable};
pub use soups::{
    ConnectivityConfig, Curves, FggConfig, FinetuneConfig, GreedyBarriersConfig, GridConfig, LandscapeConfig,
    LandscapeJobs, MethodConfig, MethodJobs, MethodSet, OodScore, PathJob, PlaneConfig, ProbeConfig,
    SoupsColumn, SoupsConfig, SoupsTable,
};

use crate::config::{override_values, read_toml, with_nearest};
use crate::error::Error;
use crate::plan::Experiment;

/// Reads a configuration of a kind from text, with overrides and a name where it has none.
type Parse = fn(&str, &[String], &str) -> Result<Box<dyn Experiment>, Error>;

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
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Peek {
    kind: Option<String>,
}

/// Reads a configuration file and applies overrides.
///
/// Every key has a default; `name` is the file's, without its extension, where the file gives none.
/// An override is `key=value` with a dotted key (`fgg.epochs=5`, `backbone.weights=FILE`). A key
/// that passes through a list of tables applies to each of them, or to one by its number from 0
/// (`dataset.0.name=x`).
///
/// # Errors
/// [`Error::File`] names the file and the key that is wrong, in the file or in an override.
pub fn read_experiment(path: &Path, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    let wrong = |reason: String| Error::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot read this configuration: {error}")))?;
    parse(&text, set, &stem(path)).map_err(|error| wrong(error.to_string()))
}

/// As [`read_experiment`], from text; the default of `name` is `table`.
///
/// # Errors
/// [`Error::Config`] names the key that is wrong.
pub fn parse_experiment(text: &str, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    parse(text, set, "table")
}

fn parse(text: &str, set: &[String], name: &str) -> Result<Box<dyn Experiment>, Error> {
    let peek = read_toml(text, &Peek::default()).and_then(|peek| override_values(peek, set));
    let Peek { kind } = peek.map_err(Error::Config)?;
    let kind = kind.as_deref().unwrap_or(KINDS[0].0);
    match KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, parse)) => parse(text, set, name),
        None => {
            let known = KINDS.map(|(name, _)| name).join(", ");
            Err(Error::Config(with_nearest(&format!("unknown kind `{kind}`, expected one of {known}"))))
        }
    }
}

/// A file's name without its extension.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
