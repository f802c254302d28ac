//! Jobs that train.

use std::path::Path;

use ff_checkpoint::{StateDict, note_trained_on, trained_on};
use ff_models::Model;
use ff_train::{BN_IMAGES, CancelToken, EpochRecord, Outcome, Run, StepHook, TrainData, train};

use super::context::JobContext;
use super::inmerge::{InmergeHook, kernels};
use crate::error::Error;
use crate::job::{Cost, EvalSplit, Job, JobOutput, LayerKernels, Start, Training};

/// The weights and the optimizer state that a training run starts from, with their names in
/// provenance.
#[derive(Default)]
struct StartingPoint {
    weights: Option<(String, StateDict)>,
    optimizer: Option<(String, StateDict)>,
}

impl JobContext<'_> {
    /// Trains a model. If the run that it starts from diverged without a saved model, this run ends
    /// with the same outcome.
    pub(super) fn train(
        &self,
        job: &Job,
        training: &Training,
        stop: &CancelToken,
        on_epoch: &mut dyn FnMut(&EpochRecord),
    ) -> Result<(JobOutput, Cost, Vec<LayerKernels>), Error> {
        let start = match self.starting_point(job, &training.start)? {
            Ok(start) => start,
            Err(outcome) => return Ok((JobOutput::Training(outcome), Cost::default(), Vec::new())),
        };
        let data = self.data(job, &training.data)?;
        let (Start::Random { seed } | Start::File { seed, .. } | Start::Input { seed, .. }) = training.start;
        let mut model = Model::new(&training.model, self.device, seed)?;
        if let Some((name, weights)) = &start.weights {
            let loaded = model.load(weights)?;
            let is_usual = loaded.left_out.is_empty() && loaded.renamed.is_none();
            match is_usual && loaded.replaced_classifier != Some(0) {
                true => tracing::debug!("{name}: {loaded}"),
                false => tracing::warn!("{name}: {loaded}"),
            }
        }
        let seen = start.weights.iter().flat_map(|(_, weights)| trained_on(weights)).collect::<Vec<_>>();
        let parents = start.weights.iter().chain(&start.optimizer);
        let parents = parents.map(|(name, file)| file.as_parent(name)).collect();
        let optimizer = start.optimizer.map(|(_, state)| state);
        let train_data = TrainData {
            dataset: data.dataset.clone(),
            train: data.splits.train.clone(),
            validation: self.catalog.eval_set(&data, EvalSplit::Validation, training.model.image_size),
        };
        let mut provenance = self.provenance(job, parents, &data)?;
        if let Some(recipe) = provenance.recipe.as_object_mut() {
            note_trained_on(recipe, seen);
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
        let recomputed = match outcome.ema.is_some() && training.model.architecture.batch_norm {
            true => BN_IMAGES.min(train_data.train.len()),
            false => 0,
        };
        let cost = Cost {
            epochs: outcome.history.len() as u64,
            train_images: outcome.history.iter().map(|epoch| epoch.images as u64).sum(),
            evaluated_images: evaluations * train_data.validation.len() as u64 + recomputed as u64,
            evaluations,
        };
        let mut of_kernels = Vec::new();
        let last = outcome.kept.as_ref().or(outcome.snapshots.last());
        if let Some(last) = last.filter(|_| job.kernels || training.inmerge.is_some()) {
            model.load_strict(&self.runs.open(job, &last.weights)?)?;
            of_kernels = kernels(&model);
        }
        Ok((JobOutput::Training(outcome), cost, of_kernels))
    }

    /// Opens the files that the run starts from. The inner error: the outcome of a base that saved
    /// no model.
    fn starting_point(&self, job: &Job, start: &Start) -> Result<Result<StartingPoint, Outcome>, Error> {
        Ok(Ok(match start {
            Start::Random { .. } => StartingPoint::default(),
            Start::File { digest, optimizer, .. } => {
                let named = |path: &Path, digest: &str| -> Result<_, Error> {
                    Ok((path.display().to_string(), unchanged(path, digest)?))
                };
                let missing = || Error::Job("expected a file of weights to start from, found none".into());
                let path = job.weights.as_ref().ok_or_else(missing)?;
                let optimizer = optimizer.as_ref().zip(job.optimizer.as_ref());
                StartingPoint {
                    weights: Some(named(path, digest)?),
                    optimizer: optimizer.map(|(digest, path)| named(path, digest)).transpose()?,
                }
            }
            Start::Input { optimizer: carry, .. } => {
                let input = self.planned(job.base()?)?;
                let record = self.runs.done(input)?;
                let outcome = record.training()?;
                let Some(kept) = &outcome.kept else {
                    return Ok(Err(Outcome { history: Vec::new(), ..outcome.clone() }));
                };
                let state = || {
                    let file = kept.optimizer.as_ref();
                    let file = file.ok_or_else(|| {
                        Error::Job(format!("expected optimizer state of `{}`, found none", input.label))
                    })?;
                    Ok::<_, Error>((format!("{}, optimizer", input.label), self.runs.open(input, file)?))
                };
                StartingPoint {
                    weights: Some((input.label.clone(), self.runs.open(input, &kept.weights)?)),
                    optimizer: carry.then(state).transpose()?,
                }
            }
        }))
    }
}

/// Opens a file, and checks that it has not changed since planning.
pub(super) fn unchanged(path: &Path, digest: &str) -> Result<StateDict, Error> {
    let file = StateDict::open(path)?;
    let found = file.digest().to_string();
    if found == *digest {
        return Ok(file);
    }
    let reason = format!(
        "weights changed since planning: expected digest {digest}, found {found}\n\
         hint: run the same command again to plan with the changed weights"
    );
    Err(Error::File { path: path.to_owned(), reason })
}
