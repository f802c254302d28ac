//! A table of soups as its configuration file states it.

use ff_data::Augment;
use ff_eval::Metric;
use ff_train::{BN_IMAGES, Ema, LrSchedule, Sampling, SelectBy};
use itertools::iproduct;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::landscape_config::{ConnectivityConfig, GreedyBarriersConfig, LandscapeConfig};
use super::methods::{MethodConfig, MethodSet};
use super::pool_config::PoolConfig;
use crate::config::{
    BackboneConfig, DatasetEntry, DecisionConfig, EvaluationConfig, InmergeSettings, ModelConfig,
    PretrainConfig, RunConfig, fill, resolve_backbones, resolve_datasets, resolve_shallow_layers,
};
use crate::error::Error;
use crate::job::{Averages, BnStatistics, Diverged, Pool, Record, RunFields, Selection, SoupRecord};

/// What `kind` says in the file of a table of soups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SoupsKind {
    /// `soups`.
    #[default]
    Soups,
}

/// A table of soups: backbones × datasets × methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SoupsConfig {
    /// `soups`.
    pub kind: SoupsKind,
    /// Name of the results' folder. Empty: the name of the configuration file, without `.toml`.
    pub name: String,
    /// Networks to start from.
    pub backbone: Vec<BackboneConfig>,
    /// Datasets to fine-tune on.
    pub dataset: Vec<DatasetEntry>,
    /// Settings that all models share.
    pub model: ModelConfig,
    /// Pretraining on a source dataset, for backbones with `weights = "pretrain"`.
    pub pretrain: Option<PretrainConfig>,
    /// The linear probe (θ₀), in which only the classifier is trained. Every fine-tuning run starts
    /// from it.
    pub probe: ProbeConfig,
    /// Full fine-tuning, of the models of the grid search and of the bases.
    pub finetune: FinetuneConfig,
    /// The grid search: a fine-tuning run for every combination of learning rate, augmentation,
    /// seed, sample and size of the training images.
    pub grid: GridConfig,
    /// Fast Geometric Generation: for each learning rate a base is fine-tuned, and a cyclic run
    /// continues it and saves snapshots.
    pub fgg: FggConfig,
    /// In-model merging in every fine-tuning and cyclic run. Absent: none (the paper).
    pub inmerge: Option<InmergeSettings>,
    /// How the weights of a soup are made.
    pub soup: SoupConfig,
    /// A forecast of which models of a pool average, for each pool that a row has. Absent: only for
    /// the pools of rows with `max_distance` or `max_barrier`, and barriers only for the latter.
    pub forecast: Option<ForecastConfig>,
    /// Models from files, which were trained elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<PoolConfig>,
    /// A set of rows: `table1` is the six rows of FissionFusion's Table 1. They come before those
    /// of `[[method]]`. Absent: `table1` if there is no `[[method]]`, else no set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<MethodSet>,
    /// Rows of the table, one by one. Of the runs of `[grid]` and `[fgg]`, only those that a row or
    /// another section needs are trained.
    pub method: Vec<MethodConfig>,
    /// Error surfaces: the validation error on planes through three models (FissionFusion, Fig. 1).
    /// Absent: none.
    pub landscape: Option<LandscapeConfig>,
    /// Linear mode connectivity: the validation error on straight paths between models of the grid
    /// search (FissionFusion, appendix B1). Absent: not evaluated.
    pub connectivity: Option<ConnectivityConfig>,
    /// Error barriers between greedy soups and their candidates. A barrier is the most by which the
    /// error on the straight path between two models exceeds the linear interpolation between the
    /// errors of its ends. Absent: not evaluated.
    pub greedy_barriers: Option<GreedyBarriersConfig>,
    /// How test scores are reported.
    pub evaluation: EvaluationConfig,
    /// Calibration and thresholds of the delivered soup. Finished jobs stay valid when you change this
    /// section.
    pub decision: DecisionConfig,
    /// How to run the jobs. Finished jobs stay valid when you change this section.
    pub run: RunConfig,
}

