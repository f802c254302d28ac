//! What would fail only after days of training is refused before.

use ff_data::Augment;
use ff_inmerge::InMerge;
use ff_report::paper;
use ff_train::NO_PATIENCE;
use itertools::Itertools;

use super::{
    BackboneConfig, Config, DatasetEntry, EvaluationConfig, ModelConfig, Pool, PretrainConfig, RunConfig,
};
use crate::{Error, WeightsSource};

/// What a hierarchy can group models by.
const FIELDS: [&str; 4] = ["learning_rate", "augmentation", "seed", "capture"];

impl Config {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let methods = self.method.iter().map(|entry| entry.name.as_str()).collect();
        check_names(&self.name, &self.backbone, &self.dataset, methods)?;
        let empty = [
            ("grid.learning_rates", self.grid.learning_rates.is_empty()),
            ("grid.augmentations", self.grid.augmentations.is_empty()),
            ("grid.seeds", self.grid.seeds.is_empty()),
            ("fgg.learning_rates", self.fgg.learning_rates.is_empty()),
        ];
        if let Some((key, _)) = empty.iter().find(|(_, empty)| *empty) {
            return wrong(format!("{key}: expected at least one entry, found none"));
        }
        check_pretrain(&self.backbone, self.pretrain.as_ref())?;
        if let Some(settings) = &self.inmerge {
            for backbone in &self.backbone {
                check_merging(backbone, settings.of(backbone))?;
            }
        }
        self.check_numbers()?;
        self.check_landscape()?;
        for (key, name, known) in self.paper_names() {
            if !known {
                return wrong(format!("{key}: the paper's Table 1 has nothing named `{name}`"));
            }
        }
        Ok(())
    }

    /// What would fail only after days of training.
    fn check_numbers(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let (grid, fgg) = (&self.grid, &self.fgg);
        check_model(&self.model, &self.run, &self.evaluation)?;
        let mut rates = vec![("probe.learning_rate", self.probe.learning_rate)];
        rates.extend(grid.learning_rates.iter().map(|&rate| ("grid.learning_rates", rate)));
        rates.extend(fgg.learning_rates.iter().map(|&rate| ("fgg.learning_rates", rate)));
        rates.extend([("fgg.lr_max", fgg.lr_max), ("fgg.lr_min", fgg.lr_min)]);
        check_numbers(rates)?;
        check_epochs([
            ("probe.epochs", self.probe.epochs),
            ("finetune.epochs", self.finetune.epochs),
            ("fgg.epochs", fgg.epochs),
            ("fgg.epochs_per_cycle", fgg.epochs_per_cycle),
        ])?;
        if self.finetune.early_stopping_epochs == Some(0) {
            return wrong(format!("finetune.{NO_PATIENCE}"));
        }
        let twice = [
            (
                "grid.learning_rates",
                grid.learning_rates.iter().duplicates_by(|r| r.to_bits()).next().map(f64::to_string),
            ),
            (
                "fgg.learning_rates",
                fgg.learning_rates.iter().duplicates_by(|r| r.to_bits()).next().map(f64::to_string),
            ),
            ("grid.augmentations", grid.augmentations.iter().duplicates().next().map(Augment::to_string)),
            ("grid.seeds", grid.seeds.iter().duplicates().next().map(u64::to_string)),
            (
                "fgg.also_augment",
                fgg.augmentations(Pool::FggAll).iter().duplicates().next().map(Augment::to_string),
            ),
        ];
        if let Some((key, Some(value))) = twice.iter().find(|(_, value)| value.is_some()) {
            return wrong(format!("{key}: {value} stands twice"));
        }
        let models = grid.learning_rates.len() * grid.augmentations.len() * grid.seeds.len();
        if grid.top_models > models {
            return wrong(format!(
                "grid.top_models: expected at most {models}, the grid's models, found {}",
                grid.top_models
            ));
        }
        for method in &self.method {
            if method.pool == Pool::FggAll && fgg.also_augment.is_empty() {
                return wrong(format!(
                    "method `{}`: its pool `fgg-all` wants augmentations in fgg.also_augment, found none",
                    method.name
                ));
            }
            if method.select.rank() == 0 {
                return wrong(format!("method `{}`: select.rank: expected 1 or more, found 0", method.name));
            }
            let Some(hierarchy) = method.select.hierarchy() else { continue };
            if let Some(field) = hierarchy.levels.iter().find(|field| !FIELDS.contains(&field.as_str())) {
                let known = FIELDS.join(", ");
                return wrong(format!(
                    "method `{}`: expected a field to group by ({known}), found `{field}`",
                    method.name
                ));
            }
            if hierarchy.policies.len() != hierarchy.levels.len() + 1 {
                let (levels, policies) = (hierarchy.levels.len(), hierarchy.policies.len());
                return wrong(format!(
                    "method `{}`: {levels} levels need {} policies, found {policies}",
                    method.name,
                    levels + 1
                ));
            }
        }
        Ok(())
    }

    /// The names of the paper's rows and columns, and whether each is one.
    fn paper_names(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        let rows = self.method.iter().filter_map(|method| method.paper_row.as_deref());
        let columns = self.dataset.iter().filter_map(|dataset| dataset.paper_column.as_deref());
        let rows = rows.map(|name| ("method.paper_row", name, paper::Method::named(name).is_some()));
        rows.chain(columns.map(|name| ("dataset.paper_column", name, paper::Dataset::named(name).is_some())))
    }
}

