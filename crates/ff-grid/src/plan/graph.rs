//! The graph of jobs while it grows: each job once, in an order in which each comes after its inputs.

use crate::job::JobId;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_data::{Augment, Task};
use ff_eval::OutputMap;
use ff_models::Spec;
use ff_train::{LrSchedule, OptimizerConfig, SelectBy, TaskWeights, TrainConfig, Trainable, task_kind};

use super::columns::HubResolver;
use crate::catalog::{Catalog, OpenDataset};
use crate::config::{
    BackboneConfig, DatasetEntry, EvaluationConfig, ModelConfig, PretrainConfig, RunConfig, WeightsSource,
};
use crate::job::{Cost, DataIdentity, DataSource, EvalSplit, Job, JobSpec, Start, Training, group_fields};
use crate::store::{OTHER_SPLIT_HINT, other_split, trained_on};

/// What jobs are made of that every kind of table has, and the jobs so far.
pub(super) struct Graph<'a> {
    pub catalog: &'a Catalog,
    pub hub: HubResolver<'a>,
    pub model: &'a ModelConfig,
    pub pretrain: Option<&'a PretrainConfig>,
    pub evaluation: &'a EvaluationConfig,
    run: &'a RunConfig,
    jobs: Vec<Job>,
    known: HashMap<JobId, usize>,
}

/// What the jobs of a column have in common.
pub(super) struct Shared {
    pub prefix: String,
    pub spec: Spec,
    pub identity: DataIdentity,
    pub data: DataSource,
    pub sizes: [u64; 3],
    /// Whether the test images are in groups.
    pub groups: bool,
    pub blocked: Option<String>,
    pub remarks: Vec<String>,
}

impl Shared {
    pub(super) fn cost(&self, epochs: u32, snapshots: u64) -> Cost {
        let evaluations = u64::from(epochs) + snapshots;
        let epochs = u64::from(epochs);
        let [train, val, _] = self.sizes;
        Cost { epochs, train_images: epochs * train, evaluated_images: evaluations * val, evaluations }
    }
}

/// Images that a model is scored on: the test part of a dataset.
pub(super) struct Scored {
    pub source: DataSource,
    pub data: DataIdentity,
    /// If its classes are not the model's.
    pub outputs: Option<OutputMap>,
    pub groups: bool,
    pub images: u64,
}

/// Where a backbone's weights start.
#[derive(Clone)]
pub(super) struct Origin {
    pub start: Start,
    /// The file, if it is one.
    pub file: Option<PathBuf>,
    /// What the file's weights were trained on.
    seen: Vec<DataIdentity>,
    /// Why the file is not there, if it is not.
    blocked: Option<String>,
}

impl Origin {
    fn of(start: Start) -> Self {
        Self { start, file: None, seen: Vec::new(), blocked: None }
    }

    /// The same, with another seed for whatever is new.
    pub(super) fn with_seed(&self, seed: u64) -> Self {
        Self { start: self.start.with_seed(seed), ..self.clone() }
    }
}

/// A backbone on a dataset, before any job.
pub(super) struct Opening {
    pub shared: Shared,
    pub origin: Origin,
    pub opened: Result<Arc<OpenDataset>, String>,
    pub task: Option<Task>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(
        (catalog, hub): (&'a Catalog, HubResolver<'a>),
        model: &'a ModelConfig,
        pretrain: Option<&'a PretrainConfig>,
        (evaluation, run): (&'a EvaluationConfig, &'a RunConfig),
    ) -> Self {
        Self { catalog, hub, model, pretrain, evaluation, run, jobs: Vec::new(), known: HashMap::new() }
    }

    pub(super) fn finish(self) -> Vec<Job> {
        self.jobs
    }

