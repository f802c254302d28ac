//! The kinds of experiments. Each has a folder with its configuration, plan, table and report.

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
    ConnectivityConfig, Curves, FggConfig, FinetuneConfig, ForecastConfig, GreedyBarriersConfig, GridConfig,
    LandscapeConfig, LandscapeJobs, MethodConfig, MethodJobs, MethodSet, OodScore, PathJob, PlaneConfig,
    PoolConfig, ProbeConfig, SoupConfig, SoupsColumn, SoupsConfig, SoupsTable,
};

use crate::config::{override_values, read_toml, with_nearest};
use crate::error::Error;
use crate::plan::Experiment;

/// A parser of a kind: from text, overrides and the default name to an experiment.
type Parse = fn(&str, &[String], &str) -> Result<Box<dyn Experiment>, Error>;

/// The kinds by the key `kind` of a configuration. A file without this key is of the first kind.
const KINDS: [(&str, Parse); 6] = [
    ("soups", soups::parse),
    ("inmerge", inmerge::parse),
    ("pretrain", single::parse),
    ("probe", single::parse),
    ("finetune", single::parse),
    ("fgg", single::parse),
];

/// The one key of a file that tells its kind.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Peek {
    kind: Option<String>,
}

/// Reads a configuration file and applies overrides.
///
/// Every key has a default. The default of `name` is the file's name without its extension.
/// An override is `key=value` with a dotted key (`fgg.epochs=5`, `backbone.weights=FILE`). A key
/// that passes through a list of tables applies to each of them, or to one by its number from 0
/// (`dataset.0.name=x`).
///
/// # Errors
/// [`Error::File`] with the file and the wrong key, in the file or in an override.
pub fn read_experiment(path: &Path, set: &[String]) -> Result<Box<dyn Experiment>, Error> {
    let wrong = |reason: String| Error::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot read this configuration: {error}")))?;
    parse(&text, set, &stem(path)).map_err(|error| {
        let file: toml::Table = toml::from_str(&text).unwrap_or_default();
        let of_run = file.contains_key("train") || file.get("dataset").is_some_and(toml::Value::is_table);
        let hint = match of_run && !file.contains_key("backbone") && !file.contains_key("kind") {
            true => "\nhint: if this is the recipe of one run, start it with `ff-train finetune --config`",
            false => "",
        };
        wrong(format!("{error}{hint}"))
    })
}

/// Reads a configuration from text, as [`read_experiment`] does. The default of `name` is `table`.
///
/// ```
/// use std::any::Any;
///
/// use ff_grid::{SoupsConfig, parse_experiment};
///
/// let text = r#"dataset = [{ source = { kind = "phantom" } }]"#;
/// let experiment = parse_experiment(text, &["finetune.epochs=5".to_owned()])?;
/// let soups = (&*experiment as &dyn Any).downcast_ref::<SoupsConfig>().expect("the default kind");
/// assert_eq!((soups.finetune.epochs, soups.method.len()), (5, 6)); // rows of Table 1
/// # Ok::<(), ff_grid::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] with the wrong key.
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

/// Returns a file's name without its extension.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
