//! The jobs of a table of soups.

use std::sync::Arc;

use ff_data::Augment;
use ff_eval::{OutputMap, TaskKind};
use ff_inmerge::InMerge;
use ff_soup::Needs;
use ff_train::{Ema, Rates, TrainConfig, Trainable, task_kind};
use itertools::{Itertools, iproduct};

use super::columns::{MethodJobs, OodScore, SoupsColumn, predictors};
use super::config::{ForecastConfig, GridRun, SoupConfig, SoupsConfig};
use super::landscape_plan::{LandscapeBuilder, cost, evaluation};
use super::methods::MethodConfig;
use super::pools::{self, OpenedFiles, Pools};
use crate::catalog::OpenDataset;
use crate::config::{BackboneConfig, DatasetEntry, EvaluationConfig, OodEntry};
use crate::job::{
    BnStatistics, Cost, EvalSplit, ForecastSpec, JobId, JobSpec, Pool, RunFields, Selection, SoupSpec, Start,
};
use crate::plan::{ColumnBase, Graph, StartWeights};

/// Plans every column of a table of soups.
pub(super) fn columns(config: &SoupsConfig, graph: &mut Graph<'_>) -> Vec<SoupsColumn> {
    let mut columns = Vec::new();
    let runs = config.grid_runs();
    for backbone in &config.backbone {
        // Models from files alone start from nothing here.
        let origin = match config.trained_pools().is_empty() {
            true => StartWeights::none(),
            false => graph.origin(backbone, config.probe.seed),
        };
        for dataset in &config.dataset {
            columns.push(column((config, &runs), graph, backbone, dataset, &origin));
        }
    }
    columns
}

fn column(
    (config, runs): (&SoupsConfig, &[GridRun]),
    graph: &mut Graph<'_>,
    backbone: &BackboneConfig,
    dataset: &DatasetEntry,
    origin: &StartWeights,
) -> SoupsColumn {
    let mut opening = graph.open(backbone, dataset, origin);
    if let (Ok(opened), None) = (&opening.opened, &opening.shared.blocked) {
        let task = opened.dataset.task();
        let samples = config.grid.samples.iter().try_for_each(|sample| sample.check(task));
        let samples = samples.map_err(|error| format!("dataset {}: grid.samples: {error}", dataset.name));
        let has_fgg = config.trained_pools().iter().any(|pool| !pool.is_of_grid());
        let rates = if has_fgg { rates(config, opened.splits.train.len()).map(drop) } else { Ok(()) };
        let settings =
            select_by(config, dataset, task_kind(task)).and(positive(config, dataset, task.names()));
        opening.shared.blocked = samples.and(rates).and(settings).err();
    }
    let mut files = Vec::new();
    if let (Ok(opened), None) = (&opening.opened, &opening.shared.blocked) {
        let (classes, allow) = (opened.dataset.task().names(), graph.allow_other_split);
        match pools::open(config, &mut opening.shared, dataset.metric, classes, allow) {
            Ok(found) => files = found,
            Err(why) => opening.shared.blocked = Some(why),
        }
    }
    let (shared, opened) = (&opening.shared, &opening.opened);
    let inmerge = config.inmerge.map(|settings| settings.of(backbone));
    let mut builder = Builder { config, runs, graph, dataset, shared, opened, inmerge };
    let pools = builder.pools(origin, files);
    let methods = config.methods_and_singles();
    let mut methods: Vec<_> = methods.iter().map(|method| builder.method(method, &pools)).collect();
    let verdict = builder.verdict(&methods);
    let graph = builder.graph;
    let builder = LandscapeBuilder { config, runs, graph, shared, dataset, pools: &pools, methods: &methods };
    let landscape = builder.jobs();
    let singles = methods.split_off(config.method.len());
    let head = opening.head(backbone.clone(), dataset.clone());
    SoupsColumn { head, methods, verdict, landscape, singles }
}

/// Checks that the metrics which choose are defined for a task.
fn select_by(config: &SoupsConfig, dataset: &DatasetEntry, kind: TaskKind) -> Result<(), String> {
    let mut metrics = config.method.iter().filter_map(|method| config.select_by(method, dataset.metric));
    match metrics.find(|metric| !metric.applies_to(kind)) {
        None => Ok(()),
        Some(metric) => Err(format!(
            "dataset {}: select_by: metric {metric} does not apply to {kind} targets\nhint: choose `log-loss` \
             or `auroc`",
            dataset.name
        )),
    }
}