/// FissionFusion's Table 1, with ResNet50, on images of one's own.
impl Default for SoupsConfig {
    fn default() -> Self {
        Self {
            kind: SoupsKind::default(),
            name: String::new(),
            backbone: vec![BackboneConfig::default()],
            dataset: vec![DatasetEntry::default()],
            model: ModelConfig::default(),
            pretrain: None,
            probe: ProbeConfig::default(),
            finetune: FinetuneConfig::default(),
            grid: GridConfig::default(),
            fgg: FggConfig::default(),
            inmerge: None,
            soup: SoupConfig::default(),
            forecast: None,
            pool: Vec::new(),
            methods: None,
            method: Vec::new(),
            landscape: None,
            connectivity: None,
            greedy_barriers: None,
            evaluation: EvaluationConfig::default(),
            decision: DecisionConfig::default(),
            run: RunConfig::default(),
        }
    }
}

/// The linear probe (θ₀).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// AdamW's first learning rate, which falls to 0 along a cosine.
    pub learning_rate: f64,
    /// Training augmentation.
    pub augment: Augment,
    /// Seed of the new classifier, of the order of the images and of augmentation.
    pub seed: u64,
    /// Update the frozen layers' BatchNorm statistics from the training images, as the authors' code
    /// does.
    pub update_bn_stats: bool,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { epochs: 10, learning_rate: 1e-3, augment: Augment::Minimal, seed: 9, update_bn_stats: false }
    }
}

/// Full fine-tuning (LP-FT).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FinetuneConfig {
    /// Passes over the training images.
    pub epochs: u32,
    /// How the kept epoch is chosen: the best validation `metric`, or the lowest validation `loss`.
    pub select_by: SelectBy,
    /// Stop after this number of epochs without a lower validation loss. Absent: never.
    pub early_stopping_epochs: Option<u32>,
    /// β, in [0, 1), of the exponential moving average (EMA) of the weights that each run of the
    /// grid search keeps: θ̄ ← βθ̄ + (1 − β)θ after each step. Rows whose `pool` is `ema` or
    /// `grid-ema` select from the averages. The runs' other models stay the same. Absent: 0.999 if a
    /// row needs the averages, else none.
    pub ema_decay: Option<f64>,
}

impl Default for FinetuneConfig {
    fn default() -> Self {
        Self { epochs: 50, select_by: SelectBy::default(), early_stopping_epochs: None, ema_decay: None }
    }
}

/// The grid search: every combination is a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GridConfig {
    /// AdamW's first learning rates, which fall to 0 along a cosine.
    pub learning_rates: Vec<f64>,
    /// Training augmentations.
    pub augmentations: Vec<Augment>,
    /// Seeds of the order of the images, of augmentation and of `samples`.
    pub seeds: Vec<u64>,
    /// Training images of an epoch: `all`, `bootstrap` or `balanced`. Runs that differ only in
    /// learning rate, augmentation or size have the same bootstrap.
    pub samples: Vec<Sampling>,
    /// Sides of the training images in pixels. Validation and test images have the size of
    /// `[model]`. Empty: that size.
    pub train_sizes: Vec<u32>,
    /// Number of single models, the best on validation, to score on test and out-of-distribution
    /// images for the report's figure (FissionFusion, Fig. 3: five). The table does not change.
    pub top_models: usize,
}

impl Default for GridConfig {
    fn default() -> Self {
        Self {
            learning_rates: vec![1e-3, 5e-4, 1e-4, 5e-5, 1e-5, 5e-6, 1e-6, 1e-7],
            augmentations: vec![Augment::Minimal, Augment::Medium, Augment::Heavy],
            seeds: vec![0, 1],
            samples: vec![Sampling::All],
            train_sizes: Vec::new(),
            top_models: 0,
        }
    }
}

/// Fast Geometric Generation: one base for each learning rate, and a cyclic run from each base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FggConfig {
    /// AdamW's first learning rates of the bases. Empty: those of `[grid]`.
    pub learning_rates: Vec<f64>,
    /// Augmentation of bases and cyclic runs.
    pub augment: Augment,
    /// More augmentations, each with bases and cyclic runs of its own, for methods whose pool is
    /// `fgg-all`, which has all, or `fgg-also`, which has these alone. The pool `fgg` does not contain
    /// them.
    pub also_augment: Vec<Augment>,
    /// Seed of bases and cyclic runs.
    pub seed: u64,
    /// Epochs of a cyclic run.
    pub epochs: u32,
    /// c: epochs of a cycle.
    pub epochs_per_cycle: u32,
    /// α₁: the learning rate at both ends of a cycle.
    pub lr_max: f64,
    /// α₂: the learning rate in the middle of a cycle, where a snapshot is taken.
    pub lr_min: f64,
    /// Where in a cycle a run starts, from 0 to below 1: 0 in the paper's formula, 0.25 in the
    /// authors' code.
    pub phase: f64,
    /// Continue with the base's AdamW moments, as the authors' code does.
    pub carry_optimizer: bool,
}

