//! The jobs of a table of soups.

use std::sync::Arc;

use ff_data::Augment;
use ff_eval::OutputMap;
use ff_inmerge::InMerge;
use ff_train::{LrSchedule, Rates, TrainConfig, Trainable, task_kind};

use super::columns::{MethodJobs, OodScore, SoupsColumn};
use super::config::SoupsConfig;
use super::landscape_plan::{Looks, Pools};
use crate::catalog::OpenDataset;
use crate::config::{BackboneConfig, DatasetEntry, OodEntry};
use crate::job::{BnStatistics, Cost, EvalSplit, JobId, JobSpec, Pool, Selection, SoupSpec, Start, Training};
use crate::plan::{ColumnBase, Graph, StartWeights, TestImages};

/// Lays out every column of a table of soups.
pub(super) fn columns(config: &SoupsConfig, graph: &mut Graph<'_>) -> Vec<SoupsColumn> {
    let mut builder = Builder { config, graph };
    let mut columns = Vec::new();
    for (b, backbone) in config.backbone.iter().enumerate() {
        let origin = builder.graph.origin(backbone, config.probe.seed);
        for (d, dataset) in config.dataset.iter().enumerate() {
            columns.push(builder.column((b, backbone), (d, dataset), &origin));
        }
    }
    columns
}

struct Builder<'a, 'g> {
    config: &'a SoupsConfig,
    graph: &'a mut Graph<'g>,
}

impl Builder<'_, '_> {
    fn column(
        &mut self,
        (b, backbone): (usize, &BackboneConfig),
        (d, dataset): (usize, &DatasetEntry),
        origin: &StartWeights,
    ) -> SoupsColumn {
        let mut opening = self.graph.open(backbone, dataset, origin);
        if let (Ok(opened), None) = (&opening.opened, &opening.shared.blocked) {
            opening.shared.blocked = self.snapshots(opened.splits.train.len()).err();
        }
        let shared = &opening.shared;
        let pools = self.pools(shared, backbone, opening.origin, dataset);
        let mut methods = self.methods(shared, backbone, &pools, dataset, &opening.opened);
        let (config, graph) = (self.config, &mut *self.graph);
        let looks = Looks { config, graph, shared, backbone, dataset, pools: &pools, methods: &methods };
        let landscape = looks.jobs();
        let singles = methods.split_off(self.config.method.len());
        let (task, blocked) = (opening.task, opening.shared.blocked);
        SoupsColumn { backbone: b, dataset: d, task, blocked, methods, landscape, singles }
    }

    /// Captures of a cyclic run over a number of training images.
    fn snapshots(&self, train_images: usize) -> Result<u64, String> {
        Ok(self.rates(train_images)?.snapshots().len() as u64)
    }

    fn rates(&self, train_images: usize) -> Result<Rates, String> {
        let fgg = &self.config.fgg;
        let steps = ff_data::batches(train_images, self.config.model.batch_size).max(1);
        self.cyclic().over(fgg.epochs, steps).map_err(|error| format!("fgg.{error}"))
    }

    fn cyclic(&self) -> LrSchedule {
        let fgg = &self.config.fgg;
        LrSchedule::Cyclic {
            lr_max: fgg.lr_max,
            lr_min: fgg.lr_min,
            epochs_per_cycle: fgg.epochs_per_cycle,
            phase: fgg.phase,
        }
    }