/// Checks that the classes that are to have a threshold exist. Where there are several datasets, a class
/// may be of another one.
fn positive(config: &SoupsConfig, dataset: &DatasetEntry, names: &[String]) -> Result<(), String> {
    let mut of = config.decision.of.iter().flatten().filter(|_| config.dataset.len() == 1);
    match of.find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "dataset {}: decision.of: expected one of its classes ({}), found `{name}`",
            dataset.name,
            names.join(", ")
        )),
    }
}

/// Computes the learning rates of a cyclic run over a number of training images.
fn rates(config: &SoupsConfig, train_images: usize) -> Result<Rates, String> {
    let steps = ff_data::batches(train_images, config.model.batch_size).max(1);
    config.fgg.schedule().over(config.fgg.epochs, steps).map_err(|error| format!("fgg.{error}"))
}

/// Plans the jobs of a column.
struct Builder<'a, 'g> {
    config: &'a SoupsConfig,
    /// The grid's runs.
    runs: &'a [GridRun],
    graph: &'a mut Graph<'g>,
    dataset: &'a DatasetEntry,
    shared: &'a ColumnBase,
    opened: &'a Result<Arc<OpenDataset>, String>,
    /// In-model merging in every fine-tuning and cyclic run.
    inmerge: Option<InMerge>,
}

impl Builder<'_, '_> {
    /// Adds the training runs of a column, and the models from files.
    fn pools(&mut self, origin: &StartWeights, files: Vec<OpenedFiles<'_>>) -> Pools {
        let (config, runs, needed) = (self.config, self.runs, self.config.trained_pools());
        let files = files.into_iter().map(|files| files.plan(self.graph, self.shared)).collect();
        if needed.is_empty() {
            return Pools { files, ..Pools::default() };
        }
        let probe = self.probe(origin);
        let grid = match needed.iter().any(|pool| pool.is_of_grid()) {
            true => runs.iter().map(|&(run, _)| self.finetune(&probe, run, true)).collect(),
            false => Vec::new(),
        };
        let [fgg, fgg_all, fgg_also] = [Pool::Fgg, Pool::FggAll, Pool::FggAlso].map(|pool| {
            let augmentations = match needed.contains(&pool) {
                true => config.fgg.augmentations(&pool),
                false => Vec::new(),
            };
            let mut found = Vec::new();
            for (augment, &rate) in iproduct!(augmentations, &config.fgg.learning_rates) {
                let run = RunFields::new(rate, augment, config.fgg.seed);
                let base = self.finetune(&probe, run, runs.iter().any(|(other, _)| *other == run));
                let cyclic = self.fgg(&base, rate, augment);
                found.extend([base, cyclic]);
            }
            found
        });
        Pools { probe: Some(probe), grid, fgg, fgg_all, fgg_also, files }
    }

    fn method(&mut self, method: &MethodConfig, pools: &Pools) -> MethodJobs {
        let (config, shared, dataset) = (self.config, self.shared, self.dataset);
        let pool = pools.of(&method.pool);
        let [train, val, _] = shared.sizes;
        // Scores of single models are known from training; each candidate soup takes an evaluation.
        let in_pool = self.models_of(&method.pool, pools);
        let forecast = self.forecast(method, pools);
        // A single model that is no row is scored on test images alone.
        let folds = if config.method.contains(method) { config.soup.folds } else { 0 };
        let models = method.select.candidates(in_pool) as u64 * method.select.selections(folds as u64);
        let recalibrated = method.bn.unwrap_or(config.soup.bn) == BnStatistics::Recalibrate
            && method.select.is_soup()
            && shared.spec.architecture.batch_norm;
        let label = format!("{}: {}", shared.prefix, method.name);
        let spec = JobSpec::Soup(SoupSpec {
            model: shared.spec,
            data: shared.identity.clone(),
            metric: dataset.metric,
            select: method.select.clone(),
            select_by: config.select_by(method, dataset.metric),
            folds: (folds > 0).then_some(folds),
            recalibrate: recalibrated.then_some(config.model.batch_size),
            bn_images: config.soup.bn_images().filter(|_| recalibrated),
            diverged: method.diverged,
            averages: config.averages(&method.pool),
            filter: method.filter(),
        });
        let recomputed = if recalibrated { config.soup.images_to_recompute(train) } else { 0 };
        let of_statistics = in_pool as u64 * method.select.statistics_images(train);
        let of_fit = method.select.fit_images(val, recomputed) * (1 + folds as u64);
        let evaluated_images = models * (val + recomputed) + of_fit + of_statistics;
        let cost = Cost { evaluations: models, evaluated_images, ..Cost::default() };
        // The runs' start comes after them, and the forecast that filters them last.
        let start = pools.start(&method.pool).filter(|_| method.select.needs() == Needs::Base).cloned();
        let filters = forecast.clone().filter(|_| method.filter().is_some());
        let inputs = pool.iter().cloned().chain(start).chain(filters).collect();
        let soup = self.graph.add(shared, label.clone(), spec, inputs, cost, None);
        let inputs = predictors(&method.select, &soup, &pool);
        let networks = if method.select.is_ensemble() { in_pool as u64 } else { 1 };
        let test = self.graph.test_score(shared, &label, &inputs, networks, dataset);
        let ood = dataset.ood.iter().map(|other| self.ood(&label, &inputs, networks, other)).collect();
        MethodJobs { pool, forecast, soup, test, ood }
    }

