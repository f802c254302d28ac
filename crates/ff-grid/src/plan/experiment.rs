//! What a kind of experiment is to the rest: a configuration that lays out jobs, and a table that reads their records.

use std::any::Any;
use std::fmt::Debug;
use std::path::PathBuf;

use ff_report::report::{ColumnReport, ExperimentTable};

use super::graph::Graph;
use super::planned::Plan;
use super::recover::Recovered;
use crate::catalog::Catalog;
use crate::config::{EvaluationConfig, ModelConfig, PretrainConfig, RunConfig};
use crate::error::Error;
use crate::job::DataSource;
use crate::store::RunStore;

/// An experiment as its configuration file states it.
pub trait Experiment: Any + Debug + Send + Sync {
    /// The name of its table and its folder.
    fn name(&self) -> &str;

    /// What all its models have in common.
    fn model(&self) -> &ModelConfig;

    /// Pretraining on a source domain, if some backbone starts there.
    fn pretrain(&self) -> Option<&PretrainConfig>;

    /// How test scores are reported.
    fn evaluation(&self) -> &EvaluationConfig;

    /// How to run it.
    fn run(&self) -> &RunConfig;

    /// The same, to be changed.
    fn run_mut(&mut self) -> &mut RunConfig;

    /// Its datasets by name, those that are only pretrained or tested on included.
    fn sources(&self) -> Vec<(String, DataSource)>;

    /// The configuration with all defaults, as TOML.
    ///
    /// # Errors
    /// [`Error::Config`]: a value that TOML cannot write.
    fn to_toml(&self) -> Result<String, Error>;

    /// Adds its jobs to the graph, each after its inputs.
    fn lay_out(self: Box<Self>, graph: &mut Graph<'_>) -> Box<dyn Table>;
}

/// The columns and rows of a planned experiment, and what becomes of their records.
pub trait Table: Any + Send + Sync {
    /// What it was planned from.
    fn experiment(&self) -> &dyn Experiment;

    /// Why each column is left out, if it is.
    fn blocked(&self) -> Vec<Option<&str>>;

    /// What is not there, in the order of the columns.
    fn missing(&self) -> Vec<String> {
        self.blocked().into_iter().flatten().map(str::to_owned).collect()
    }

    /// Takes up jobs that were found by their records alone ([`Plan::recover`]).
    fn recover(&mut self, found: &mut Recovered<'_>);

    /// The table as far as the records go; what is missing or failed is said in its cell.
    ///
    /// # Errors
    /// A record that cannot be read, or that is not what the table needs.
    fn texts(&self, plan: &Plan, runs: &RunStore) -> Result<Texts, Error>;

    /// Writes what goes with the table into its folder; the files.
    ///
    /// # Errors
    /// As [`Table::texts`]; a file that cannot be written.
    fn write_details(&self, plan: &Plan, runs: &RunStore) -> Result<Vec<PathBuf>, Error>;

    /// The table and each column in detail, for a report. `catalog` has the data, for the names and pictures of images.
    ///
    /// # Errors
    /// As [`Table::texts`].
    fn report(
        &self,
        plan: &Plan,
        catalog: &Catalog,
        runs: &RunStore,
    ) -> Result<(ExperimentTable, Vec<ColumnReport>), Error>;
}

/// A table in the formats that it is written in.
pub struct Texts {
    /// For people.
    pub markdown: String,
    /// For spreadsheets.
    pub csv: String,
    /// For papers.
    pub latex: String,
    /// For programs.
    pub json: String,
}
