//! A single training run as an experiment: a plan of one job, and a table of one row.
//!
//! `ff-train` and `ff-grid` run jobs by the same code
//! ([`JobContext::run`](crate::run::JobContext::run)), and `ff-soup select` and soup jobs select by
//! the same code ([`Choice::make`](crate::run::Choice::make)). A single run has the record of a
//! table's job, in a folder of its name instead of `jobs/KIND-ID`
//! ([`Job::place`](crate::job::Job::place)), so report, doctor and verify read it too.

mod config;

use std::collections::BTreeMap;

use ff_eval::Chance;
use ff_report::report::ExperimentTable;
use ff_report::{Cell, Column, Row};

use crate::catalog::Catalog;
use crate::config::{BackboneConfig, Common, EvaluationConfig, ModelConfig, RunConfig};
use crate::error::Error;
use crate::job::{DataSource, JobId, JobSpec, RunFields};
use crate::plan::{
    ColumnHead, Experiment, Graph, Records, Recovered, StartWeights, Table, TableReport, Texts,
};
use crate::results::{add_images, empty_column};

pub use config::{DatasetRecipe, ModelRecipe, RunKind, RunRecipe};

/// Reads a recipe from text, with overrides. `name` is the default name of the run.
pub(super) fn parse(text: &str, set: &[String], name: &str) -> Result<Box<dyn Experiment>, Error> {
    let recipe = RunRecipe::parse(text, set, None, name)?;
    let kind =
        recipe.kind.ok_or_else(|| Error::Config("kind: expected the kind of the run, found none".into()))?;
    Ok(Box::new(SingleRun::new(recipe, kind)?))
}

/// A training run to plan.
#[derive(Clone, Debug)]
pub struct SingleRun {
    recipe: RunRecipe,
    kind: RunKind,
    model: ModelConfig,
    evaluation: EvaluationConfig,
    run: RunConfig,
}

/// A planned training run.
pub struct SingleTable {
    /// The experiment that it was planned from.
    pub experiment: SingleRun,
    /// The identity of the run's job.
    pub job: JobId,
    head: ColumnHead,
}

impl SingleRun {
    /// Makes a run of a kind from a recipe.
    ///
    /// # Errors
    /// [`Error::Config`]: the recipe does not fit the kind.
    pub fn new(recipe: RunRecipe, kind: RunKind) -> Result<Self, Error> {
        recipe.check(kind)?;
        let ModelRecipe { image_size, precision, normalisation, .. } = recipe.model;
        let batch_size = recipe.train.batch_size;
        let model = ModelConfig { image_size, precision, normalisation, batch_size, weight_decay: 0.0 };
        let (evaluation, run) = (EvaluationConfig { resamples: 0, seed: 0 }, RunConfig::default());
        Ok(Self { recipe: RunRecipe { kind: Some(kind), ..recipe }, kind, model, evaluation, run })
    }

    /// Returns the fields that a hierarchy can group the run's models by ([`RunFields`]). Snapshots
    /// of a cyclic run are grouped by the learning rate of its base.
    fn fields(&self, start: &StartWeights) -> BTreeMap<String, String> {
        let train = &self.recipe.train;
        let run = RunFields {
            sample: train.sample,
            image_size: train.image_size,
            ..RunFields::new(train.schedule.highest(), train.augment, train.seed)
        };
        let mut fields = run.to_map();
        if self.kind == RunKind::Fgg
            && let Some(made) = &start.made
            && let Some(rate) = made.recipe.get("fields").and_then(|fields| fields["learning_rate"].as_str())
        {
            fields.insert("learning_rate".to_owned(), rate.to_owned());
        }
        fields
    }
}

