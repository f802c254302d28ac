//! The builder of a graph of jobs: each job once, after its inputs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use ff_checkpoint::StateDict;
use ff_data::{Augment, Task};
use ff_eval::{Metric, OutputMap};
use ff_models::{Architecture, Spec, TimmConfig};
use ff_train::{LrSchedule, OptimizerConfig, TrainConfig, task_kind};

use super::column::{ColumnBase, OpenedColumn, StartWeights};
use crate::catalog::{Catalog, OpenDataset};
use crate::config::{
    BackboneConfig, Common, DatasetEntry, EvaluationConfig, ModelConfig, NO_WEIGHTS, PretrainConfig,
    WeightsSource,
};
use crate::job::{Cost, DataIdentity, EvalSplit, Job, JobId, JobSpec, RunFields, Start};
use crate::store::{OTHER_SPLIT_HINT, other_split, trained_on};

/// A graph of jobs while an experiment adds to it, with the settings that every kind of table has.
pub struct Graph<'a> {
    /// The datasets.
    pub catalog: &'a Catalog,
    /// Finds files of weights from the Hugging Face hub.
    pub hub: HubResolver<'a>,
    /// Settings that all models share.
    pub model: ModelConfig,
    /// Pretraining, if some backbone starts with it.
    pub pretrain: Option<PretrainConfig>,
    /// How scores are reported.
    pub evaluation: EvaluationConfig,
    /// Whether weights that were trained on the same images in another split are allowed.
    pub allow_other_split: bool,
    jobs: Vec<Job>,
    known: HashMap<JobId, usize>,
}

/// Returns the file of a Hugging Face id, or why it is missing.
pub type HubResolver<'a> = &'a dyn Fn(&str) -> Result<PathBuf, String>;