    /// Opens a dataset for a backbone. What is missing, of the data or the weights, blocks the column's jobs.
    pub(super) fn open(&self, backbone: &BackboneConfig, dataset: &DatasetEntry, origin: &Origin) -> Opening {
        let opened = self.catalog.open(&dataset.data()).and_then(|opened| {
            if !dataset.metric.applies_to(task_kind(opened.dataset.task())) {
                return Err(format!("metric {} does not apply to its task", dataset.metric));
            }
            dataset.task_weights.check(opened.dataset.task()).map_err(|error| error.to_string())?;
            Ok(opened)
        });
        let blocked = opened.as_ref().err().map(|why| format!("dataset {}: {why}", dataset.name));
        let task = opened.as_ref().ok().map(|opened| opened.dataset.task().clone());
        let expected = dataset.expected.map_or([0; 3], |e| [e.train, e.val, e.test]);
        let (identity, sizes, outputs) = extent(&opened, &dataset.name, expected);
        let named = |remark: &str| format!("dataset {}: {remark}", dataset.name);
        let mut remarks: Vec<String> =
            opened.iter().flat_map(|opened| &opened.remarks).map(|remark| named(remark)).collect();
        let mut blocked = blocked.or_else(|| origin.blocked.clone());
        if let Some(why) = other_split(&origin.seen, &identity) {
            let why = named(&format!("the weights of {} were {why}", backbone.name));
            match self.run.allow_other_split {
                true => remarks.push(why),
                false => blocked = blocked.or_else(|| Some(format!("{why}\n{OTHER_SPLIT_HINT}"))),
            }
        }
        let shared = Shared {
            prefix: format!("{} {}", dataset.name, backbone.name),
            spec: self.spec(backbone, outputs),
            identity,
            data: dataset.data(),
            sizes,
            groups: opened.as_ref().is_ok_and(|opened| opened.has_groups(EvalSplit::Test)),
            blocked,
            remarks,
        };
        Opening { shared, origin: origin.clone(), opened, task }
    }

    fn spec(&self, backbone: &BackboneConfig, outputs: usize) -> Spec {
        let ModelConfig { image_size, precision, .. } = *self.model;
        Spec { architecture: backbone.architecture, outputs, image_size, precision }
    }

    /// Where a backbone's weights start; `seed` is that of whatever of them is new.
    pub(super) fn origin(&self, backbone: &BackboneConfig, seed: u64) -> Origin {
        let named = |why: String| format!("weights of {}: {why}", backbone.name);
        let origin = match &backbone.weights {
            WeightsSource::Random => Origin::of(Start::Random { seed }),
            WeightsSource::Pretrain => {
                let opened =
                    self.pretrain.map_or(Ok(()), |section| self.catalog.open(&section.data()).map(drop));
                let blocked = opened.err().map(|why| named(format!("dataset of [pretrain]: {why}")));
                Origin { blocked, ..Origin::of(Start::Input { optimizer: false, seed }) }
            }
            WeightsSource::File(path) => Self::of_file(Ok(path.clone()), seed, named),
            WeightsSource::Hub(id) => Self::of_file((self.hub)(id), seed, named),
        };
        match self.spec(backbone, 1).check() {
            Ok(()) => origin,
            Err(error) => Origin { blocked: Some(error.to_string()), ..origin },
        }
    }

    fn of_file(path: Result<PathBuf, String>, seed: u64, named: impl Fn(String) -> String) -> Origin {
        let open = |path: PathBuf| {
            StateDict::open(&path).map(|file| (path, file)).map_err(|error| error.to_string())
        };
        match path.and_then(open) {
            Ok((path, file)) => Origin {
                file: Some(path),
                seen: trained_on(&file),
                ..Origin::of(Start::File { digest: file.digest().to_string(), seed })
            },
            Err(why) => Origin {
                blocked: Some(named(why)),
                ..Origin::of(Start::File { digest: Start::UNKNOWN.to_owned(), seed })
            },
        }
    }