impl Experiment for SingleRun {
    fn common(&self) -> Common<'_> {
        Common {
            name: &self.recipe.name,
            model: &self.model,
            pretrain: None,
            evaluation: &self.evaluation,
            run: &self.run,
        }
    }

    fn run_mut(&mut self) -> &mut RunConfig {
        &mut self.run
    }

    fn sources(&self) -> Vec<(String, DataSource)> {
        vec![(self.recipe.name.clone(), self.recipe.data())]
    }

    fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(&self.recipe).map_err(|error| Error::Config(error.to_string()))
    }

    fn lay_out(self: Box<Self>, graph: &mut Graph<'_>) -> Box<dyn Table> {
        let recipe = &self.recipe;
        // Messages name the file of weights, which the user gave.
        let backbone = BackboneConfig { name: recipe.model.weights.to_string(), ..recipe.backbone() };
        let mut origin = graph.origin(&backbone, recipe.model.seed);
        if let Some(path) = &recipe.model.optimizer_state {
            origin = origin.with_optimizer(path);
        }
        let mut opening = graph.open(&backbone, &recipe.entry(), &origin);
        if let (None, Ok(opened)) = (&opening.shared.blocked, &opening.opened) {
            let checked = recipe.train.check(opened.dataset.task(), &opening.shared.spec);
            opening.shared.blocked = checked.err().map(|error| error.to_string());
        }
        let shared = &opening.shared;
        let training = shared.training(origin.start.clone(), recipe.train.clone(), recipe.inmerge);
        let spec = match self.kind {
            RunKind::Pretrain => JobSpec::Pretrain(training),
            RunKind::Probe => JobSpec::Probe(training),
            RunKind::Finetune => JobSpec::Finetune(training),
            RunKind::Fgg => JobSpec::Fgg(training),
        };
        let mut cost = shared.cost(recipe.train.epochs, 0);
        if recipe.train.ema.is_some() {
            cost += shared.ema_cost();
        }
        let job = graph.add_alone(shared, &recipe.name, spec, cost, &origin, self.fields(&origin));
        let head = opening.head(recipe.backbone(), recipe.entry());
        Box::new(SingleTable { experiment: *self, job, head })
    }
}

impl SingleTable {
    fn table(&self, records: Records<'_>) -> Result<ff_report::Table, Error> {
        let ColumnHead { backbone, dataset, blocked, .. } = &self.head;
        let column = Column::new(&backbone.name, &dataset.name, dataset.metric);
        let mut cell = Cell::default();
        match (records.of(&self.job)?, blocked) {
            (Some(record), _) => {
                let outcome = record.training()?;
                cell.validation = outcome.kept.as_ref().and_then(|kept| kept.validation.value());
                cell.chance = outcome.kept.as_ref().map_or_else(Chance::default, |kept| kept.chance);
                cell.note = outcome.diverged.as_ref().map(|at| format!("diverged in epoch {}", at.epoch));
            }
            (None, Some(why)) => cell.note = Some(why.lines().next().unwrap_or_default().to_owned()),
            (None, None) => cell.note = Some("not run".to_owned()),
        }
        let cost = records.cost(std::iter::once(self.job.as_str()))?;
        let row = Row { method: self.experiment.kind.name().to_owned(), cells: vec![cell], cost };
        ff_report::Table::new(&dataset.name, vec![column], vec![row])
            .map_err(|error| Error::Job(error.to_string()))
    }
}

impl Table for SingleTable {
    fn experiment(&self) -> &dyn Experiment {
        &self.experiment
    }

    fn blocked(&self) -> Vec<Option<&str>> {
        vec![self.head.blocked.as_deref()]
    }

    fn recover(&mut self, found: &mut Recovered<'_>) {
        self.job = found.name(&self.job);
        if found.record(&self.job).is_some() {
            self.head.blocked = None;
        }
    }

    fn texts(&self, records: Records<'_>) -> Result<Texts, Error> {
        Ok(Texts::from(&self.table(records)?))
    }

    fn report(&self, records: Records<'_>, catalog: &Catalog) -> Result<TableReport, Error> {
        let mut column = empty_column(&self.head);
        column.runs = records.training_runs(std::iter::once(&self.job))?;
        column.best = records.of(&self.job)?.map(|_| self.experiment.kind.name().to_owned());
        let skipped = records.skipped_in_training(std::slice::from_ref(&self.job))?;
        add_images(&mut column, &self.head.dataset, catalog, [skipped, 0, 0]);
        Ok((ExperimentTable::Soups(self.table(records)?), vec![column]))
    }
}