impl<'a> Graph<'a> {
    pub(super) fn new(catalog: &'a Catalog, hub: HubResolver<'a>, common: &Common<'_>) -> Self {
        Self {
            catalog,
            hub,
            model: common.model.clone(),
            pretrain: common.pretrain.cloned(),
            evaluation: common.evaluation.clone(),
            allow_other_split: common.run.allow_other_split,
            jobs: Vec::new(),
            known: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<Job> {
        self.jobs
    }

    /// Opens a dataset for a backbone. Missing data or weights block the column's jobs.
    pub fn open(
        &self,
        backbone: &BackboneConfig,
        dataset: &DatasetEntry,
        origin: &StartWeights,
    ) -> OpenedColumn {
        let opened = self.catalog.open(&dataset.data()).and_then(|opened| {
            let kind = task_kind(opened.dataset.task());
            if !dataset.metric.applies_to(kind) {
                let others = Metric::ALL.into_iter().filter(|metric| metric.applies_to(kind));
                let others: Vec<&str> = others.map(Metric::name).collect();
                return Err(format!(
                    "metric: expected one for {} targets, found {}\nhint: choose {}, such as \
                     --set dataset.metric={} (in a recipe for ff-train: train.metric)",
                    kind.name(),
                    dataset.metric,
                    others.join(" or "),
                    others.first().unwrap_or(&"")
                ));
            }
            dataset.task_weights.check(opened.dataset.task()).map_err(|error| error.to_string())?;
            Ok(opened)
        });
        let expected = dataset.expected.map_or([0; 3], |e| [e.train, e.val, e.test]);
        let (identity, sizes, outputs) = extent(&opened, &dataset.name, expected);
        let named = |remark: &str| format!("dataset {}: {remark}", dataset.name);
        let mut remarks: Vec<String> =
            opened.iter().flat_map(|opened| &opened.remarks).map(|remark| named(remark)).collect();
        let mut blocked = opened.as_ref().err().map(|why| named(why)).or_else(|| origin.blocked.clone());
        if let Some(why) = other_split(&origin.seen, &identity) {
            let why = named(&format!("the weights of {} were {why}", backbone.name));
            match self.allow_other_split {
                true => remarks.push(why),
                false => blocked = blocked.or_else(|| Some(format!("{why}\n{OTHER_SPLIT_HINT}"))),
            }
        }
        let shared = ColumnBase {
            prefix: format!("{} {}", dataset.name, backbone.name),
            spec: self.spec(backbone, outputs),
            identity,
            data: dataset.data(),
            sizes,
            groups: opened.as_ref().is_ok_and(|opened| opened.has_groups(EvalSplit::Test)),
            blocked,
            remarks,
        };
        OpenedColumn { shared, opened }
    }

    fn spec(&self, backbone: &BackboneConfig, outputs: usize) -> Spec {
        let ModelConfig { image_size, precision, normalisation, .. } = self.model;
        let architecture = backbone.architecture;
        // The architecture's own, written out or not, is the same model.
        let normalisation = normalisation.filter(|own| *own != architecture.normalisation);
        Spec { architecture, outputs, image_size, precision, normalisation }
    }

    /// Finds the initial weights of a backbone. `seed` is the seed of new weights.
    pub fn origin(&self, backbone: &BackboneConfig, seed: u64) -> StartWeights {
        let named = |why: String| format!("weights of {}: {why}", backbone.name);
        let architecture = backbone.architecture;
        let of_file = |path| Self::of_file(path, architecture, seed, named);
        let origin = match backbone.weights.of(architecture) {
            WeightsSource::Pretrained => of_file(Err(NO_WEIGHTS.to_owned())),
            WeightsSource::Random => StartWeights::of(Start::Random { seed }),
            WeightsSource::Pretrain => {
                let opened = self
                    .pretrain
                    .as_ref()
                    .map_or(Ok(()), |section| self.catalog.open(&section.data()).map(drop));
                let blocked = opened.err().map(|why| named(format!("dataset of [pretrain]: {why}")));
                StartWeights { blocked, ..StartWeights::of(Start::Input { optimizer: false, seed }) }
            }
            WeightsSource::File(path) => of_file(Ok(path)),
            WeightsSource::Hub(id) => of_file((self.hub)(&id)),
        };
        match self.spec(backbone, 1).check() {
            Ok(()) => origin,
            Err(error) => StartWeights { blocked: Some(error.to_string()), ..origin },
        }
    }

    fn of_file(
        path: Result<PathBuf, String>,
        architecture: Architecture,
        seed: u64,
        named: impl Fn(String) -> String,
    ) -> StartWeights {
        let open = |path: PathBuf| {
            if let Some(config) = TimmConfig::beside(&path).map_err(|error| error.to_string())? {
                config.choose(Some(architecture)).map_err(|error| error.to_string())?;
            }
            StateDict::open(&path).map(|file| (path, file)).map_err(|error| error.to_string())
        };
        match path.and_then(open) {
            Ok((path, file)) => StartWeights {
                file: Some(path),
                made: file.provenance().ok().cloned(),
                seen: trained_on(&file),
                ..StartWeights::of(Start::File { digest: file.digest().to_string(), seed, optimizer: None })
            },
            Err(why) => StartWeights {
                blocked: Some(named(why)),
                ..StartWeights::of(Start::File { digest: Start::UNKNOWN.to_owned(), seed, optimizer: None })
            },
        }
    }

    /// Adds the job that pretrains a column's backbone, if its weights start with it.
    pub fn pretrained(&mut self, shared: &ColumnBase, start: &Start) -> Option<JobId> {
        let section = self.pretrain.clone().filter(|_| matches!(start, Start::Input { .. }))?;
        let opened = self.catalog.open(&section.data());
        let (identity, sizes, outputs) = extent(&opened, "source", [0; 3]);
        let blocked = opened.as_ref().err().map(|why| format!("dataset of [pretrain]: {why}"));
        let source = ColumnBase {
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
        let train = TrainConfig {
            batch_size: section.batch_size.unwrap_or(self.model.batch_size),
            ..self.train_config(section.epochs, section.augment, section.seed, metric, section.learning_rate)
        };
        let training = source.training(Start::Random { seed: section.seed }, train, None);
        let label = format!("source {}: pretrain", source.spec.architecture);
        let cost = source.cost(section.epochs, 0);
        Some(self.add(&source, label, JobSpec::Pretrain(training), vec![], cost, None))
    }

    /// Returns a configuration of training with AdamW and a cosine schedule from `rate`.
    pub fn train_config(
        &self,
        epochs: u32,
        augment: Augment,
        seed: u64,
        metric: ff_eval::Metric,
        rate: f64,
    ) -> TrainConfig {
        TrainConfig {
            epochs,
            batch_size: self.model.batch_size,
            augment,
            seed,
            optimizer: OptimizerConfig::adamw(self.model.weight_decay),
            schedule: LrSchedule::Cosine { lr: rate },
            metric,
            ..TrainConfig::default()
        }
    }

    /// Sets what tells a run from the others of its table.
    pub fn describe(&mut self, id: &str, run: RunFields) {
        self.jobs[self.known[id]].fields = run.to_map();
    }

    /// Asks for statistics of a run's kernels ([`Job::kernels`]).
    pub fn with_kernels(&mut self, id: &str) {
        self.jobs[self.known[id]].kernels = true;
    }

    /// Returns the cost of a job.
    pub fn cost(&self, id: &str) -> Cost {
        self.jobs[self.known[id]].cost
    }

    /// Adds the score of a model on the test split of its dataset; `None` if the dataset has none.
    pub fn test_score(
        &mut self,
        shared: &ColumnBase,
        label: &str,
        inputs: &[JobId],
        networks: u64,
        dataset: &DatasetEntry,
    ) -> Option<JobId> {
        (shared.sizes[2] > 0).then(|| self.score(shared, label, inputs, networks, dataset, None))
    }

    /// Adds the score of a model on the test split of the data of `on`, by the metric of its own
    /// dataset.
    ///
    /// `inputs` has the job that saved the model; for an ensemble of a number of `networks`, its job
    /// and then the runs of its pool. `outputs` maps the model's outputs to the classes of `on`, if
    /// they differ.
    pub fn score(
        &mut self,
        on: &ColumnBase,
        label: &str,
        inputs: &[JobId],
        networks: u64,
        dataset: &DatasetEntry,
        outputs: Option<OutputMap>,
    ) -> JobId {
        let ColumnBase { spec: model, identity: data, groups, sizes: [_, _, images], .. } = on.clone();
        let spec = JobSpec::Predict { model, data, part: EvalSplit::Test, outputs, groups };
        let cost = Cost { evaluations: networks, evaluated_images: networks * images, ..Cost::default() };
        let predicted = self.add(on, format!("{label}: predict"), spec, inputs.to_vec(), cost, None);
        let EvaluationConfig { resamples, seed } = self.evaluation;
        let spec = JobSpec::Evaluate { metric: dataset.metric, resamples, seed };
        self.add(on, format!("{label}: score"), spec, vec![predicted], Cost::default(), None)
    }

    /// Adds a training run without inputs, whose folder in the runs folder is `name`.
    pub fn add_alone(
        &mut self,
        base: &ColumnBase,
        name: &str,
        spec: JobSpec,
        cost: Cost,
        start: &StartWeights,
        fields: BTreeMap<String, String>,
    ) -> JobId {
        let id = self.add(base, name.to_owned(), spec, Vec::new(), cost, start.file.clone());
        let job = &mut self.jobs[self.known[&id]];
        *job = Job { fields, optimizer: start.optimizer.clone(), place: Some(name.into()), ..job.clone() };
        id
    }

    /// Adds a job, unless it is in the graph already, and returns its identity.
    pub fn add(
        &mut self,
        shared: &ColumnBase,
        label: String,
        spec: JobSpec,
        inputs: Vec<JobId>,
        cost: Cost,
        weights: Option<PathBuf>,
    ) -> JobId {
        let id = Job::identity(&spec, &inputs);
        if !self.known.contains_key(&id) {
            self.known.insert(id.clone(), self.jobs.len());
            let fields = match &spec {
                JobSpec::Import(import) => import.fields.clone(),
                _ => BTreeMap::new(),
            };
            self.jobs.push(Job {
                id: id.clone(),
                label,
                spec,
                inputs,
                data: shared.data.clone(),
                weights,
                optimizer: None,
                place: None,
                fields,
                cost,
                blocked: shared.blocked.clone(),
                remarks: shared.remarks.clone(),
                kernels: false,
            });
        }
        id
    }
}

/// Returns identity, sizes of the three splits and number of outputs of a dataset. For missing
/// data, the sizes are those that the configuration expects.
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
