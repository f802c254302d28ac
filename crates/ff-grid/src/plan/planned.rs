//! From an experiment to a graph of jobs.

use std::any::Any;
use std::path::PathBuf;

use itertools::Itertools;

use super::experiment::{Experiment, Table};
use super::graph::{Graph, HubResolver};
use super::recover::Recovered;
use crate::catalog::Catalog;
use crate::config::{ModelConfig, RunConfig};
use crate::job::{Job, Jobs, Record};
use crate::store::RunStore;

/// A table as a graph: its jobs, and the columns they make.
pub struct Plan {
    /// Every job once.
    pub jobs: Jobs,
    /// What they make.
    pub table: Box<dyn Table>,
    /// What was not there before [`Plan::recover`] did without it.
    missed: Vec<String>,
}

impl Plan {
    /// Lays out every job. Data and weights that are not there block what needs them, and nothing else.
    pub fn new(experiment: Box<dyn Experiment>, catalog: &Catalog, hub: HubResolver<'_>) -> Self {
        let mut graph = Graph::new(&*experiment, catalog, hub);
        let table = experiment.lay_out(&mut graph);
        Self { jobs: Jobs::new(graph.finish()), table, missed: Vec::new() }
    }

    /// A job's identity holds its data's digest, so that without the data nobody knows which record is whose. This looks for
    /// the one record that has the job's label, inputs, and specification but for the data (and the digest of a file of weights
    /// that is not there either), and takes it for the job's; if there are several, none. Nothing is to be run with such a plan.
    /// What is not there stays among [`Plan::missing`].
    pub fn recover(&mut self, records: &[Record]) {
        self.missed = self.missing();
        let mut found = Recovered::of(&mut self.jobs, records);
        self.table.recover(&mut found);
        self.jobs = Jobs::new(self.jobs.iter().cloned().chain(found.into_jobs()).collect());
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
        self.table.experiment().name()
    }

    /// The table's folder below the runs folder.
    pub fn folder(&self, runs: &RunStore) -> PathBuf {
        runs.root().join("tables").join(self.name())
    }

    /// What all models of the table have in common.
    pub fn model(&self) -> &ModelConfig {
        self.table.experiment().model()
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
