//! The graph of jobs while it grows: each job once, in an order in which each comes after its inputs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_data::{Augment, Task};
use ff_eval::OutputMap;
use ff_models::Spec;
use ff_train::{LrSchedule, OptimizerConfig, SelectBy, TaskWeights, TrainConfig, Trainable, task_kind};

use crate::config::{BackboneConfig, DatasetEntry, EvaluationConfig, ModelConfig, PretrainConfig};
use crate::job::{Cost, DataSource, Job, Recipe, Start, Training, group_fields};
use crate::{Catalog, DataIdentity, Opened, Part, WeightsSource};

use super::HubResolver;

/// What jobs are made of that every kind of table has, and the jobs so far.
pub(super) struct Graph<'a> {
    pub catalog: &'a Catalog,
    pub hub: HubResolver<'a>,
    pub model: &'a ModelConfig,
    pub pretrain: Option<&'a PretrainConfig>,
    pub evaluation: &'a EvaluationConfig,
    jobs: Vec<Job>,
    known: HashMap<String, usize>,
}

/// What the jobs of a column have in common.
pub(super) struct Shared {
    pub prefix: String,
    pub spec: Spec,
    pub identity: DataIdentity,
    pub data: DataSource,
    pub sizes: [u64; 3],
    pub blocked: Option<String>,
}

impl Shared {
    pub(super) fn cost(&self, epochs: u32, captures: u64) -> Cost {
        let evaluations = u64::from(epochs) + captures;
        let epochs = u64::from(epochs);
        let [train, val, _] = self.sizes;
        Cost { epochs, train_images: epochs * train, evaluated_images: evaluations * val, evaluations }
    }
}

/// Where a backbone's weights start, and the file if it is one.
pub(super) type Origin = (Start, Option<PathBuf>);

/// A backbone on a dataset, before any job.
pub(super) struct Opening {
    pub shared: Shared,
    pub origin: Origin,
    pub opened: Result<Arc<Opened>, String>,
    pub task: Option<Task>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(
        (catalog, hub): (&'a Catalog, HubResolver<'a>),
        model: &'a ModelConfig,
        pretrain: Option<&'a PretrainConfig>,
        evaluation: &'a EvaluationConfig,
    ) -> Self {
        Self { catalog, hub, model, pretrain, evaluation, jobs: Vec::new(), known: HashMap::new() }
    }

    pub(super) fn finish(self) -> Vec<Job> {
        self.jobs
    }

    /// Opens a dataset for a backbone. What is missing, of the data or the weights, blocks the column's jobs.
    pub(super) fn open(
        &self,
        backbone: &BackboneConfig,
        dataset: &DatasetEntry,
        origin: &Result<Origin, String>,
    ) -> Opening {
        let opened = self.catalog.open(&dataset.data()).and_then(|opened| {
            if dataset.metric.applies_to(task_kind(opened.dataset.task())) {
                Ok(opened)
            } else {
                Err(format!("metric {} does not apply to its task", dataset.metric))
            }
        });
        let blocked = opened.as_ref().err().map(|why| format!("dataset {}: {why}", dataset.name));
        let task = opened.as_ref().ok().map(|opened| opened.dataset.task().clone());
        let expected = dataset.expected.map_or([0; 3], |e| [e.train, e.val, e.test]);
        let (identity, sizes, outputs) = extent(&opened, &dataset.name, expected);
        let shared = Shared {
            prefix: format!("{} {}", dataset.name, backbone.name),
            spec: self.spec(backbone, outputs),
            identity,
            data: dataset.data(),
            sizes,
            blocked: blocked.or_else(|| origin.as_ref().err().cloned()),
        };
        let origin = origin.clone().unwrap_or((Start::Random { seed: 0 }, None));
        Opening { shared, origin, opened, task }
    }

    fn spec(&self, backbone: &BackboneConfig, outputs: usize) -> Spec {
        let ModelConfig { px, precision, .. } = *self.model;
        Spec { architecture: backbone.architecture, outputs, px, precision }
    }

