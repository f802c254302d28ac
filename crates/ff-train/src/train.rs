//! The loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ff_checkpoint::{Provenance, StateDict};
use ff_data::random::stream;
use ff_data::{Dataset, Loader, LoaderConfig, OnBadImage};
use ff_eval::Predictions;
use ff_models::{Mode, Model};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::cancel::CancelToken;
use crate::config::{SelectBy, TrainConfig, Trainable};
use crate::error::Error;
use crate::evaluate::{EvalSet, image_tensor};
use crate::files::{Files, SavedModel};
use crate::history::{Divergence, EpochRecord};
use crate::hook::StepHook;
use crate::loss::{loss, target_tensor, validation_loss};
use crate::optimizer::Optimizer;
use crate::resume::{self, Best, Due, PartOfEpoch, Progress, ResumeEvery};
use crate::schedule::LrSchedule;

/// What to train and select on.
pub struct TrainData {
    /// The images.
    pub dataset: Arc<dyn Dataset>,
    /// Those to train on.
    pub train: Arc<[usize]>,
    /// Those to select on.
    pub validation: Arc<EvalSet>,
}

/// Where and how a run runs. None of it changes what it computes.
pub struct Run<'a> {
    /// The folder of the run's files; made if missing. A resume point in it is taken up.
    pub folder: &'a Path,
    /// How the weights come to be: written into every file, and compared with a resume point's.
    pub provenance: Provenance,
    /// Optimizer state to start from, as an earlier run with `keep_optimizer` left it.
    pub optimizer: Option<StateDict>,
    /// Loader threads; 0 loads in the training thread.
    pub loader_threads: usize,
    /// What an unreadable image does.
    pub on_bad_image: OnBadImage,
    /// How often a resume point is written.
    pub resume_every: ResumeEvery,
    /// Looked at after every step.
    pub stop: CancelToken,
    /// Called before every step.
    pub hooks: &'a mut [Box<dyn StepHook>],
    /// Called after every epoch.
    pub on_epoch: &'a mut dyn FnMut(&EpochRecord),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The model of the best epoch. Absent if the run diverged in its first epoch, and for a cyclic learning rate, whose
    /// models are the captures.
    pub kept: Option<SavedModel>,
    /// The models captured where the learning rate was at its minimum, in order.
    #[serde(rename = "captures")]
    pub snapshots: Vec<SavedModel>,
    /// Where the run's numbers stopped being numbers, if they did. What it left is from before that.
    pub diverged: Option<Divergence>,
    /// Every finished epoch.
    pub history: Vec<EpochRecord>,
}