    /// Returns the number of models of a pool.
    fn models_of(&self, pool: &Pool, pools: &Pools) -> usize {
        let runs = pools.of(pool).len();
        match pool {
            Pool::Grid | Pool::Ema => runs,
            Pool::GridEma => 2 * runs,
            Pool::Fgg | Pool::FggAll | Pool::FggAlso => {
                let rates = rates(self.config, self.shared.sizes[0] as usize);
                // Half of the runs are bases, each with a cyclic run.
                runs / 2 * (1 + rates.map_or(0, |rates| rates.snapshots().len()))
            }
            Pool::Named(_) => {
                let trained = self.config.parts(pool).0.map_or(0, |trained| self.models_of(trained, pools));
                trained + pools.count_of_files(pool)
            }
        }
    }

    /// Adds the forecast of a row's pool, if the row filters it or the configuration asks for
    /// forecasts. All rows with this pool share it.
    fn forecast(&mut self, method: &MethodConfig, pools: &Pools) -> Option<JobId> {
        let (config, shared) = (self.config, self.shared);
        let same = |row: &&MethodConfig| (&row.pool, row.diverged) == (&method.pool, method.diverged);
        let rows: Vec<&MethodConfig> = config.method.iter().filter(same).collect();
        if !rows.iter().any(|row| config.forecast.is_some() || row.filter().is_some()) {
            return None;
        }
        // Evaluations that nobody asks for are not paid for.
        let section = config.forecast.clone().unwrap_or_else(|| ForecastConfig {
            barrier: rows.iter().any(|row| row.max_barrier.is_some()),
            ..ForecastConfig::default()
        });
        let soup = SoupConfig { bn_images: section.bn_images, ..config.soup.clone() };
        let evaluation = evaluation(shared, self.dataset.metric, &soup, config.model.batch_size);
        let others = self.models_of(&method.pool, pools).saturating_sub(1);
        let start = pools.start(&method.pool).cloned();
        let cost = cost(shared, &evaluation, if section.barrier { others } else { 0 });
        let spec = JobSpec::Forecast(ForecastSpec {
            evaluation,
            barrier: section.barrier,
            diverged: method.diverged,
            averages: config.averages(&method.pool),
            no_start: start.is_none(),
        });
        let label = format!("{}: forecast of {}", shared.prefix, method.pool.name());
        let inputs = pools.of(&method.pool).into_iter().chain(start).collect();
        Some(self.graph.add(shared, label, spec, inputs, cost, None))
    }

    /// Adds the comparison of the rows that are soups with those that are single models.
    fn verdict(&mut self, methods: &[MethodJobs]) -> Option<JobId> {
        let (config, shared) = (self.config, self.shared);
        let rows = || config.method.iter().zip(methods);
        let of = |wanted: fn(&Selection) -> bool| -> Vec<JobId> {
            let found = rows().filter(|(method, _)| wanted(&method.select));
            found.map(|(_, jobs)| jobs.soup.clone()).unique().collect()
        };
        let (mut inputs, soups) = (of(Selection::is_single), of(Selection::is_soup));
        if config.soup.folds == 0 || inputs.is_empty() || soups.is_empty() {
            return None;
        }
        let (singles, metric) = (inputs.len(), self.dataset.metric);
        inputs.extend(soups);
        let EvaluationConfig { resamples, seed } = config.evaluation;
        let spec = JobSpec::Verdict { singles, folds: config.soup.folds, metric, resamples, seed };
        Some(self.graph.add(
            shared,
            format!("{}: verdict", shared.prefix),
            spec,
            inputs,
            Cost::default(),
            None,
        ))
    }

    fn probe(&mut self, origin: &StartWeights) -> JobId {
        let (probe, shared) = (&self.config.probe, self.shared);
        let pretrained = self.graph.pretrained(shared, &origin.start);
        let (rate, metric) = (probe.learning_rate, self.dataset.metric);
        let train = TrainConfig {
            trainable: Trainable::Classifier { update_bn_stats: probe.update_bn_stats },
            task_weights: self.dataset.task_weights,
            ..self.graph.train_config(probe.epochs, probe.augment, probe.seed, metric, rate)
        };
        let spec = JobSpec::Probe(shared.training(origin.start.clone(), train, None));
        let (label, cost) = (format!("{}: probe", shared.prefix), shared.cost(probe.epochs, 0));
        self.graph.add(shared, label, spec, pretrained.into_iter().collect(), cost, origin.file.clone())
    }