    /// The job that pretrains a column's backbone, if its weights start there.
    pub(super) fn pretrained(&mut self, shared: &Shared, start: &Start) -> Option<JobId> {
        let section = self.pretrain.filter(|_| matches!(start, Start::Input { .. }))?;
        Some(self.pretrain(shared, section))
    }

    fn pretrain(&mut self, shared: &Shared, section: &PretrainConfig) -> JobId {
        let opened = self.catalog.open(&section.data());
        let (identity, sizes, outputs) = extent(&opened, "source", [0; 3]);
        let blocked = opened.as_ref().err().map(|why| format!("dataset of [pretrain]: {why}"));
        let source = Shared {
            prefix: "source".into(),
            spec: Spec { outputs, ..shared.spec },
            identity,
            data: section.data(),
            sizes,
            groups: false,
            blocked,
            remarks: Vec::new(),
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
        self.add(&source, label, JobSpec::Pretrain(training), vec![], cost, None)
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
    ) -> Option<JobId> {
        let (identity, source) = (shared.identity.clone(), shared.data.clone());
        (shared.sizes[2] > 0).then(|| {
            let on = Scored {
                source,
                data: identity,
                outputs: None,
                groups: shared.groups,
                images: shared.sizes[2],
            };
            self.score(shared, label, input, dataset, on)
        })
    }

    /// The score of a model on the test part of a dataset, by the metric of its own; `outputs` if their classes differ.
    pub(super) fn score(
        &mut self,
        shared: &Shared,
        label: &str,
        input: &str,
        dataset: &DatasetEntry,
        Scored { source, data, outputs, groups, images }: Scored,
    ) -> JobId {
        let (model, part) = (shared.spec, EvalSplit::Test);
        let spec = JobSpec::Predict { model, data: data.clone(), part, outputs, groups };
        let cost = Cost { evaluations: 1, evaluated_images: images, ..Cost::default() };
        let on = Shared {
            prefix: String::new(),
            spec: shared.spec,
            identity: data,
            data: source,
            sizes: [0; 3],
            groups,
            blocked: shared.blocked.clone(),
            remarks: shared.remarks.clone(),
        };
        let predicted = self.add(&on, format!("{label}: predict"), spec, vec![input.into()], cost, None);
        let evaluation = self.evaluation;
        let spec = JobSpec::Evaluate {
            metric: dataset.metric,
            resamples: evaluation.resamples,
            seed: evaluation.seed,
        };
        self.add(&on, format!("{label}: score"), spec, vec![predicted], Cost::default(), None)
    }

    pub(super) fn add(
        &mut self,
        shared: &Shared,
        label: String,
        spec: JobSpec,
        inputs: Vec<JobId>,
        cost: Cost,
        weights: Option<PathBuf>,
    ) -> JobId {
        let id = Job::identity(&spec, &inputs);
        if !self.known.contains_key(&id) {
            self.known.insert(id.clone(), self.jobs.len());
            self.jobs.push(Job {
                id: id.clone(),
                label,
                spec: spec,
                inputs,
                data: shared.data.clone(),
                weights,
                fields: BTreeMap::new(),
                cost,
                blocked: shared.blocked.clone(),
                remarks: shared.remarks.clone(),
            });
        }
        id
    }
}

/// Identity, sizes of the three parts and number of outputs of a dataset; what is expected of one that is not there.
fn extent(
    opened: &Result<Arc<OpenDataset>, String>,
    name: &str,
    expected: [usize; 3],
) -> (DataIdentity, [u64; 3], usize) {
    let (identity, sizes, outputs) = match opened {
        Ok(data) => {
            let sizes = [&data.splits.train, &data.splits.val, &data.splits.test].map(|part| part.len());
            (data.identity.clone(), sizes, data.dataset.task().outputs())
        }
        Err(_) => {
            let missing = DataIdentity { digest: format!("missing {name}"), split: String::new() };
            (missing, expected, 1)
        }
    };
    (identity, sizes.map(|size| size as u64), outputs)
}