impl Default for FggConfig {
    fn default() -> Self {
        Self {
            learning_rates: Vec::new(),
            augment: Augment::Heavy,
            also_augment: Vec::new(),
            seed: 0,
            epochs: 17,
            epochs_per_cycle: 4,
            lr_max: 1e-5,
            lr_min: 1e-8,
            phase: 0.25,
            carry_optimizer: true,
        }
    }
}

/// How the weights of a soup are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SoupConfig {
    /// BatchNorm statistics of every candidate: `recalibrate` (recomputed from training images), or
    /// `averaged` (like weights: the paper).
    pub bn: BnStatistics,
    /// Number of training images to recompute them from, evenly spread over the training split, in
    /// batches of `model.batch_size`. 0: all.
    pub bn_images: usize,
    /// The metric of the validation scores that choose models and settings, in every row: any, or
    /// `log-loss`, which counts how sure a prediction is and not only whether it is right. Absent:
    /// the dataset's `metric`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_by: Option<Metric>,
    /// Folds of the validation images, from 2 to 100, for cross-fitted scores: what each row's choice
    /// is worth on images that it was not made by. 0: none, and no verdict.
    pub folds: usize,
}

impl SoupConfig {
    /// The number of training images that statistics are recomputed from; `None`: all.
    pub(crate) fn bn_images(&self) -> Option<usize> {
        (self.bn_images > 0).then_some(self.bn_images)
    }

    /// The images that are read for each candidate whose statistics are recomputed.
    pub(crate) fn images_to_recompute(&self, train: u64) -> u64 {
        self.bn_images().map_or(train, |images| train.min(images as u64))
    }
}

impl Default for SoupConfig {
    fn default() -> Self {
        Self { bn: BnStatistics::Recalibrate, bn_images: BN_IMAGES, select_by: None, folds: 3 }
    }
}

/// Which models of a pool average with its best one, by distances, angles and error barriers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastConfig {
    /// Evaluate the error barrier of each model to the best one, which takes an evaluation for each.
    /// Distances and angles need no images.
    pub barrier: bool,
    /// Number of training images to recompute BatchNorm statistics from, where `soup.bn` recomputes
    /// them: fewer than for a soup, since a forecast need not be exact. 0: all.
    pub bn_images: usize,
}

impl Default for ForecastConfig {
    fn default() -> Self {
        Self { barrier: true, bn_images: 512 }
    }
}

impl FggConfig {
    /// The learning rate of a cyclic run.
    pub(crate) fn schedule(&self) -> LrSchedule {
        let Self { lr_max, lr_min, epochs_per_cycle, phase, .. } = *self;
        LrSchedule::Cyclic { lr_max, lr_min, epochs_per_cycle, phase }
    }

    /// The augmentations of a pool's bases; the grid has none.
    pub(crate) fn augmentations(&self, pool: &Pool) -> Vec<Augment> {
        match pool {
            Pool::Grid | Pool::Ema | Pool::GridEma | Pool::Named(_) => Vec::new(),
            Pool::Fgg => vec![self.augment],
            Pool::FggAlso => self.also_augment.clone(),
            Pool::FggAll => std::iter::once(self.augment).chain(self.also_augment.iter().copied()).collect(),
        }
    }
}

impl SoupsConfig {
    /// Fills in what depends on other keys: names, the learning rates of `[fgg]`, and the decay of
    /// moving averages that a row needs. `name` is the table's where the file gives none.
    pub(super) fn resolve(&mut self, name: &str) -> Result<(), Error> {
        fill(&mut self.name, name);
        let trains = !self.trained_pools().is_empty();
        resolve_backbones(&mut self.backbone, trains)?;
        resolve_datasets(&mut self.dataset);
        if self.inmerge.is_some() {
            resolve_shallow_layers(&mut self.backbone);
        }
        if self.fgg.learning_rates.is_empty() {
            self.fgg.learning_rates.clone_from(&self.grid.learning_rates);
        }
        if self.method.iter().any(|method| self.averages(&method.pool) != Averages::Without) {
            self.finetune.ema_decay.get_or_insert(Ema::default().decay);
        }
        Ok(())
    }

