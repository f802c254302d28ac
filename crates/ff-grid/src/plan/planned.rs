//! From an experiment to a graph of jobs: what a kind of experiment is to the rest, and its plan.

use std::any::Any;
use std::fmt::Debug;
use std::path::PathBuf;

use ff_report::report::{ColumnReport, ExperimentTable};
use itertools::Itertools;

use super::graph::{Graph, HubResolver};
use super::recover::Recovered;
use crate::catalog::Catalog;
use crate::config::{Common, ModelConfig, RunConfig};
use crate::error::Error;
use crate::job::{DataSource, Job, Jobs, Record};
use crate::store::RunStore;

/// An experiment as its configuration file states it.
pub trait Experiment: Any + Debug + Send + Sync {
    /// What it states as every experiment does.
    fn common(&self) -> Common<'_>;

    /// How to run it.
    fn run(&self) -> &RunConfig {
        self.common().run
    }

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
    fn texts(&self, records: Records<'_>) -> Result<Texts, Error>;

    /// Writes what goes with the table into its folder, if anything does; the files.
    ///
    /// # Errors
    /// As [`Table::texts`]; a file that cannot be written.
    fn write_details(&self, _records: Records<'_>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }

    /// The table and each column in detail, for a report. `catalog` has the data, for the names and
    /// pictures of images.
    ///
    /// # Errors
    /// As [`Table::texts`].
    fn report(&self, records: Records<'_>, catalog: &Catalog) -> Result<TableReport, Error>;
}

/// A table, and each of its columns in detail.
pub type TableReport = (ExperimentTable, Vec<ColumnReport>);

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

impl From<&ff_report::Table> for Texts {
    fn from(table: &ff_report::Table) -> Self {
        Self {
            markdown: table.to_markdown(),
            csv: table.to_csv(),
            latex: table.to_latex(),
            json: table.to_json(),
        }
    }
}

/// A table as a graph: its jobs, and the columns they make.
pub struct Plan {
    /// Every job once.
    pub jobs: Jobs,
    /// What they make.
    pub table: Box<dyn Table>,
    /// What was not there before [`Plan::recover`] did without it.
    missed: Vec<String>,
}

/// A plan, and the runs folder that has its records.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The runs folder.
    pub runs: &'a RunStore,
}

impl Plan {
    /// Lays out every job. Data and weights that are not there block what needs them, and nothing
    /// else.
    pub fn new(experiment: Box<dyn Experiment>, catalog: &Catalog, hub: HubResolver<'_>) -> Self {
        let mut graph = Graph::new(catalog, hub, &experiment.common());
        let table = experiment.lay_out(&mut graph);
        Self { jobs: Jobs::new(graph.finish()), table, missed: Vec::new() }
    }

    /// A job's identity holds its data's digest, so that without the data nobody knows which record
    /// is whose. This looks for the one record that has the job's label, inputs, and specification
    /// but for the data (and the digest of a file of weights that is not there either), and takes
    /// it for the job's; if there are several, none. Nothing is to be run with such a plan. What is
    /// not there stays among [`Plan::missing`].
    pub fn recover(&mut self, records: &[Record]) {
        self.missed = self.missing();
        let mut found = Recovered::of(&self.jobs, records);
        self.table.recover(&mut found);
        self.jobs = Jobs::new(found.jobs);
    }

    /// The table, if it is of that kind.
    pub fn table_as<T: Table>(&self) -> Option<&T> {
        (&*self.table as &dyn Any).downcast_ref()
    }

    /// The job of that identity.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.find(id)
    }

    /// How to run it.
    pub fn run(&self) -> &RunConfig {
        self.table.experiment().run()
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        self.table.experiment().common().name
    }

    /// The table's folder below the runs folder.
    pub fn folder(&self, runs: &RunStore) -> PathBuf {
        runs.root().join("tables").join(self.name())
    }

    /// What all models of the table have in common.
    pub fn model(&self) -> &ModelConfig {
        self.table.experiment().common().model
    }

    /// Whether some column has both its data and its weights.
    pub fn can_run(&self) -> bool {
        self.table.blocked().iter().any(Option::is_none)
    }

    /// What a reader of the results must know of the data, each remark once.
    pub fn remarks(&self) -> Vec<String> {
        self.jobs.iter().flat_map(|job| &job.remarks).unique().cloned().collect()
    }

    /// What is not there, each reason once.
    pub fn missing(&self) -> Vec<String> {
        self.missed.iter().cloned().chain(self.table.missing()).unique().collect()
    }
}
