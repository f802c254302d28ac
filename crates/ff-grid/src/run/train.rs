//! A run of training.

use std::path::Path;

use ff_checkpoint::{StateDict, note_trained_on, trained_on};
use ff_models::Model;
use ff_train::{CancelToken, EpochRecord, Outcome, Run, StepHook, TrainData, train};

use super::context::JobContext;
use super::inmerge::{InmergeHook, kernels};
use crate::error::Error;
use crate::job::{Cost, EvalSplit, Job, JobOutput, LayerKernels, Start, Training};

impl JobContext<'_> {
    pub(super) fn train(
        &self,
        job: &Job,
        training: &Training,
        (stop, on_epoch): (&CancelToken, &mut dyn FnMut(&EpochRecord)),
    ) -> Result<(JobOutput, Cost, Vec<LayerKernels>), Error> {
        let data = self.data(job, &training.data)?;
        let (Start::Random { seed } | Start::File { seed, .. } | Start::Input { seed, .. }) = training.start;
        let mut model = Model::new(&training.model, self.device, seed)?;
        let (mut parents, mut before) = (Vec::new(), Vec::new());
        let mut optimizer = None;
        match &training.start {
            Start::Random { .. } => {}
            Start::File { digest, optimizer: state, .. } => {
                let path =
                    job.weights.as_ref().ok_or_else(|| Error::Job("its weights are not there".into()))?;
                let weights = unchanged(path, digest)?;
                model.load(&weights)?;
                before = trained_on(&weights);
                parents.push(weights.as_parent(&path.display().to_string()));
                if let (Some(digest), Some(path)) = (state, &job.optimizer) {
                    let state = unchanged(path, digest)?;
                    parents.push(state.as_parent(&path.display().to_string()));
                    optimizer = Some(state);
                }
            }
            Start::Input { optimizer: carry, .. } => {
                let input = self.planned(job.base()?)?;
                let record = self.runs.done(input)?;
                let outcome = record.training()?;
                let Some(kept) = &outcome.kept else {
                    // Nothing to start from: this run ends where the one before it did.
                    let outcome = Outcome { history: Vec::new(), ..outcome.clone() };
                    return Ok((JobOutput::Training(outcome), Cost::default(), Vec::new()));
                };
                let weights = self.runs.open(input, &kept.weights)?;
                model.load(&weights)?;
                before = trained_on(&weights);
                parents.push(weights.as_parent(&input.label));
                if *carry {
                    let path = kept.optimizer.as_ref();
                    let path = path.ok_or_else(|| Error::Job("its base kept no optimizer state".into()))?;
                    let state = self.runs.open(input, path)?;
                    parents.push(state.as_parent(&format!("{}, optimizer", input.label)));
                    optimizer = Some(state);
                }
            }
        }
        let train_data = TrainData {
            dataset: data.dataset.clone(),
            train: data.splits.train.clone(),
            validation: self.catalog.eval_set(&data, EvalSplit::Validation, training.model.image_size),
        };
        let mut provenance = self.provenance(job, parents, &data)?;
        if let Some(recipe) = provenance.recipe.as_object_mut() {
            note_trained_on(recipe, before);
        }
        let mut hooks: Vec<Box<dyn StepHook>> = Vec::new();
        if let Some(settings) = training.inmerge {
            hooks.push(Box::new(InmergeHook::new(settings, training.train.seed, &model)?));
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
        if let Some(last) = outcome.kept.as_ref().or(outcome.snapshots.last()) {
            model.load_strict(&self.runs.open(job, &last.weights)?)?;
            of_kernels = kernels(&model);
        }
        Ok((JobOutput::Training(outcome), cost, of_kernels))
    }
}

/// A file that has the content it was planned with.
fn unchanged(path: &Path, digest: &str) -> Result<StateDict, Error> {
    let file = StateDict::open(path)?;
    match file.digest().to_string() == *digest {
        true => Ok(file),
        false => {
            let reason = "the weights have changed since the plan was made".into();
            Err(Error::File { path: path.to_owned(), reason })
        }
    }
}