/// Trains `model` in place and leaves in the run's folder: `kept.safetensors` (the best epoch's weights) with
/// `kept.val.safetensors` (its validation predictions) and, if asked for, `kept.optimizer.safetensors`; of a cyclic
/// learning rate, in place of these, `capture-N.safetensors` with its predictions for each minimum; `history.jsonl`;
/// and, until the caller removes them ([`Outcome::forget_resume_points`]), the last two `resume-STEP.safetensors`.
///
/// # Errors
/// A configuration that makes no sense, unreadable images or files, libtorch's own failures. [`Error::Stopped`] if it was
/// asked to stop; started again, it resumes. A loss that is not finite is no error: the run ends there,
/// [`Outcome::diverged`] says where, and what was best before it is kept ("best on validation", FissionFusion §2).
pub fn train(
    config: &TrainConfig,
    model: &mut Model,
    data: &TrainData,
    run: Run<'_>,
) -> Result<Outcome, Error> {
    config.check(data.dataset.task())?;
    let loader = Loader::new(
        data.dataset.clone(),
        data.train.clone(),
        LoaderConfig {
            batch_size: config.batch_size,
            image_size: model.spec().image_size,
            augment: config.augment,
            shuffle: true,
            seed: config.seed,
            threads: run.loader_threads,
            prefetch: 2 * run.loader_threads.max(1),
            on_bad_image: run.on_bad_image,
        },
    );
    let weights = config.task_weights.of(data.dataset.as_ref(), &data.train);
    let weight_tensor = weights.as_ref().map(|weights| Tensor::from_slice(weights).to_device(model.device()));
    let rates = config.schedule.over(config.epochs, loader.batches())?;
    let cyclic = matches!(config.schedule, LrSchedule::Cyclic { .. });
    let mut due = Due::new(run.resume_every);

    let resumed = resume::load(run.folder, &run.provenance)?;
    // A point that was written before the optimizer's state was asked for cannot give it.
    let resumed = resumed.filter(|(progress, _, _)| {
        !config.keep_optimizer || progress.best.as_ref().is_none_or(|best| best.optimizer.is_some())
    });
    if let Some((_, weights, _)) = &resumed {
        model.load_strict(weights)?;
    }
    let mut optimizer = match config.trainable {
        Trainable::All {} => Optimizer::new(&config.optimizer, model.parameters().trainable()),
        Trainable::Classifier { .. } => Optimizer::new(&config.optimizer, model.classifier()),
    };
    let mut progress = match resumed {
        Some((progress, _, file)) => {
            optimizer.load_state(&file, "optimizer/")?;
            progress
        }
        None => {
            if let Some(state) = &run.optimizer {
                optimizer.load_state(state, "")?;
            }
            Progress::default()
        }
    };
    let mut files = Files::open(run.folder, run.provenance.clone(), &progress.history)?;
    let first_epoch = progress.history.len() as u32 + 1;

    for epoch in first_epoch..=config.epochs {
        if stale(config, &progress) {
            break;
        }
        let losses_before: Vec<f64> = progress.history.iter().map(|record| record.validation_loss).collect();
        let rate = |step| rates.at(step, &losses_before);
        let (first_step, loss_before) =
            progress.history.last().map_or((1, None), |last| (last.step + 1, Some(last.train_loss)));
        let diverged = |losses: &[f64]| {
            let at = losses.iter().position(|loss| !loss.is_finite())?;
            let last_finite_loss = at.checked_sub(1).map(|at| losses[at]).or(loss_before);
            Some(Divergence {
                epoch,
                step: first_step + at,
                learning_rate: rate(first_step + at),
                last_finite_loss,
            })
        };
        // What a resumed run has behind it; else nothing.
        let mut step = first_step - 1 + progress.epoch.losses.len();
        let before = progress.epoch.seconds;
        for hook in run.hooks.iter_mut() {
            if let Some(state) = progress.epoch.hooks.remove(hook.name()) {
                hook.load_state(state)?;
            }
        }
        // The predictions of the model as it is, where a capture has just made them.
        let mut captured = None;
        // It may have been stopped in the middle of a capture.
        if !progress.epoch.losses.is_empty() && rates.captures_after(step) {
            captured = files.capture(&mut progress.snapshots, config, data, model, (epoch, step))?;
        }
        let started = Instant::now();
        // Those that are still on the device.
        let mut losses = Vec::new();
        let mut batches = loader.epoch_from(u64::from(epoch), progress.epoch.batches);
        loop {
            let asked = Instant::now();
            let Some(batch) = batches.next().transpose()? else { break };
            progress.epoch.data_seconds += asked.elapsed().as_secs_f64();
            progress.epoch.skipped.extend(batch.skipped.iter().cloned());
            step += 1;
            for hook in run.hooks.iter_mut() {
                tch::no_grad(|| hook.before_forward(step, model))?;
            }
            let mode = Mode::Train { seed: stream(config.seed, "dropout", &[step as u64]).next_u64() };
            let pixels = image_tensor(&batch.images, batch.image_size).to_device(model.device());
            let targets = target_tensor(&batch.targets, model.spec().outputs).to_device(model.device());
            let logits = forward(model, &pixels, mode, &config.trainable);
            let loss = loss(&logits, &targets, weight_tensor.as_ref());
            optimizer.step(&loss, rate(step));
            losses.push(loss.detach());
            progress.epoch.images += batch.indices.len();
            progress.epoch.batches = batch.number + 1;
            captured = None;
            if rates.captures_after(step) {
                match files.capture(&mut progress.snapshots, config, data, model, (epoch, step)) {
                    // The resumed run captures first of all.
                    Err(Error::Stopped) => run.stop.set(),
                    predictions => captured = predictions?,
                }
            }
            if due.after_step() || run.stop.is_set() {
                progress.epoch.losses.append(&mut values(&mut losses)?);
                if let Some(at) = diverged(&progress.epoch.losses) {
                    return files.finish(progress, Some(at));
                }
                progress.epoch.seconds = before + started.elapsed().as_secs_f64();
                save(&run, step, &mut progress, model, &optimizer)?;
                due.done();
                run.stop.check()?;
            }
        }
        progress.epoch.losses.append(&mut values(&mut losses)?);
        if progress.epoch.losses.is_empty() {
            return Err(Error::NoImages("none of the training images".into()));
        }
        if let Some(at) = diverged(&progress.epoch.losses) {
            return files.finish(progress, Some(at));
        }
        // A batch without a readable image is no step of the optimizer, but the schedule counts it.
        let whole = epoch as usize * loader.batches();
        let missed = (step + 1..=whole).any(|missed| rates.captures_after(missed));
        let captured = match missed {
            true => files.capture(&mut progress.snapshots, config, data, model, (epoch, whole)),
            false => Ok(captured),
        };
        let predict = |captured: Option<Predictions>| match captured {
            Some(predictions) => Ok(predictions),
            None => data.validation.predict(model, None),
        };
        let predictions = match captured.and_then(predict) {
            Err(Error::Eval(ff_eval::Error::Logit { .. })) => {
                // The losses are finite, and what they led to is not.
                let last_finite_loss = progress.epoch.losses.iter().rev().nth(1).copied().or(loss_before);
                let at = Divergence { epoch, step, learning_rate: rate(step), last_finite_loss };
                return files.finish(progress, Some(at));
            }
            Err(Error::Stopped) => {
                progress.epoch.seconds = before + started.elapsed().as_secs_f64();
                save(&run, step, &mut progress, model, &optimizer)?;
                return Err(Error::Stopped);
            }
            predictions => predictions?,
        };
        let PartOfEpoch { losses, images, skipped, data_seconds, .. } = std::mem::take(&mut progress.epoch);
        let record = EpochRecord {
            epoch,
            step: whole,
            learning_rate: rate(whole),
            train_loss: losses.iter().sum::<f64>() / losses.len() as f64,
            validation_loss: validation_loss(&predictions, weights.as_deref()),
            validation: config.metric.evaluate(&predictions),
            images,
            skipped,
            hooks: reports(run.hooks),
            seconds: before + started.elapsed().as_secs_f64(),
            data_seconds,
        };
        if !cyclic && improves(config, &record, progress.best.as_ref()) {
            progress.best = Some(best(config, &record, model, &optimizer, predictions));
        }
        files.append(&record)?;
        (run.on_epoch)(&record);
        progress.history.push(record);
    }

    files.finish(progress, None)
}