    /// Adds a fine-tuning run. Runs of the grid keep an average, also as a base of FGG; other bases
    /// keep none.
    fn finetune(&mut self, probe: &str, run: RunFields, is_of_grid: bool) -> JobId {
        let (section, fgg, shared) = (&self.config.finetune, &self.config.fgg, self.shared);
        let RunFields { learning_rate, augment, seed, sample, image_size } = run;
        // The same run may be a grid model and a base of FGG, so both must ask for optimizer state:
        // also without a row of FGG, so that its bases are not trained again when one is added.
        let is_base = fgg.augmentations(&Pool::FggAll).contains(&augment)
            && fgg.learning_rates.contains(&learning_rate)
            && run == RunFields::new(learning_rate, augment, fgg.seed);
        let ema = section.ema_decay.filter(|_| is_of_grid).map(|decay| Ema { decay });
        let train = TrainConfig {
            select_by: section.select_by,
            ema,
            early_stopping_epochs: section.early_stopping_epochs,
            keep_optimizer: is_base && fgg.carry_optimizer || self.config.run.keep_optimizer,
            task_weights: self.dataset.task_weights,
            sample,
            image_size,
            ..self.graph.train_config(section.epochs, augment, seed, self.dataset.metric, learning_rate)
        };
        let start = Start::Input { optimizer: false, seed: 0 };
        let spec = JobSpec::Finetune(shared.training(start, train, self.inmerge));
        let mut cost = shared.cost(section.epochs, 0);
        if ema.is_some() {
            cost += shared.ema_cost();
        }
        let label = format!("{}: {}", shared.prefix, run.name());
        let id = self.graph.add(shared, label, spec, vec![probe.into()], cost, None);
        self.graph.describe(&id, run);
        id
    }

    /// Adds a cyclic run. It draws the same order and augmentation as the first epochs of its base:
    /// both have the one seed of FGG, and randomness is a function of seed and epoch.
    fn fgg(&mut self, base: &str, rate: f64, augment: Augment) -> JobId {
        let (fgg, shared) = (&self.config.fgg, self.shared);
        let train = TrainConfig {
            schedule: fgg.schedule(),
            task_weights: self.dataset.task_weights,
            ..self.graph.train_config(fgg.epochs, augment, fgg.seed, self.dataset.metric, 0.0)
        };
        let start = Start::Input { optimizer: fgg.carry_optimizer, seed: 0 };
        let spec = JobSpec::Fgg(shared.training(start, train, self.inmerge));
        // A snapshot at the end of an epoch is evaluated with the epoch.
        let inside = rates(self.config, shared.sizes[0] as usize);
        let inside = inside.map_or(0, |rates| rates.snapshots_inside_epochs());
        let cost = shared.cost(fgg.epochs, inside as u64);
        let which = if augment == fgg.augment { String::new() } else { format!(" {augment}") };
        let label = format!("{}: FGG from lr {rate:e}{which}", shared.prefix);
        let id = self.graph.add(shared, label, spec, vec![base.into()], cost, None);
        self.graph.describe(&id, RunFields::new(rate, augment, fgg.seed));
        id
    }

    fn ood(
        &mut self,
        label: &str,
        inputs: &[JobId],
        networks: u64,
        other: &OodEntry,
    ) -> Result<OodScore, String> {
        let dataset = self.dataset;
        let named = |why: String| format!("dataset {}: {why}", other.name);
        let source = dataset.data_of(other);
        let data = self.graph.catalog.open(&source).map_err(named)?;
        let found = data.dataset.task();
        if !dataset.metric.applies_to(task_kind(found)) {
            return Err(named(format!("metric {} does not apply to its task", dataset.metric)));
        }
        let (mut outputs, mut note) = (None, String::new());
        if let Ok(own) = self.opened {
            let own = own.dataset.task().names();
            outputs = OutputMap::by_name(task_kind(found), own, found.names(), &other.merge_classes)
                .map_err(named)?;
            note = outputs.as_ref().map_or(String::new(), |map| map.describe(own, found.names()));
        }
        let on = ColumnBase {
            data: source,
            identity: data.identity.clone(),
            sizes: [0, 0, data.splits.test.len() as u64],
            groups: data.has_groups(EvalSplit::Test),
            ..self.shared.clone()
        };
        let label = format!("{label} on {}", other.name);
        let score = self.graph.score(&on, &label, inputs, networks, dataset, outputs);
        Ok(OodScore { score, note })
    }
}