    /// Replaces a set of methods by its rows; without any row it is that of the paper's Table 1.
    pub(super) fn expand_methods(&mut self) {
        let default = self.method.is_empty().then(MethodSet::default);
        if let Some(set) = self.methods.take().or(default) {
            self.method.splice(0..0, set.methods());
        }
    }

    /// The rows of the table, then the grid's single models ([`GridConfig::top_models`]), which are
    /// no rows.
    pub(crate) fn methods_and_singles(&self) -> Vec<MethodConfig> {
        let single = |rank: usize| MethodConfig {
            name: format!("model {rank} of the grid"),
            pool: Pool::Grid,
            select: Selection::Best { rank },
            diverged: Diverged::Keep,
            ..MethodConfig::default()
        };
        self.method.iter().cloned().chain((1..=self.grid.top_models).map(single)).collect()
    }

    /// The pools that a row, a single model, a plane or a path needs.
    pub(crate) fn pools(&self) -> Vec<Pool> {
        let rows = self.methods_and_singles().into_iter().map(|method| method.pool);
        let planes = self.landscape.iter().flat_map(|section| &section.plane).map(|plane| plane.pool.clone());
        let paths = self.connectivity.iter().map(|_| Pool::Grid);
        rows.chain(planes).chain(paths).collect()
    }

    /// Those of [`pools`](Self::pools) whose models are trained here, or the part of them that is.
    pub(crate) fn trained_pools(&self) -> Vec<Pool> {
        self.pools().iter().filter_map(|pool| self.parts(pool).0.cloned()).collect()
    }

    /// Returns the models of a pool that are trained here, and those from files.
    pub(crate) fn parts<'a>(&'a self, pool: &'a Pool) -> (Option<&'a Pool>, Option<&'a PoolConfig>) {
        let Pool::Named(name) = pool else { return (Some(pool), None) };
        let files = self.pool.iter().find(|entry| entry.name == *name);
        (files.and_then(|entry| entry.with.as_ref()), files)
    }

    /// Returns which models of a pool's runs it has.
    pub(crate) fn averages(&self, pool: &Pool) -> Averages {
        self.parts(pool).0.map_or(Averages::Without, Pool::averages)
    }

    /// Returns whether the model is known that a pool's models were fine-tuned from.
    pub(super) fn has_start(&self, pool: &Pool) -> bool {
        let (trained, files) = self.parts(pool);
        trained.is_some() || files.is_some_and(|files| files.base.is_some())
    }

    /// The record of a row, without what was cross-fitted in folds that are not asked for any more.
    pub(crate) fn soup_of(&self, record: &Record) -> Result<SoupRecord, Error> {
        let mut soup = record.soup()?.clone();
        if self.soup.folds == 0 {
            soup.cross_fitted = None;
        }
        Ok(soup)
    }

    /// The metric of the scores that choose in a row, if it is not the table's and the row chooses.
    pub(crate) fn select_by(&self, method: &MethodConfig, metric: Metric) -> Option<Metric> {
        let by = method.select_by.or(self.soup.select_by);
        by.filter(|by| *by != metric && method.select.chooses())
    }

    /// The grid's runs, in the order of the pool.
    pub(crate) fn grid_runs(&self) -> Vec<GridRun> {
        let (grid, own) = (&self.grid, self.model.image_size);
        // The model's size, written out or not, is the same run.
        let sizes = match grid.train_sizes.as_slice() {
            [] => vec![None],
            sizes => sizes.iter().map(|&size| (size != own).then_some(size)).collect(),
        };
        let values = iproduct!(
            sizes.iter().enumerate(),
            grid.samples.iter().enumerate(),
            grid.augmentations.iter().enumerate(),
            grid.learning_rates.iter().enumerate(),
            grid.seeds.iter().enumerate()
        );
        values
            .map(|((z, &image_size), (p, &sample), (a, &augment), (r, &rate), (s, &seed))| {
                (RunFields { sample, image_size, ..RunFields::new(rate, augment, seed) }, [s, a, r, p, z])
            })
            .collect()
    }
}

/// A run of a grid, with the places of its values in their lists, in the order of [`FIELDS`].
pub(crate) type GridRun = (RunFields, [usize; FIELDS.len()]);

/// What runs of a grid differ in.
pub(crate) const FIELDS: [&str; 5] = ["seed", "augmentation", "learning rate", "sample", "image size"];