impl Outcome {
    /// Whether it left no model at all.
    pub fn is_empty(&self) -> bool {
        self.kept.is_none() && self.snapshots.is_empty()
    }

    /// Passes over the validation images: one after each epoch, and one for each capture inside an epoch.
    pub fn evaluations(&self) -> u64 {
        let ends = |capture: &&SavedModel| self.history.iter().any(|epoch| epoch.step == capture.step);
        (self.history.len() + self.snapshots.iter().filter(|capture| !ends(capture)).count()) as u64
    }

    /// Removes the resume points of a run, once the caller has put on record that it is done.
    ///
    /// # Errors
    /// A folder or a point that the system refuses.
    pub fn forget_resume_points(folder: &Path) -> Result<(), Error> {
        resume::forget(folder, 0)
    }

    /// Whether a file of a run's folder is named as a resume point.
    pub fn is_resume_point(path: &Path) -> bool {
        resume::is_point(path)
    }
}

/// Writes a resume point.
fn save(
    run: &Run<'_>,
    step: usize,
    progress: &mut Progress,
    model: &Model,
    optimizer: &Optimizer,
) -> Result<(), Error> {
    progress.epoch.hooks = states(run.hooks);
    resume::save(run.folder, &run.provenance, (step, progress), model.state_dict(), optimizer)
}

/// Reads losses back from the device.
fn values(losses: &mut Vec<Tensor>) -> Result<Vec<f64>, Error> {
    if losses.is_empty() {
        return Ok(Vec::new());
    }
    let all = Tensor::stack(losses, 0).to_kind(Kind::Double);
    losses.clear();
    Ok(Vec::try_from(all)?)
}

/// What each hook must remember of an epoch, by name.
fn states(hooks: &[Box<dyn StepHook>]) -> BTreeMap<String, serde_json::Value> {
    let states = hooks.iter().map(|hook| (hook.name().to_owned(), hook.state()));
    states.filter(|(_, state)| !state.is_null()).collect()
}

/// What each hook did in the epoch, by name.
fn reports(hooks: &mut [Box<dyn StepHook>]) -> BTreeMap<String, serde_json::Value> {
    let reports = hooks.iter_mut().map(|hook| (hook.name().to_owned(), hook.report()));
    reports.filter(|(_, report)| !report.is_null()).collect()
}

fn forward(model: &Model, pixels: &Tensor, mode: Mode, trainable: &Trainable) -> Tensor {
    match trainable {
        Trainable::All {} => model.forward(pixels, mode),
        Trainable::Classifier { update_bn_stats } => {
            let frozen = if *update_bn_stats { mode } else { Mode::Eval };
            let features = tch::no_grad(|| model.features(pixels, frozen));
            model.classify(&features, mode)
        }
    }
}

/// Whether an epoch is better than the best before. An undefined metric never is, unless there is none before.
fn improves(config: &TrainConfig, record: &EpochRecord, best: Option<&Best>) -> bool {
    let Some(best) = best else { return true };
    match config.select_by {
        SelectBy::Loss => record.validation_loss < best.validation_loss,
        SelectBy::Metric => match (record.validation.value(), best.validation.value()) {
            (Some(new), Some(old)) => new > old,
            (new, old) => new.is_some() && old.is_none(),
        },
    }
}

fn best(
    config: &TrainConfig,
    record: &EpochRecord,
    model: &Model,
    optimizer: &Optimizer,
    predictions: Predictions,
) -> Best {
    Best {
        epoch: record.epoch,
        step: record.step,
        validation: record.validation.clone(),
        validation_loss: record.validation_loss,
        weights: StateDict::from_tensors(model.state_dict()),
        optimizer: config.keep_optimizer.then(|| StateDict::from_tensors(optimizer.state())),
        predictions,
    }
}

/// Whether the validation loss has not fallen for too long.
fn stale(config: &TrainConfig, progress: &Progress) -> bool {
    let Some(patience) = config.early_stopping_epochs else { return false };
    let losses = progress.history.iter().map(|record| record.validation_loss);
    let lowest = losses.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at);
    lowest.is_some_and(|at| progress.history.len() - 1 - at >= patience as usize)
}