    /// Where a backbone's weights start; `seed` is that of whatever of them is new.
    pub(super) fn origin(&self, backbone: &BackboneConfig, seed: u64) -> Result<Origin, String> {
        let named = |why: String| format!("weights of {}: {why}", backbone.name);
        self.spec(backbone, 1).check().map_err(|error| error.to_string())?;
        let path = match &backbone.weights {
            WeightsSource::Random => return Ok((Start::Random { seed }, None)),
            WeightsSource::Pretrain => {
                if let Some(section) = self.pretrain {
                    let opened = self.catalog.open(&section.data());
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

    /// The job that pretrains a column's backbone, if its weights start there.
    pub(super) fn pretrained(&mut self, shared: &Shared, start: &Start) -> Option<String> {
        let section = self.pretrain.filter(|_| matches!(start, Start::Input { .. }))?;
        Some(self.pretrain(shared, section))
    }

    fn pretrain(&mut self, shared: &Shared, section: &PretrainConfig) -> String {
        let opened = self.catalog.open(&section.data());
        let (identity, sizes, outputs) = extent(&opened, "source", [0; 3]);
        let blocked = opened.as_ref().err().map(|why| format!("dataset of [pretrain]: {why}"));
        let source = Shared {
            prefix: "source".into(),
            spec: Spec { outputs, ..shared.spec },
            identity,
            data: section.data(),
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
        let training =
            Training { model: source.spec, start, data: source.identity.clone(), train, inmerge: None };
        let label = format!("source {}: pretrain", source.spec.architecture);
        let cost = source.cost(section.epochs, 0);
        self.add(&source, label, Recipe::Pretrain(training), vec![], cost, None)
    }

    /// AdamW along a cosine.
    pub(super) fn train_config(
        &self,
        epochs: u32,
        augment: Augment,
        seed: u64,
        metric: ff_eval::Metric,
        rate: f64,
    ) -> TrainConfig {
        let model = self.model;
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
            task_weights: TaskWeights::Equal,
            keep_optimizer: false,
        }
    }

    /// Says what a hierarchy can group a run's models by.
    pub(super) fn describe(&mut self, id: &str, rate: f64, augment: Augment, seed: u64) {
        self.jobs[self.known[id]].fields = group_fields(rate, augment, seed);
    }

    /// What a job costs.
    pub(super) fn cost(&self, id: &str) -> Cost {
        self.jobs[self.known[id]].cost
    }

    /// The score of a model, the result of `input`, on the test part of its own dataset; `None` if that has none.
    pub(super) fn test_score(
        &mut self,
        shared: &Shared,
        label: &str,
        input: &str,
        dataset: &DatasetEntry,
    ) -> Option<String> {
        let (identity, source) = (shared.identity.clone(), shared.data.clone());
        (shared.sizes[2] > 0)
            .then(|| self.score(shared, label, input, dataset, (source, identity, None), shared.sizes[2]))
    }

    /// The score of a model on the test part of a dataset, by the metric of its own; `outputs` if their classes differ.
    pub(super) fn score(
        &mut self,
        shared: &Shared,
        label: &str,
        input: &str,
        dataset: &DatasetEntry,
        (source, data, outputs): (DataSource, DataIdentity, Option<OutputMap>),
        images: u64,
    ) -> String {
        let recipe = Recipe::Predict { model: shared.spec, data: data.clone(), part: Part::Test, outputs };
        let cost = Cost { evaluations: 1, evaluated_images: images, ..Cost::default() };
        let on = Shared {
            prefix: String::new(),
            spec: shared.spec,
            identity: data,
            data: source,
            sizes: [0; 3],
            blocked: shared.blocked.clone(),
        };
        let predicted =
            self.add(&on, format!("{label}: predict"), recipe, vec![input.to_owned()], cost, None);
        let evaluation = self.evaluation;
        let recipe = Recipe::Evaluate {
            metric: dataset.metric,
            resamples: evaluation.resamples,
            seed: evaluation.seed,
        };
        self.add(&on, format!("{label}: score"), recipe, vec![predicted], Cost::default(), None)
    }

    pub(super) fn add(
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
