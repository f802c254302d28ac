//! Job by job, in an order in which each comes after its inputs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_data::{Augment, Task};
use ff_models::Spec;
use ff_train::{LrSchedule, OptimizerConfig, SelectBy, TrainConfig, Trainable, task_kind};

use crate::config::{BackboneConfig, DatasetEntry, PretrainConfig};
use crate::job::{Cost, DataSource, Job, Recipe, Start, Training, group_fields};
use crate::{Catalog, Config, DataIdentity, Opened, Part, Pool, Selection, WeightsSource};

use super::{Column, HubResolver, MethodJobs};

/// Adds jobs, each once.
pub(super) struct Builder<'a> {
    config: &'a Config,
    catalog: &'a Catalog,
    hub: HubResolver<'a>,
    jobs: Vec<Job>,
    known: HashMap<String, usize>,
}

/// What the jobs of a column have in common.
struct Shared {
    prefix: String,
    spec: Spec,
    identity: DataIdentity,
    data: DataSource,
    sizes: [u64; 3],
    blocked: Option<String>,
}

impl Shared {
    fn cost(&self, epochs: u32, captures: u64) -> Cost {
        let evaluations = u64::from(epochs) + captures;
        let epochs = u64::from(epochs);
        let [train, val, _] = self.sizes;
        Cost { epochs, train_images: epochs * train, evaluated_images: evaluations * val, evaluations }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(config: &'a Config, catalog: &'a Catalog, hub: HubResolver<'a>) -> Self {
        Self { config, catalog, hub, jobs: Vec::new(), known: HashMap::new() }
    }

    pub(super) fn finish(self) -> Vec<Job> {
        self.jobs
    }

    pub(super) fn column(
        &mut self,
        (b, backbone): (usize, &BackboneConfig),
        (d, dataset): (usize, &DatasetEntry),
        start: &Result<(Start, Option<PathBuf>), String>,
    ) -> Column {
        let opened = self.catalog.open(&dataset.source, Some(&dataset.split)).and_then(|opened| {
            if dataset.metric.applies_to(task_kind(opened.dataset.task())) {
                Ok(opened)
            } else {
                Err(format!("metric {} does not apply to its task", dataset.metric))
            }
        });
        let mut blocked = opened.as_ref().err().map(|why| format!("dataset {}: {why}", dataset.name));
        blocked = blocked.or_else(|| start.as_ref().err().cloned());
        if let Ok(opened) = &opened {
            blocked = blocked.or_else(|| self.captures(opened.splits.train.len()).err());
        }
        let (start, weights) = start.clone().unwrap_or((Start::Random { seed: 0 }, None));
        let classes = opened.as_ref().map_or(Vec::new(), |opened| opened.dataset.task().names().to_vec());
        let shared =
            self.shared(&format!("{} {}", dataset.name, backbone.name), backbone, dataset, &opened, blocked);
        let methods = self.methods(&shared, start, weights, dataset, &opened);
        Column { backbone: b, dataset: d, classes, blocked: shared.blocked, methods }
    }

    fn shared(
        &self,
        prefix: &str,
        backbone: &BackboneConfig,
        dataset: &DatasetEntry,
        opened: &Result<Arc<Opened>, String>,
        blocked: Option<String>,
    ) -> Shared {
        let expected = dataset.expected.map_or([0; 3], |e| [e.train, e.val, e.test]);
        let (identity, sizes, outputs) = extent(opened, &dataset.name, expected);
        Shared {
            prefix: prefix.to_owned(),
            spec: self.spec(backbone, outputs),
            identity,
            data: DataSource { source: dataset.source.clone(), split: Some(dataset.split.clone()) },
            sizes,
            blocked,
        }
    }

    fn spec(&self, backbone: &BackboneConfig, outputs: usize) -> Spec {
        let model = &self.config.model;
        Spec { architecture: backbone.architecture, outputs, px: model.px, precision: model.precision }
    }

    /// Where a backbone's weights start, and the file if it is one.
    pub(super) fn start(&self, backbone: &BackboneConfig) -> Result<(Start, Option<PathBuf>), String> {
        let seed = self.config.probe.seed;
        let named = |why: String| format!("weights of {}: {why}", backbone.name);
        self.spec(backbone, 1).check().map_err(|error| error.to_string())?;
        let path = match &backbone.weights {
            WeightsSource::Random => return Ok((Start::Random { seed }, None)),
            WeightsSource::Pretrain => {
                if let Some(section) = &self.config.pretrain {
                    let opened = self.catalog.open(&section.source, Some(&section.split));
                    opened.map_err(|why| named(format!("dataset of [pretrain]: {why}")))?;
                }
                return Ok((Start::Input { optimizer: false, seed }, None));
            }
            WeightsSource::File(path) => path.clone(),
            WeightsSource::Hub(id) => (self.hub)(id).map_err(named)?,
        };
        let file = StateDict::open(&path).map_err(|error| named(error.to_string()))?;
        Ok((Start::File { digest: file.digest().to_string(), seed }, Some(path)))
    }

    /// Captures of a cyclic run over a number of training images.
    fn captures(&self, train_images: usize) -> Result<u64, String> {
        let fgg = &self.config.fgg;
        let steps = ff_data::batches(train_images, self.config.model.batch_size).max(1);
        let rates = self.cyclic().over(fgg.epochs, steps).map_err(|error| format!("fgg.{error}"))?;
        Ok(rates.captures().len() as u64)
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

    fn methods(
        &mut self,
        shared: &Shared,
        start: Start,
        weights: Option<PathBuf>,
        dataset: &DatasetEntry,
        opened: &Result<Arc<Opened>, String>,
    ) -> Vec<MethodJobs> {
        let config = self.config;
        let pretrained = match start {
            Start::Input { .. } => config.pretrain.as_ref().map(|section| self.pretrain(shared, section)),
            _ => None,
        };
        let probe = self.probe(shared, start, pretrained, weights, dataset);
        let grid = &config.grid;
        let (mut grid_pool, mut fgg_pool) = (Vec::new(), Vec::new());
        for &augment in &grid.augmentations {
            for &rate in &grid.learning_rates {
                for &seed in &grid.seeds {
                    grid_pool.push(self.finetune(shared, &probe, dataset, rate, augment, seed));
                }
            }
        }
        for &rate in &config.fgg.learning_rates {
            let base = self.finetune(shared, &probe, dataset, rate, config.fgg.augment, config.fgg.seed);
            let captured = self.fgg(shared, &base, dataset, rate);
            fgg_pool.extend([base, captured]);
        }
        config
            .method
            .iter()
            .map(|method| {
                let pool = match method.pool {
                    Pool::Grid => grid_pool.clone(),
                    Pool::Fgg => fgg_pool.clone(),
                };
                // Single models' scores are known from training; each soup that is tried is a pass.
                let captures = self.captures(shared.sizes[0] as usize).unwrap_or(0);
                let models = match (method.pool, &method.select) {
                    (_, Selection::Best {}) => 0,
                    (_, Selection::Uniform {}) => 1,
                    (Pool::Grid, _) => grid_pool.len() as u64,
                    (Pool::Fgg, _) => config.fgg.learning_rates.len() as u64 * (1 + captures),
                };
                let label = format!("{}: {}", shared.prefix, method.name);
                let recipe = Recipe::Soup {
                    model: shared.spec,
                    data: shared.identity.clone(),
                    metric: dataset.metric,
                    select: method.select.clone(),
                };
                let cost = Cost {
                    evaluations: models,
                    evaluated_images: models * shared.sizes[1],
                    ..Cost::default()
                };
                let soup = self.add(shared, label.clone(), recipe, pool.clone(), cost, None);
                let has_test = shared.sizes[2] > 0;
                let test = has_test.then(|| {
                    self.score(
                        shared,
                        &label,
                        &soup,
                        dataset,
                        &shared.identity,
                        shared.data.clone(),
                        shared.sizes[2],
                    )
                });
                let ood = dataset
                    .ood
                    .iter()
                    .map(|other| self.ood(shared, &label, &soup, dataset, other, opened))
                    .collect();
                MethodJobs { pool, soup, test, ood }
            })
            .collect()
    }

    fn pretrain(&mut self, shared: &Shared, section: &PretrainConfig) -> String {
        let opened = self.catalog.open(&section.source, Some(&section.split));
        let (identity, sizes, outputs) = extent(&opened, "source", [0; 3]);
        let blocked = opened.as_ref().err().map(|why| format!("dataset of [pretrain]: {why}"));
        let source = Shared {
            prefix: "source".into(),
            spec: Spec { outputs, ..shared.spec },
            identity,
            data: DataSource { source: section.source.clone(), split: Some(section.split.clone()) },
            sizes,
            blocked,
        };
        let metric = match opened.as_ref().map(|data| data.dataset.task()) {
            Ok(Task::Multilabel { .. }) => ff_eval::Metric::Auroc,
            _ => ff_eval::Metric::Accuracy,
        };
        let train =
            self.train_config(section.epochs, section.augment, section.seed, metric, section.learning_rate);
        let start = Start::Random { seed: section.seed };
        let training = Training { model: source.spec, start, data: source.identity.clone(), train };
        let label = format!("source {}: pretrain", source.spec.architecture);
        let cost = source.cost(section.epochs, 0);
        self.add(&source, label, Recipe::Pretrain(training), vec![], cost, None)
    }

    fn probe(
        &mut self,
        shared: &Shared,
        start: Start,
        pretrained: Option<String>,
        weights: Option<PathBuf>,
        dataset: &DatasetEntry,
    ) -> String {
        let probe = &self.config.probe;
        let train = TrainConfig {
            trainable: Trainable::Classifier { bn_drift: probe.bn_drift },
            ..self.train_config(probe.epochs, probe.augment, probe.seed, dataset.metric, probe.learning_rate)
        };
        let training = Training { model: shared.spec, start, data: shared.identity.clone(), train };
        let cost = shared.cost(probe.epochs, 0);
        let label = format!("{}: probe", shared.prefix);
        self.add(shared, label, Recipe::Probe(training), pretrained.into_iter().collect(), cost, weights)
    }

    fn finetune(
        &mut self,
        shared: &Shared,
        probe: &str,
        dataset: &DatasetEntry,
        rate: f64,
        augment: Augment,
        seed: u64,
    ) -> String {
        let (section, fgg) = (&self.config.finetune, &self.config.fgg);
        // The same run serves the grid search and FGG, so both must ask for the optimizer's state.
        let is_base = augment == fgg.augment && seed == fgg.seed && fgg.learning_rates.contains(&rate);
        let train = TrainConfig {
            select_by: section.select_by,
            early_stopping_epochs: section.early_stopping_epochs,
            keep_optimizer: is_base && fgg.carry_optimizer,
            ..self.train_config(section.epochs, augment, seed, dataset.metric, rate)
        };
        let start = Start::Input { optimizer: false, seed: 0 };
        let training = Training { model: shared.spec, start, data: shared.identity.clone(), train };
        let cost = shared.cost(section.epochs, 0);
        let label = format!("{}: lr {rate:e} {augment} seed {seed}", shared.prefix);
        let id = self.add(shared, label, Recipe::Finetune(training), vec![probe.to_owned()], cost, None);
        self.describe(&id, rate, augment, seed);
        id
    }

    fn fgg(&mut self, shared: &Shared, base: &str, dataset: &DatasetEntry, rate: f64) -> String {
        let fgg = &self.config.fgg;
        let train = TrainConfig {
            schedule: self.cyclic(),
            ..self.train_config(fgg.epochs, fgg.augment, fgg.seed, dataset.metric, 0.0)
        };
        let start = Start::Input { optimizer: fgg.carry_optimizer, seed: 0 };
        let training = Training { model: shared.spec, start, data: shared.identity.clone(), train };
        let cost = shared.cost(fgg.epochs, self.captures(shared.sizes[0] as usize).unwrap_or(0));
        let label = format!("{}: FGG from lr {rate:e}", shared.prefix);
        let id = self.add(shared, label, Recipe::Fgg(training), vec![base.to_owned()], cost, None);
        self.describe(&id, rate, fgg.augment, fgg.seed);
        id
    }

    /// Says what a hierarchy can group a run's models by.
    fn describe(&mut self, id: &str, rate: f64, augment: Augment, seed: u64) {
        self.jobs[self.known[id]].fields = group_fields(rate, augment, seed);
    }

    fn train_config(
        &self,
        epochs: u32,
        augment: Augment,
        seed: u64,
        metric: ff_eval::Metric,
        rate: f64,
    ) -> TrainConfig {
        let model = &self.config.model;
        let (betas, eps, weight_decay) = ([0.9, 0.999], 1e-8, model.weight_decay);
        TrainConfig {
            epochs,
            batch_size: model.batch_size,
            augment,
            seed,
            optimizer: OptimizerConfig::AdamW { betas, eps, weight_decay },
            schedule: LrSchedule::Cosine { lr: rate },
            trainable: Trainable::All {},
            select_by: SelectBy::Metric,
            metric,
            early_stopping_epochs: None,
            keep_optimizer: false,
        }
    }

    fn ood(
        &mut self,
        shared: &Shared,
        label: &str,
        soup: &str,
        dataset: &DatasetEntry,
        other: &crate::config::OodEntry,
        opened: &Result<Arc<Opened>, String>,
    ) -> Result<String, String> {
        let named = |why: String| format!("dataset {}: {why}", other.name);
        let data = self.catalog.open(&other.source, other.split.as_ref()).map_err(named)?;
        if let Ok(own) = opened {
            let (own, found) = (own.dataset.task(), data.dataset.task());
            if own != found {
                let names = |task: &Task| task.names().join(", ");
                return Err(named(format!("expected the classes {}, found {}", names(own), names(found))));
            }
        }
        let source = DataSource { source: other.source.clone(), split: other.split.clone() };
        let images = data.splits.test.len() as u64;
        let label = format!("{label} on {}", other.name);
        Ok(self.score(shared, &label, soup, dataset, &data.identity, source, images))
    }

    #[allow(clippy::too_many_arguments)]
    fn score(
        &mut self,
        shared: &Shared,
        label: &str,
        soup: &str,
        dataset: &DatasetEntry,
        data: &DataIdentity,
        source: DataSource,
        images: u64,
    ) -> String {
        let part = Part::Test;
        let recipe = Recipe::Predict { model: shared.spec, data: data.clone(), part };
        let cost = Cost { evaluations: 1, evaluated_images: images, ..Cost::default() };
        let on = Shared {
            prefix: String::new(),
            spec: shared.spec,
            identity: data.clone(),
            data: source,
            sizes: [0; 3],
            blocked: shared.blocked.clone(),
        };
        let predicted = self.add(&on, format!("{label}: predict"), recipe, vec![soup.to_owned()], cost, None);
        let evaluation = &self.config.evaluation;
        let recipe = Recipe::Evaluate {
            metric: dataset.metric,
            resamples: evaluation.resamples,
            seed: evaluation.seed,
        };
        self.add(&on, format!("{label}: score"), recipe, vec![predicted], Cost::default(), None)
    }

    fn add(
        &mut self,
        shared: &Shared,
        label: String,
        recipe: Recipe,
        inputs: Vec<String>,
        cost: Cost,
        weights: Option<PathBuf>,
    ) -> String {
        let id = Job::identity(&recipe, &inputs);
        if !self.known.contains_key(&id) {
            self.known.insert(id.clone(), self.jobs.len());
            self.jobs.push(Job {
                id: id.clone(),
                label,
                recipe,
                inputs,
                data: shared.data.clone(),
                weights,
                fields: BTreeMap::new(),
                cost,
                blocked: shared.blocked.clone(),
            });
        }
        id
    }
}

/// Identity, sizes of the three parts and number of outputs of a dataset; what is expected of one that is not there.
fn extent(
    opened: &Result<Arc<Opened>, String>,
    name: &str,
    expected: [usize; 3],
) -> (DataIdentity, [u64; 3], usize) {
    let (identity, sizes, outputs) = match opened {
        Ok(data) => {
            let sizes = [&data.splits.train, &data.splits.val, &data.splits.test].map(|part| part.len());
            (data.identity.clone(), sizes, data.dataset.task().outputs())
        }
        Err(_) => {
            let missing = DataIdentity { digest: format!("missing {name}"), division: String::new() };
            (missing, expected, 1)
        }
    };
    (identity, sizes.map(|size| size as u64), outputs)
}