    /// Every run of a column.
    fn pools(
        &mut self,
        shared: &ColumnBase,
        backbone: &BackboneConfig,
        origin: StartWeights,
        dataset: &DatasetEntry,
    ) -> Pools {
        let config = self.config;
        let pretrained = self.graph.pretrained(shared, &origin.start);
        let probe = self.probe(shared, origin, pretrained, dataset);
        let inmerge = config.inmerge.map(|settings| settings.of(backbone));
        let grid = &config.grid;
        let mut grid_pool = Vec::new();
        for &augment in &grid.augmentations {
            for &rate in &grid.learning_rates {
                for &seed in &grid.seeds {
                    grid_pool.push(self.finetune((shared, inmerge), &probe, dataset, rate, augment, seed));
                }
            }
        }
        let mut fgg_pool = |pool: Pool| {
            let mut runs = Vec::new();
            for augment in config.fgg.augmentations(pool) {
                for &rate in &config.fgg.learning_rates {
                    let base =
                        self.finetune((shared, inmerge), &probe, dataset, rate, augment, config.fgg.seed);
                    let captured = self.fgg((shared, inmerge), &base, dataset, (rate, augment));
                    runs.extend([base, captured]);
                }
            }
            runs
        };
        let (fgg, fgg_all) = (fgg_pool(Pool::Fgg), fgg_pool(Pool::FggAll));
        Pools { probe, grid: grid_pool, fgg, fgg_all }
    }

    fn methods(
        &mut self,
        shared: &ColumnBase,
        backbone: &BackboneConfig,
        pools: &Pools,
        dataset: &DatasetEntry,
        opened: &Result<Arc<OpenDataset>, String>,
    ) -> Vec<MethodJobs> {
        let config = self.config;
        config
            .methods_and_singles()
            .into_iter()
            .map(|method| {
                let pool = pools.of(method.pool).to_vec();
                // Single models' scores are known from training; each soup that is tried is a pass.
                let snapshots = self.snapshots(shared.sizes[0] as usize).unwrap_or(0);
                let models = match (method.pool, &method.select) {
                    (_, Selection::Best { .. }) => 0,
                    (_, Selection::Uniform {}) => 1,
                    (Pool::Grid, _) => pool.len() as u64,
                    (pool, _) => {
                        let bases = config.fgg.learning_rates.len() * config.fgg.augmentations(pool).len();
                        bases as u64 * (1 + snapshots)
                    }
                };
                let recalibrated = method.bn == BnStatistics::Recalibrate
                    && method.select.hierarchy().is_some()
                    && backbone.architecture.batch_norm;
                let label = format!("{}: {}", shared.prefix, method.name);
                let spec = JobSpec::Soup(SoupSpec {
                    model: shared.spec,
                    data: shared.identity.clone(),
                    metric: dataset.metric,
                    select: method.select.clone(),
                    recalibrate: recalibrated.then_some(config.model.batch_size),
                    diverged: method.diverged,
                });
                let of_training = if recalibrated { shared.sizes[0] } else { 0 };
                let cost = Cost {
                    evaluations: models,
                    evaluated_images: models * (shared.sizes[1] + of_training),
                    ..Cost::default()
                };
                let soup = self.graph.add(shared, label.clone(), spec, pool.clone(), cost, None);
                let test = self.graph.test_score(shared, &label, &soup, dataset);
                let ood = dataset
                    .ood
                    .iter()
                    .map(|other| self.ood(shared, &label, &soup, dataset, other, opened))
                    .collect();
                MethodJobs { pool, soup, test, ood }
            })
            .collect()
    }

    fn probe(
        &mut self,
        shared: &ColumnBase,
        StartWeights { start, file: weights, .. }: StartWeights,
        pretrained: Option<JobId>,
        dataset: &DatasetEntry,
    ) -> JobId {
        let probe = &self.config.probe;
        let train = TrainConfig {
            trainable: Trainable::Classifier { update_bn_stats: probe.update_bn_stats },
            task_weights: dataset.task_weights,
            ..self.graph.train_config(
                probe.epochs,
                probe.augment,
                probe.seed,
                dataset.metric,
                probe.learning_rate,
            )
        };
        let training =
            Training { model: shared.spec, start, data: shared.identity.clone(), train, inmerge: None };
        let cost = shared.cost(probe.epochs, 0);
        let label = format!("{}: probe", shared.prefix);
        self.graph.add(
            shared,
            label,
            JobSpec::Probe(training),
            pretrained.into_iter().collect(),
            cost,
            weights,
        )
    }

