//! What each kind of job does.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ff_checkpoint::{FileRef, Parent, Provenance, StateDict, entries};
use ff_eval::{Note, OutputMap, Score};
use ff_models::{Model, Spec};
use ff_train::{
    EpochRecord, Outcome, Run, StepHook, Stop, TrainData, predictions_of, save_predictions, train,
};
use tch::Device;

use crate::config::RunConfig;
use crate::job::{Start, Training};
use crate::merging::{MergeHook, kernels};
use crate::record::{Finished, LayerKernels, Record, Runs};
use crate::{
    Catalog, Claimed, Claims, Cost, DataIdentity, Error, Job, Jobs, Opened, Part, Recipe, landscape,
    note_trained_on, soup, trained_on,
};

/// Everything a job needs besides itself.
#[derive(Clone)]
pub struct Workshop<'a> {
    /// The graph it is part of.
    pub jobs: &'a Jobs,
    /// How jobs are run.
    pub run: &'a RunConfig,
    /// The datasets.
    pub catalog: &'a Catalog,
    /// Where results go.
    pub runs: &'a Runs,
    /// Who else is at work there.
    pub claims: &'a Claims,
    /// Asks everything to stop.
    pub stop: Stop,
    /// Where tensors live.
    pub device: Device,
}

/// The version written into every record and file.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Workshop<'_> {
    /// Does a job and puts it on record. The caller has claimed its folder. `on_epoch` hears of every epoch of training,
    /// which `stop` stops.
    ///
    /// # Errors
    /// Anything; nothing is on record then, and the job can be done again.
    pub fn perform(
        &self,
        job: &Job,
        stop: &Stop,
        on_epoch: &mut dyn FnMut(&EpochRecord),
    ) -> Result<Record, Error> {
        let started = Instant::now();
        let mut layers = Vec::new();
        let (finished, cost) = match &job.recipe {
            Recipe::Pretrain(training)
            | Recipe::Probe(training)
            | Recipe::Finetune(training)
            | Recipe::Fgg(training) => {
                let (outcome, cost, kernels) = self.train(job, training, (stop, on_epoch))?;
                layers = kernels;
                (outcome, cost)
            }
            Recipe::Soup(recipe) => soup::make(self, job, recipe, &*self.data(job, &recipe.data)?)?,
            Recipe::Predict { model, data, part, outputs, groups: _ } => {
                self.predict(job, model, (data, *part), outputs.as_ref())?
            }
            Recipe::Evaluate { metric, resamples, seed } => {
                let input = self.input(job, 0)?;
                let record = self.runs.done(input)?;
                let finished = match (&record.finished, record.diverged()) {
                    (_, Some(run)) => Finished::Diverged { run: run.to_owned() },
                    (Finished::Predictions { file, .. }, None) => {
                        let file = self.runs.open(input, file)?;
                        let predictions = predictions_of(&file)?;
                        let mut score = Score::new(*metric, &predictions, *resamples, *seed);
                        let names: Vec<String> = file
                            .provenance()?
                            .recipe
                            .get("classes")
                            .and_then(|names| serde_json::from_value(names.clone()).ok())
                            .unwrap_or_default();
                        score.notes.iter_mut().for_each(|note| *note = Note::Text(note.describe(&names)));
                        Finished::Score(score)
                    }
                    _ => return Err(record.not("predictions")),
                };
                (finished, Cost::default())
            }
            Recipe::Plane(recipe) => landscape::plane(self, job, recipe)?,
            Recipe::PlaneRow(recipe) => landscape::row(self, job, recipe)?,
            Recipe::Surface(recipe) => landscape::surface(self, job, recipe)?,
            Recipe::Path(recipe) => landscape::path(self, job, recipe)?,
            Recipe::Tries(recipe) => landscape::tries(self, job, recipe)?,
        };
        // A resumed run also took the time of the epochs before it was stopped.
        let trained = match &finished {
            Finished::Training(outcome) => outcome.history.iter().map(|epoch| epoch.seconds).sum(),
            _ => 0.0,
        };
        let record = Record {
            id: job.id.clone(),
            label: job.label.clone(),
            recipe: job.recipe.clone(),
            inputs: job.inputs.clone(),
            finished,
            kernels: layers,
            cost,
            seconds: started.elapsed().as_secs_f64().max(trained),
            device: device_name(self.device),
            threads: tch::get_num_threads().max(0) as usize,
            remarks: job.remarks.clone(),
            code_version: VERSION.to_owned(),
        };
        self.runs.finish(job, &record)?;
        if job.recipe.training().is_some() {
            Outcome::forget_resume_points(&self.runs.folder(job))?;
        }
        Ok(record)
    }

    /// Removes what is left of the work on a job that is done: a process may be killed after it has put the job on record
    /// and before it has cleared up.
    pub(crate) fn tidy(&self, job: &Job, record: &Record) -> Result<(), Error> {
        let folder = self.runs.folder(job);
        let kept = [Path::new("record.json"), Path::new("history.jsonl")];
        let kept: HashSet<PathBuf> = kept
            .into_iter()
            .chain(record.files().into_iter().map(|file| file.path.as_path()))
            .map(|name| folder.join(name))
            .collect();
        if entries(&folder)?.iter().any(|path| !kept.contains(path))
            && let Claimed::Ours(_claim) = self.claims.take(&folder, self.stop.part())?
        {
            Outcome::forget_resume_points(&folder)?;
        }
        Ok(())
    }

    fn train(
        &self,
        job: &Job,
        training: &Training,
        (stop, on_epoch): (&Stop, &mut dyn FnMut(&EpochRecord)),
    ) -> Result<(Finished, Cost, Vec<LayerKernels>), Error> {
        let data = self.data(job, &training.data)?;
        let (Start::Random { seed } | Start::File { seed, .. } | Start::Input { seed, .. }) = training.start;
        let mut model = Model::new(&training.model, self.device, seed)?;
        let (mut parents, mut before) = (Vec::new(), Vec::new());
        let mut optimizer = None;
        match &training.start {
            Start::Random { .. } => {}
            Start::File { digest, .. } => {
                let path =
                    job.weights.as_ref().ok_or_else(|| Error::Job("its weights are not there".into()))?;
                let weights = StateDict::open(path)?;
                if weights.digest().to_string() != *digest {
                    let reason = "the weights have changed since the plan was made".into();
                    return Err(Error::File { path: path.clone(), reason });
                }
                model.load(&weights)?;
                before = trained_on(&weights);
                parents.push(parent(&path.display().to_string(), &weights));
            }
            Start::Input { optimizer: carry, .. } => {
                let input = self.input(job, 0)?;
                let record = self.runs.done(input)?;
                let outcome = record.training()?;
                let Some(kept) = &outcome.kept else {
                    // Nothing to start from: this run ends where the one before it did.
                    let outcome = Outcome { history: Vec::new(), ..outcome.clone() };
                    return Ok((Finished::Training(outcome), Cost::default(), Vec::new()));
                };
                let weights = self.runs.open(input, &kept.weights)?;
                model.load(&weights)?;
                before = trained_on(&weights);
                parents.push(parent(&input.label, &weights));
                if *carry {
                    let path = kept.optimizer.as_ref();
                    let path = path.ok_or_else(|| Error::Job("its base kept no optimizer state".into()))?;
                    let state = self.runs.open(input, path)?;
                    parents.push(parent(&format!("{}, optimizer", input.label), &state));
                    optimizer = Some(state);
                }
            }
        }
        let train_data = TrainData {
            dataset: data.dataset.clone(),
            train: data.splits.train.clone(),
            validation: self.catalog.eval_set(&data, Part::Validation, training.model.px),
        };
        let mut provenance = self.provenance(job, parents, &data)?;
        if let Some(recipe) = provenance.recipe.as_object_mut() {
            note_trained_on(recipe, before);
        }
        let mut hooks: Vec<Box<dyn StepHook>> = Vec::new();
        if let Some(settings) = training.inmerge {
            hooks.push(Box::new(MergeHook::new(settings, training.train.seed, &model)?));
        }
        let outcome = train(
            &training.train,
            &mut model,
            &train_data,
            Run {
                folder: &self.runs.folder(job),
                provenance,
                optimizer,
                loader_threads: self.catalog.loader_threads(),
                on_bad_image: self.run.on_bad_image,
                resume_every: self.run.resume_every(),
                stop: stop.clone(),
                hooks: &mut hooks,
                on_epoch,
            },
        )?;
        let evaluations = outcome.evaluations();
        let cost = Cost {
            epochs: outcome.history.len() as u64,
            train_images: outcome.history.iter().map(|epoch| epoch.images as u64).sum(),
            evaluated_images: evaluations * train_data.validation.len() as u64,
            evaluations,
        };
        let mut of_kernels = Vec::new();
        if let Some(last) = outcome.kept.as_ref().or(outcome.captures.last()) {
            model.load_strict(&self.runs.open(job, &last.weights)?)?;
            of_kernels = kernels(&model);
        }
        Ok((Finished::Training(outcome), cost, of_kernels))
    }

    fn predict(
        &self,
        job: &Job,
        spec: &Spec,
        (identity, part): (&DataIdentity, Part),
        outputs: Option<&OutputMap>,
    ) -> Result<(Finished, Cost), Error> {
        let data = self.data(job, identity)?;
        let input = self.input(job, 0)?;
        let record = self.runs.done(input)?;
        if let Some(run) = record.diverged() {
            return Ok((Finished::Diverged { run: run.to_owned() }, Cost::default()));
        }
        let weights = self.runs.open(input, record.weights()?)?;
        let mut model = Model::new(spec, self.device, 0)?;
        model.load_strict(&weights)?;
        let images = self.catalog.eval_set(&data, part, spec.px);
        let predictions = images.predict(&model, outputs)?;
        let name = "predictions.safetensors";
        let provenance = self.provenance(job, vec![parent(&input.label, &weights)], &data)?;
        let path = self.runs.folder(job).join(name);
        let file = FileRef::new(name, save_predictions(&path, &predictions, Some(&provenance))?);
        let cost = Cost { evaluations: 1, evaluated_images: predictions.len() as u64, ..Cost::default() };
        let skipped = images.skipped().to_vec();
        Ok((Finished::Predictions { file, samples: predictions.len(), skipped }, cost))
    }

    /// A job's dataset, checked to be the one that was planned with.
    pub(crate) fn data(&self, job: &Job, identity: &DataIdentity) -> Result<Arc<Opened>, Error> {
        let data = self.catalog.open(&job.data).map_err(Error::Job)?;
        if data.identity == *identity {
            Ok(data)
        } else {
            Err(Error::Job("its data is not what it was planned with".into()))
        }
    }

    /// The job whose result is the `at`th input.
    pub(crate) fn input(&self, job: &Job, at: usize) -> Result<&Job, Error> {
        let id =
            job.inputs.get(at).ok_or_else(|| Error::Job(format!("job `{}` lacks an input", job.label)))?;
        self.planned(id)
    }

    /// A job of the plan.
    pub(crate) fn planned(&self, id: &str) -> Result<&Job, Error> {
        self.jobs.find(id).ok_or_else(|| Error::Job(format!("job {id} is not in the plan")))
    }

    fn provenance(&self, job: &Job, parents: Vec<Parent>, data: &Opened) -> Result<Provenance, Error> {
        let mut recipe =
            serde_json::to_value(job.recipe.essence()).map_err(|error| Error::Job(error.to_string()))?;
        // For whoever has the file alone: what its outputs mean, and what a hierarchy can group it by.
        recipe["classes"] = serde_json::json!(data.dataset.task().names());
        if !job.fields.is_empty() {
            recipe["fields"] = serde_json::json!(job.fields);
        }
        Ok(Provenance {
            kind: job.recipe.kind().to_owned(),
            recipe,
            parents,
            data: Some(data.identity.digest.clone()),
            code_version: VERSION.to_owned(),
        })
    }
}

/// A device as records and claims name it: `cpu`, `cuda(0)`.
pub fn device_name(device: Device) -> String {
    format!("{device:?}").to_lowercase()
}

fn parent(id: &str, weights: &StateDict) -> Parent {
    Parent { id: id.to_owned(), digest: *weights.digest(), weight: None }
}