/// Names that are folders, or that tell rows and columns apart.
pub(super) fn check_names(
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
            return wrong(format!("{what}: expected at least one entry, found none"));
        }
        if let Some(twice) = names.iter().duplicates().next() {
            return wrong(format!("two entries of `{what}` are named `{twice}`"));
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
fn check_title(name: &str) -> Result<(), Error> {
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

pub(super) fn check_pretrain(
    backbones: &[BackboneConfig],
    section: Option<&PretrainConfig>,
) -> Result<(), Error> {
    if let Some(section) = section {
        check_numbers([("pretrain.learning_rate", section.learning_rate)])?;
        check_epochs([("pretrain.epochs", section.epochs)])?;
        return Ok(());
    }
    match backbones.iter().find(|backbone| backbone.weights == WeightsSource::Pretrain) {
        Some(backbone) => Err(Error::Config(format!(
            "backbone `{}` has weights = \"pretrain\", but there is no [pretrain] section",
            backbone.name
        ))),
        None => Ok(()),
    }
}

pub(super) fn check_model(
    model: &ModelConfig,
    run: &RunConfig,
    evaluation: &EvaluationConfig,
) -> Result<(), Error> {
    check_limits([
        ("model.px", model.px as usize, ff_models::MAX_PX as usize),
        ("model.batch_size", model.batch_size, 1 << 20),
        ("evaluation.resamples", evaluation.resamples, ff_eval::MAX_RESAMPLES),
        ("run.workers", run.workers, THREADS),
        ("run.threads", run.threads, THREADS),
        ("run.loader_threads", run.loader_threads.unwrap_or(0), THREADS),
        ("run.cache_mib", run.cache_mib, 1 << 24),
    ])?;
    check_counts([
        ("model.batch_size", model.batch_size),
        ("model.px", model.px as usize),
        ("run.resume_steps", run.resume_steps.unwrap_or(1)),
    ])?;
    check_numbers([
        ("model.weight_decay", model.weight_decay),
        ("run.resume_minutes", run.resume_minutes),
        ("run.lease_seconds", run.lease_seconds),
    ])?;
    run.cluster.check("run.cluster.")
}

pub(super) fn check_counts<K: std::fmt::Display>(
    counts: impl IntoIterator<Item = (K, usize)>,
) -> Result<(), Error> {
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => Err(Error::Config(format!("{key}: expected at least 1, found 0"))),
        None => Ok(()),
    }
}

/// More threads than any machine has cores.
const THREADS: usize = 4096;
/// More epochs than anybody trains.
const EPOCHS: usize = 1_000_000;

/// At least one, and not more than anybody trains.
pub(super) fn check_epochs<K: std::fmt::Display>(
    epochs: impl IntoIterator<Item = (K, u32)>,
) -> Result<(), Error> {
    epochs.into_iter().try_for_each(|(key, epochs)| {
        check_counts([(&key, epochs as usize)])?;
        check_limits([(&key, epochs as usize, EPOCHS)])
    })
}

/// Upper limits: what is beyond them would end in the middle of the work, for want of memory or time.
fn check_limits<K: std::fmt::Display>(
    limits: impl IntoIterator<Item = (K, usize, usize)>,
) -> Result<(), Error> {
    match limits.into_iter().find(|(_, found, most)| found > most) {
        Some((key, found, most)) => {
            Err(Error::Config(format!("{key}: expected at most {most}, found {found}")))
        }
        None => Ok(()),
    }
}

fn check_numbers(numbers: impl IntoIterator<Item = (&'static str, f64)>) -> Result<(), Error> {
    match numbers.into_iter().find(|(_, number)| !number.is_finite() || *number < 0.0) {
        Some((key, number)) => {
            Err(Error::Config(format!("{key}: expected a finite number of 0 or more, found {number}")))
        }
        None => Ok(()),
    }
}

/// Whether a backbone can be merged so.
pub(super) fn check_merging(backbone: &BackboneConfig, settings: InMerge) -> Result<(), Error> {
    let named = |why: String| Error::Config(format!("backbone `{}`: {why}", backbone.name));
    settings.check(backbone.architecture.convolutions().len()).map_err(|error| named(error.to_string()))?;
    match backbone.shallow_layers {
        Some(_) => Ok(()),
        None => Err(named("shallow_layers: expected L_s of in-model merging, found nothing".into())),
    }
}
