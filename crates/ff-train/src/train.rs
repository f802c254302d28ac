//! The training loop.

use ff_data::{Loader, LoaderConfig, batches};
use ff_models::Model;

use crate::config::TrainConfig;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::run::{Run, TrainData};
use crate::trainer::Trainer;

/// Trains `model` in place and writes to the run's folder: `kept.safetensors` (the best epoch's
/// weights) with `kept.val.safetensors` (its validation predictions) and, if configured,
/// `kept.optimizer.safetensors`; for a cyclic learning rate, in place of these,
/// `snapshot-N.safetensors` with its predictions for each minimum; if configured,
/// `ema.safetensors` (the moving average of the weights) with its predictions; `history.jsonl`;
/// and, until the caller removes them ([`Outcome::forget_resume_points`]), the last two
/// `resume-STEP.safetensors`.
///
/// A loss that is not finite is no error but an early end of the run. [`Outcome::diverged`] names
/// the step, and the best epoch before it is saved ("best on validation", FissionFusion §2).
///
/// # Errors
/// An invalid configuration, unreadable images or files, libtorch's own failures;
/// [`Error::Stopped`] if the run was asked to stop. Called again, it resumes.
pub fn train(
    config: &TrainConfig,
    model: &mut Model,
    data: &TrainData,
    run: Run<'_>,
) -> Result<Outcome, Error> {
    config.check(data.dataset.task(), model.spec())?;
    // Every sample of the training images has as many.
    let steps = batches(data.train.len(), config.batch_size);
    let mut trainer = Trainer::start(config, model, data, run, steps)?;

    for epoch in trainer.progress.epoch_number()..=config.epochs {
        if trainer.is_stale() {
            break;
        }
        trainer.begin_epoch()?;
        let loader = loader(&trainer, u64::from(epoch));
        let mut batches = loader.epoch_from(u64::from(epoch), trainer.progress.epoch.batches);
        while let Some(batch) = trainer.next_batch(&mut batches)? {
            trainer.call_hooks()?;
            let loss = trainer.forward(&batch);
            trainer.update(&batch, &loss);
            trainer.snapshot_if_lowest()?;
            if trainer.is_point_due() {
                if let Some(diverged) = trainer.divergence()? {
                    return trainer.finish(Some(diverged));
                }
                trainer.write_point()?;
            }
        }
        if let Some(diverged) = trainer.divergence()? {
            return trainer.finish(Some(diverged));
        }
        match trainer.validate()? {
            Ok(predictions) => trainer.end_epoch(predictions)?,
            Err(diverged) => return trainer.finish(Some(diverged)),
        }
    }
    trainer.finish(None)
}

/// Returns a loader of an epoch's training images, shuffled and augmented.
fn loader(trainer: &Trainer<'_, '_>, epoch: u64) -> Loader {
    let Trainer { config, model, data, run, .. } = trainer;
    let images = config.sample.draw(data.dataset.as_ref(), &data.train, config.seed, epoch);
    let config = LoaderConfig {
        batch_size: config.batch_size,
        image_size: config.image_size.unwrap_or(model.spec().image_size),
        augment: config.augment,
        shuffle: true,
        seed: config.seed,
        threads: run.loader_threads,
        prefetch: 2 * run.loader_threads.max(1),
        on_bad_image: run.on_bad_image,
    };
    Loader::new(data.dataset.clone(), images, config)
}
