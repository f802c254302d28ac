//! Checks that tables of every kind share.

use ff_inmerge::InMerge;
use ff_models::Spec;
use itertools::Itertools;

use super::entries::{BackboneConfig, DatasetEntry, EvaluationConfig, ModelConfig, PretrainConfig};
use super::numbers::{check_counts, check_epochs, check_limits, check_numbers};
use super::run::RunConfig;
use super::weights::WeightsSource;
use crate::error::Error;

/// Names that are folders, or that tell rows and columns apart.
pub(crate) fn check_names(
    table: &str,
    backbones: &[BackboneConfig],
    datasets: &[DatasetEntry],
    methods: Vec<&str>,
) -> Result<(), Error> {
    let wrong = |reason: String| Err(Error::Config(reason));
    let backbones: Vec<&str> = backbones.iter().map(|entry| entry.name.as_str()).collect();
    let datasets: Vec<&str> = datasets.iter().map(|entry| entry.name.as_str()).collect();
    for (what, names) in [("backbone", &backbones), ("dataset", &datasets), ("method", &methods)] {
        if names.is_empty() {
            return wrong(format!("{what}: expected at least one [[{what}]], found none"));
        }
        if let Some(twice) = names.iter().duplicates().next() {
            return wrong(format!(
                "{what}.name: expected names that differ, found `{twice}` twice\n\
                 hint: give each [[{what}]] a name of its own"
            ));
        }
    }
    backbones.into_iter().chain(datasets).chain([table]).try_for_each(check_name)?;
    methods.into_iter().try_for_each(check_title)
}

/// Bytes that a name may have: folders and files are called by it, some with an ending.
const NAME_BYTES: usize = 200;

/// Whether a folder can have a name, on every file system and without surprise.
///
/// # Errors
/// [`Error::Config`].
pub fn check_name(name: &str) -> Result<(), Error> {
    check_title(name)?;
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(Error::Config(format!("name: expected one that a folder can have, found `{name}`")));
    }
    Ok(())
}

/// Whether a name can be printed.
pub(crate) fn check_title(name: &str) -> Result<(), Error> {
    let wrong = |found: &str| {
        Err(Error::Config(format!(
            "name: expected 1 to {NAME_BYTES} bytes without control characters, found {found}"
        )))
    };
    match name.len() {
        0 => wrong("none"),
        1..=NAME_BYTES if !name.contains(char::is_control) => Ok(()),
        1..=NAME_BYTES => wrong(&format!("{name:?}")),
        bytes => wrong(&format!("{bytes} bytes")),
    }
}

pub(crate) fn check_pretrain(
    backbones: &[BackboneConfig],
    section: Option<&PretrainConfig>,
) -> Result<(), Error> {
    if let Some(section) = section {
        check_numbers([("pretrain.learning_rate", section.learning_rate)])?;
        check_epochs([("pretrain.epochs", section.epochs)])?;
        let batch_size = section.batch_size.unwrap_or(1);
        check_limits([("pretrain.batch_size", batch_size, 1 << 20)])?;
        check_counts([("pretrain.batch_size", batch_size)])?;
        return Ok(());
    }
    match backbones.iter().find(|backbone| backbone.weights == WeightsSource::Pretrain) {
        Some(backbone) => Err(Error::Config(format!(
            "backbone.weights: expected a [pretrain] section for `pretrain` of backbone `{}`, found none\n\
             hint: add the line [pretrain]: its defaults train on drawn images; its `source` names others",
            backbone.name
        ))),
        None => Ok(()),
    }
}

/// Checks the settings that all models share, and that every backbone can be built with them.
pub(crate) fn check_model(
    model: &ModelConfig,
    backbones: &[BackboneConfig],
    run: &RunConfig,
    evaluation: &EvaluationConfig,
) -> Result<(), Error> {
    check_limits([
        ("model.image_size", model.image_size as usize, ff_models::MAX_IMAGE_SIZE as usize),
        ("model.batch_size", model.batch_size, 1 << 20),
        ("evaluation.resamples", evaluation.resamples, ff_eval::MAX_RESAMPLES),
        ("run.workers", run.workers, THREADS),
        ("run.jobs_per_device", run.jobs_per_device, 64),
        ("run.threads", run.threads, THREADS),
        ("run.loader_threads", run.loader_threads.unwrap_or(0), THREADS),
        ("run.cache_mib", run.cache_mib, 1 << 24),
    ])?;
    check_counts([
        ("model.batch_size", model.batch_size),
        ("model.image_size", model.image_size as usize),
        ("run.resume_steps", run.resume_steps.unwrap_or(1)),
        ("run.jobs_per_device", run.jobs_per_device),
    ])?;
    check_numbers([
        ("model.weight_decay", model.weight_decay),
        ("run.resume_minutes", run.resume_minutes),
        ("run.lease_seconds", run.lease_seconds),
    ])?;
    for backbone in backbones {
        let &ModelConfig { image_size, precision, normalisation, .. } = model;
        let spec = Spec { image_size, precision, normalisation, ..Spec::new(backbone.architecture, 1) };
        spec.check().map_err(|error| {
            let key = if matches!(error, ff_models::Error::ImageSize { .. }) { "image_size: " } else { "" };
            Error::Config(format!("model.{key}{}", error.to_string().replace(": image size:", ":")))
        })?;
    }
    run.cluster.check("run.cluster.")
}

/// More threads than any machine has cores.
const THREADS: usize = 4096;

/// Whether a backbone can be merged so.
pub(crate) fn check_inmerge(backbone: &BackboneConfig, settings: InMerge) -> Result<(), Error> {
    let named = |why: String| Error::Config(format!("backbone `{}`: {why}", backbone.name));
    settings.check(backbone.architecture.convolutions().len()).map_err(|error| named(error.to_string()))?;
    match backbone.shallow_layers {
        Some(_) => Ok(()),
        None => Err(named("shallow_layers: expected L_s of in-model merging, found nothing".into())),
    }
}