    fn finetune(
        &mut self,
        (shared, inmerge): (&ColumnBase, Option<InMerge>),
        probe: &str,
        dataset: &DatasetEntry,
        rate: f64,
        augment: Augment,
        seed: u64,
    ) -> JobId {
        let (section, fgg) = (&self.config.finetune, &self.config.fgg);
        // The same run serves the grid search and FGG, so both must ask for the optimizer's state.
        let is_base = fgg.augmentations(Pool::FggAll).contains(&augment)
            && seed == fgg.seed
            && fgg.learning_rates.contains(&rate);
        let train = TrainConfig {
            select_by: section.select_by,
            early_stopping_epochs: section.early_stopping_epochs,
            keep_optimizer: is_base && fgg.carry_optimizer || self.config.run.keep_optimizer,
            task_weights: dataset.task_weights,
            ..self.graph.train_config(section.epochs, augment, seed, dataset.metric, rate)
        };
        let start = Start::Input { optimizer: false, seed: 0 };
        let training = Training { model: shared.spec, start, data: shared.identity.clone(), train, inmerge };
        let cost = shared.cost(section.epochs, 0);
        let label = format!("{}: lr {rate:e} {augment} seed {seed}", shared.prefix);
        let id = self.graph.add(shared, label, JobSpec::Finetune(training), vec![probe.into()], cost, None);
        self.graph.describe(&id, rate, augment, seed);
        id
    }

    fn fgg(
        &mut self,
        (shared, inmerge): (&ColumnBase, Option<InMerge>),
        base: &str,
        dataset: &DatasetEntry,
        (rate, augment): (f64, Augment),
    ) -> JobId {
        let fgg = &self.config.fgg;
        let train = TrainConfig {
            schedule: self.cyclic(),
            task_weights: dataset.task_weights,
            ..self.graph.train_config(fgg.epochs, augment, fgg.seed, dataset.metric, 0.0)
        };
        let start = Start::Input { optimizer: fgg.carry_optimizer, seed: 0 };
        let training = Training { model: shared.spec, start, data: shared.identity.clone(), train, inmerge };
        // A capture at the end of an epoch is evaluated with it.
        let inside = self.rates(shared.sizes[0] as usize).map_or(0, |rates| rates.captures_inside_epochs());
        let cost = shared.cost(fgg.epochs, inside as u64);
        let which = if augment == fgg.augment { String::new() } else { format!(" {augment}") };
        let label = format!("{}: FGG from lr {rate:e}{which}", shared.prefix);
        let id = self.graph.add(shared, label, JobSpec::Fgg(training), vec![base.into()], cost, None);
        self.graph.describe(&id, rate, augment, fgg.seed);
        id
    }

    fn ood(
        &mut self,
        shared: &ColumnBase,
        label: &str,
        soup: &str,
        dataset: &DatasetEntry,
        other: &OodEntry,
        opened: &Result<Arc<OpenDataset>, String>,
    ) -> Result<OodScore, String> {
        let named = |why: String| format!("dataset {}: {why}", other.name);
        let source = dataset.data_of(other);
        let data = self.graph.catalog.open(&source).map_err(named)?;
        let found = data.dataset.task();
        if !dataset.metric.applies_to(task_kind(found)) {
            return Err(named(format!("metric {} does not apply to its task", dataset.metric)));
        }
        let (mut outputs, mut note) = (None, String::new());
        if let Ok(own) = opened {
            let own = own.dataset.task().names();
            outputs = OutputMap::by_name(task_kind(found), own, found.names(), &other.merge_classes)
                .map_err(named)?;
            note = outputs.as_ref().map_or(String::new(), |map| map.describe(own, found.names()));
        }
        let images = data.splits.test.len() as u64;
        let label = format!("{label} on {}", other.name);
        let groups = data.has_groups(EvalSplit::Test);
        let on = TestImages { source, data: data.identity.clone(), outputs, groups, images };
        let score = self.graph.score(shared, &label, soup, dataset, on);
        Ok(OodScore { score, note })
    }
}
