//! A configuration file of either kind.

use std::path::Path;

use serde::Deserialize;

use super::inmerge::InmergeConfig;
use super::kind::ExperimentKind;
use super::overrides::parse_with_overrides;
use super::run::RunConfig;
use super::soups::Config;
use crate::error::Error;
use crate::job::DataSource;

/// A table of either kind.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a process has one or two of them")]
pub enum Experiment {
    /// FissionFusion's.
    Soups(Config),
    /// InMerge's.
    Merging(InmergeConfig),
}

/// Just enough of a file to tell its kind.
#[derive(Deserialize)]
struct Peek {
    #[serde(default)]
    kind: ExperimentKind,
}

impl Experiment {
    /// Reads a configuration file and applies overrides, each `key=value` with a dotted key
    /// (`fgg.epochs=5`, `backbone.weights=FILE`). A key that passes through a list of tables goes to each of
    /// them, or to one by its number from 0 (`dataset.0.name=x`).
    ///
    /// # Errors
    /// Whatever is wrong with the file or an override, by key; an override that names a key which does not
    /// exist is an error, as it is in the file.
    pub fn read(path: &Path, set: &[String]) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::File {
            path: path.to_owned(),
            reason: format!("cannot read this configuration: {error}"),
        })?;
        Self::parse(&text, set)
            .map_err(|error| Error::File { path: path.to_owned(), reason: error.to_string() })
    }

    /// As [`Experiment::read`], from text.
    pub fn parse(text: &str, set: &[String]) -> Result<Self, Error> {
        let Peek { kind } = parse_with_overrides(text, set).map_err(Error::Config)?;
        match kind {
            ExperimentKind::Soups => {
                let config: Config = parse_with_overrides(text, set).map_err(Error::Config)?;
                config.check()?;
                Ok(Self::Soups(config))
            }
            ExperimentKind::Inmerge => {
                let config: InmergeConfig = parse_with_overrides(text, set).map_err(Error::Config)?;
                config.check()?;
                Ok(Self::Merging(config))
            }
        }
    }

    /// How to run it.
    pub fn run(&self) -> &RunConfig {
        match self {
            Self::Soups(config) => &config.run,
            Self::Merging(config) => &config.run,
        }
    }

    /// The same, to be changed.
    pub fn run_mut(&mut self) -> &mut RunConfig {
        match self {
            Self::Soups(config) => &mut config.run,
            Self::Merging(config) => &mut config.run,
        }
    }

    /// Datasets of the table by name, those that are only pretrained or tested on included.
    pub fn sources(&self) -> Vec<(String, DataSource)> {
        match self {
            Self::Soups(config) => config.sources(),
            Self::Merging(config) => config.sources(),
        }
    }
}
