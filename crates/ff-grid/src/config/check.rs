//! What would fail only after days of training is refused before.

use ff_data::Augment;
use ff_report::paper;
use itertools::Itertools;

use super::{BackboneConfig, Config};
use crate::{Error, WeightsSource};

/// What a hierarchy can group models by.
const FIELDS: [&str; 4] = ["learning_rate", "augmentation", "seed", "capture"];

impl Config {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let unique = |what: &str, names: Vec<&str>| match names.into_iter().duplicates().next() {
            Some(twice) => wrong(format!("two entries of `{what}` are named `{twice}`")),
            None => Ok(()),
        };
        unique("backbone", self.backbone.iter().map(|entry| entry.name.as_str()).collect())?;
        unique("dataset", self.dataset.iter().map(|entry| entry.name.as_str()).collect())?;
        unique("method", self.method.iter().map(|entry| entry.name.as_str()).collect())?;
        let empty = [
            ("backbone", self.backbone.is_empty()),
            ("dataset", self.dataset.is_empty()),
            ("method", self.method.is_empty()),
            ("grid.learning_rates", self.grid.learning_rates.is_empty()),
            ("grid.augmentations", self.grid.augmentations.is_empty()),
            ("grid.seeds", self.grid.seeds.is_empty()),
            ("fgg.learning_rates", self.fgg.learning_rates.is_empty()),
        ];
        if let Some((key, _)) = empty.iter().find(|(_, empty)| *empty) {
            return wrong(format!("{key}: expected at least one entry, found none"));
        }
        let pretrain = |backbone: &&BackboneConfig| backbone.weights == WeightsSource::Pretrain;
        if let (Some(backbone), None) = (self.backbone.iter().find(pretrain), &self.pretrain) {
            return wrong(format!(
                "backbone `{}` has weights = \"pretrain\", but there is no [pretrain] section",
                backbone.name
            ));
        }
        self.check_numbers()?;
        let names =
            self.backbone.iter().map(|entry| &entry.name).chain(self.dataset.iter().map(|entry| &entry.name));
        for name in names.chain([&self.name]) {
            if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
                return wrong(format!("name: expected one that a folder can have, found `{name}`"));
            }
        }
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
        let mut rates = vec![("probe.learning_rate", self.probe.learning_rate)];
        rates.extend(self.pretrain.as_ref().map(|section| ("pretrain.learning_rate", section.learning_rate)));
        rates.extend(grid.learning_rates.iter().map(|&rate| ("grid.learning_rates", rate)));
        rates.extend(fgg.learning_rates.iter().map(|&rate| ("fgg.learning_rates", rate)));
        rates.extend([("fgg.lr_max", fgg.lr_max), ("fgg.lr_min", fgg.lr_min)]);
        rates.extend([
            ("model.weight_decay", self.model.weight_decay),
            ("run.resume_minutes", self.run.resume_minutes),
        ]);
        if let Some((key, value)) = rates.into_iter().find(|(_, value)| !value.is_finite() || *value < 0.0) {
            return wrong(format!("{key}: expected a finite number of 0 or more, found {value}"));
        }
        let counts = [
            ("model.batch_size", self.model.batch_size),
            ("model.px", self.model.px as usize),
            ("probe.epochs", self.probe.epochs as usize),
            ("finetune.epochs", self.finetune.epochs as usize),
            ("fgg.epochs", fgg.epochs as usize),
            ("fgg.epochs_per_cycle", fgg.epochs_per_cycle as usize),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return wrong(format!("{key}: expected at least 1, found 0"));
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
        ];
        if let Some((key, Some(value))) = twice.iter().find(|(_, value)| value.is_some()) {
            return wrong(format!("{key}: {value} stands twice"));
        }
        for method in &self.method {
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
