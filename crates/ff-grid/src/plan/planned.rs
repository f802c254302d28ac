//! The interfaces of a kind of experiment ([`Experiment`], [`Table`]), and its plan.

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
use crate::store::{RunStore, Settings, table_folder};

/// An experiment, as its configuration file states it.
pub trait Experiment: Any + Debug + Send + Sync {
    /// Returns the settings that every experiment has.
    fn common(&self) -> Common<'_>;

    /// Returns how to run it.
    fn run(&self) -> &RunConfig {
        self.common().run
    }

    /// Returns how to run it, for changes.
    fn run_mut(&mut self) -> &mut RunConfig;

    /// Returns its datasets by name, including those for pretraining or tests only.
    fn sources(&self) -> Vec<(String, DataSource)>;

    /// Writes the configuration with all defaults as TOML.
    ///
    /// # Errors
    /// [`Error::Config`]: a value that TOML cannot represent.
    fn to_toml(&self) -> Result<String, Error>;

    /// Adds its jobs to the graph, each after its inputs.
    fn lay_out(self: Box<Self>, graph: &mut Graph<'_>) -> Box<dyn Table>;
}

/// The table of a planned experiment, which reads its cells from records.
pub trait Table: Any + Send + Sync {
    /// Returns the experiment that it was planned from.
    fn experiment(&self) -> &dyn Experiment;

    /// Returns why each column is left out; `None` for columns that can run.
    fn blocked(&self) -> Vec<Option<&str>>;

    /// Returns descriptions of missing data and weights, in the order of the columns.
    fn missing(&self) -> Vec<String> {
        self.blocked().into_iter().flatten().map(str::to_owned).collect()
    }

    /// Replaces jobs by those that were found by their records alone ([`Plan::recover`]).
    fn recover(&mut self, found: &mut Recovered<'_>);

    /// Writes the table from the records that exist. The cells note what is missing or failed.
    ///
    /// # Errors
    /// A record that cannot be read, or that is not of the expected kind.
    fn texts(&self, records: Records<'_>) -> Result<Texts, Error>;

    /// Writes further files of the table into its folder, and returns their paths.
    ///
    /// # Errors
    /// Those of [`Table::texts`], and files that cannot be written.
    fn write_details(&self, _records: Records<'_>) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }

    /// Collects the table and the details of each column for a report. `catalog` has the data, for
    /// the names and pictures of images.
    ///
    /// # Errors
    /// Those of [`Table::texts`].
    fn report(&self, records: Records<'_>, catalog: &Catalog) -> Result<TableReport, Error>;
}

/// A table, and the details of each of its columns.
pub type TableReport = (ExperimentTable, Vec<ColumnReport>);

/// A table in each of its formats.
pub struct Texts {
    /// Markdown.
    pub markdown: String,
    /// CSV.
    pub csv: String,
    /// LaTeX.
    pub latex: String,
    /// JSON.
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

/// A planned table: its graph of jobs, and its columns.
///
/// ```
/// use std::path::Path;
///
/// use ff_grid::{Catalog, OnBadImage, Plan, parse_experiment};
///
/// let text = r#"
/// backbone = [{ architecture = "resnet_pico", weights = "random" }]
/// dataset = [{ source = { kind = "phantom" } }]
/// "#;
/// let catalog = Catalog::new(Path::new("data"), None, 0, OnBadImage::Error, 0);
/// let experiment = parse_experiment(text, &[])?;
/// let plan = Plan::new(experiment, &catalog, &|id| Err(format!("{id}: not downloaded")));
/// assert!(plan.missing().is_empty());
/// assert_eq!(plan.jobs.iter().filter(|job| job.spec.kind() == "finetune").count(), 48);
/// # Ok::<(), ff_grid::Error>(())
/// ```
pub struct Plan {
    /// The jobs, each once and after its inputs.
    pub jobs: Jobs,
    /// The table of their results.
    pub table: Box<dyn Table>,
    /// Descriptions of missing data and weights from before [`Plan::recover`].
    missed: Vec<String>,
}

/// A plan with the runs folder that has its records.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The runs folder.
    pub runs: &'a RunStore,
}

impl Plan {
    /// Plans every job of an experiment. Missing data and weights block only the jobs that need
    /// them.
    pub fn new(experiment: Box<dyn Experiment>, catalog: &Catalog, hub: HubResolver<'_>) -> Self {
        let mut graph = Graph::new(catalog, hub, &experiment.common());
        let table = experiment.lay_out(&mut graph);
        Self { jobs: Jobs::new(graph.finish()), table, missed: Vec::new() }
    }

    /// Finds the records of jobs whose data is missing, for reports.
    ///
    /// A job's identity contains its data's digest, so without the data it is unknown. A record is
    /// taken for a job's if it is the only one with the job's label, inputs, and specification
    /// except for the data and the digest of a missing file of weights. Do not run such a plan.
    /// [`Plan::missing`] still lists what is missing.
    pub fn recover(&mut self, records: &[Record]) {
        self.missed = self.missing();
        let mut found = Recovered::of(&self.jobs, records);
        self.table.recover(&mut found);
        self.jobs = Jobs::new(found.jobs);
    }

    /// Returns the table if it is of the kind `T`.
    pub fn table_as<T: Table>(&self) -> Option<&T> {
        (&*self.table as &dyn Any).downcast_ref()
    }

    /// Finds a job by its identity.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.find(id)
    }

    /// Returns how to run the plan.
    pub fn run(&self) -> &RunConfig {
        self.table.experiment().run()
    }

    /// Returns the table's name.
    pub fn name(&self) -> &str {
        self.table.experiment().common().name
    }

    /// Returns the table's settings: its resolved configuration, without how to run it.
    pub fn settings(&self) -> Settings {
        let resolved = self.table.experiment().to_toml();
        // What TOML cannot represent is an error when the results are written.
        resolved.ok().and_then(|text| Settings::parse(&text)).unwrap_or_default()
    }

    /// Returns the path of the table's folder: `tables/NAME`, or `tables/NAME-DIGEST` if that has the
    /// results of other settings ([`Settings::digest`]).
    pub fn folder(&self, runs: &RunStore) -> PathBuf {
        table_folder(runs, self.name(), &self.settings())
    }

    /// Returns the settings that all models of the table share.
    pub fn model(&self) -> &ModelConfig {
        self.table.experiment().common().model
    }

    /// Returns true if some column has both its data and its weights.
    pub fn can_run(&self) -> bool {
        self.table.blocked().iter().any(Option::is_none)
    }

    /// Returns the notes on the data for a reader of the results, each once.
    pub fn remarks(&self) -> Vec<String> {
        self.jobs.iter().flat_map(|job| &job.remarks).unique().cloned().collect()
    }

    /// Returns descriptions of missing data and weights, each once.
    pub fn missing(&self) -> Vec<String> {
        self.missed.iter().cloned().chain(self.table.missing()).unique().collect()
    }
}
