//! Checks of a table of soups, so that errors are found before training.

use ff_data::Augment;
use ff_models::Spec;
use ff_report::published::FISSIONFUSION;
use ff_soup::Needs;
use ff_train::{Ema, NO_PATIENCE};
use itertools::{Itertools, iproduct};

use super::config::SoupsConfig;
use crate::config::{check_epochs, check_inmerge, check_model, check_names, check_numbers, check_pretrain};
use crate::error::Error;
use crate::job::{AVERAGE, MOST_FOLDS, Pool, Selection};

/// The fields that a hierarchy can group models by.
const FIELDS: [&str; 7] =
    ["learning_rate", "augmentation", "seed", "sample", "image_size", "snapshot", AVERAGE];

impl SoupsConfig {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let methods = self.method.iter().map(|entry| entry.name.as_str()).collect();
        check_names(&self.name, &self.backbone, &self.dataset, methods)?;
        let trained = self.trained_pools();
        let has_grid = trained.iter().any(|pool| self.fgg.augmentations(pool).is_empty());
        let has_fgg = trained.iter().any(|pool| !self.fgg.augmentations(pool).is_empty());
        let empty = [
            ("grid.learning_rates", has_grid && self.grid.learning_rates.is_empty()),
            ("grid.augmentations", has_grid && self.grid.augmentations.is_empty()),
            ("grid.seeds", has_grid && self.grid.seeds.is_empty()),
            ("grid.samples", has_grid && self.grid.samples.is_empty()),
            ("fgg.learning_rates", has_fgg && self.fgg.learning_rates.is_empty()),
        ];
        if let Some((key, _)) = empty.iter().find(|(_, empty)| *empty) {
            return wrong(format!("{key}: expected at least one entry, found none"));
        }
        // Without a trained model there is none to start from.
        if !trained.is_empty() {
            check_pretrain(&self.backbone, self.pretrain.as_ref())?;
        }
        if let Some(settings) = &self.inmerge {
            for backbone in &self.backbone {
                check_inmerge(backbone, settings.of(backbone))?;
            }
        }
        self.check_numbers()?;
        self.decision.check()?;
        self.check_pools()?;
        if self.soup.folds == 1 || self.soup.folds > MOST_FOLDS {
            return wrong(format!(
                "soup.folds: expected 0 (none) or 2 to {MOST_FOLDS}, found {}",
                self.soup.folds
            ));
        }
        self.check_selections()?;
        self.check_filters()?;
        self.check_train_sizes()?;
        self.check_landscape()?;
        for (key, name, known) in self.paper_names() {
            if !known {
                return wrong(format!("{key}: expected a name of FissionFusion's Table 1, found `{name}`"));
            }
        }
        Ok(())
    }

    /// Checks numbers and duplicates.
    fn check_numbers(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let (grid, fgg) = (&self.grid, &self.fgg);
        check_model(&self.model, &self.backbone, &self.run, &self.evaluation)?;
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
        if let Some(decay) = self.finetune.ema_decay {
            let checked = Ema { decay }.check("finetune.ema_decay");
            checked.map_err(|error| Error::Config(error.to_string()))?;
        }
        let rate = |of: &[f64]| of.iter().duplicates_by(|rate| rate.to_bits()).next().map(f64::to_string);
        let augment = |of: &[Augment]| of.iter().duplicates().next().map(Augment::to_string);
        let twice = [
            ("grid.learning_rates", rate(&grid.learning_rates)),
            ("fgg.learning_rates", rate(&fgg.learning_rates)),
            ("grid.augmentations", augment(&grid.augmentations)),
            ("grid.seeds", grid.seeds.iter().duplicates().next().map(u64::to_string)),
            ("grid.samples", grid.samples.iter().duplicates().next().map(|of| of.name().to_owned())),
            ("grid.train_sizes", grid.train_sizes.iter().duplicates().next().map(u32::to_string)),
            ("fgg.also_augment", augment(&fgg.augmentations(&Pool::FggAll))),
        ];
        if let Some((key, Some(value))) = twice.iter().find(|(_, value)| value.is_some()) {
            return wrong(format!("{key}: expected each value once, found {value} twice"));
        }
        let models = grid.learning_rates.len()
            * grid.augmentations.len()
            * grid.seeds.len()
            * grid.samples.len()
            * grid.train_sizes.len().max(1);
        if grid.top_models > models {
            return wrong(format!(
                "grid.top_models: expected at most {models}, the grid's models, found {}",
                grid.top_models
            ));
        }
        Ok(())
    }

    /// Checks the pools of files, and that the pools of rows and planes exist.
    fn check_pools(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let trained: Vec<&str> = Pool::TRAINED.iter().map(Pool::name).collect();
        for entry in &self.pool {
            let name = &entry.name;
            if name.is_empty() || trained.contains(&name.as_str()) {
                let taken = trained.join(", ");
                return wrong(format!("pool: expected a name other than {taken}, found `{name}`"));
            }
            if entry.files.is_empty() {
                return wrong(format!(
                    "pool `{name}`: files: expected at least one file or folder, found none"
                ));
            }
            if let Some(Pool::Named(other)) = &entry.with {
                let known = trained.join(", ");
                return wrong(format!("pool `{name}`: with: expected one of {known}, found `{other}`"));
            }
        }
        if let Some(twice) = self.pool.iter().map(|entry| &entry.name).duplicates().next() {
            return wrong(format!("two entries of `pool` are named `{twice}`"));
        }
        let known = || trained.iter().copied().chain(self.pool.iter().map(|entry| entry.name.as_str()));
        let rows = self.method.iter().map(|row| (format!("method `{}`", row.name), &row.pool));
        let planes = self.landscape.iter().flat_map(|section| &section.plane);
        let planes = planes.map(|plane| (format!("landscape.plane `{}`", plane.name), &plane.pool));
        for (place, pool) in rows.chain(planes) {
            if !known().contains(&pool.name()) {
                let (known, found) = (known().join(", "), pool.name());
                return wrong(format!("{place}: pool: expected one of {known}, found `{found}`"));
            }
        }
        Ok(())
    }

    /// Checks the rows of the table.
    fn check_selections(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        for method in &self.method {
            let trained = self.parts(&method.pool).0;
            if let Some(pool @ (Pool::FggAll | Pool::FggAlso)) = trained
                && self.fgg.also_augment.is_empty()
            {
                return wrong(format!(
                    "method `{}`: pool `{}`: expected augmentations in fgg.also_augment, found none",
                    method.name,
                    pool.name()
                ));
            }
            if matches!(method.select, Selection::Best { rank: 0 }) {
                return wrong(format!("method `{}`: select.rank: expected 1 or more, found 0", method.name));
            }
            if let Err(error) = method.select.check() {
                return wrong(format!("method `{}`: select: {error}", method.name));
            }
            if method.select.needs() == Needs::Base && !self.has_start(&method.pool) {
                return wrong(format!(
                    "method `{}`: expected the weights that the models of pool `{}` were fine-tuned from, found \
                     none\nhint: state them in its [[pool]]: base = \"probe.safetensors\"",
                    method.name,
                    method.pool.name()
                ));
            }
            // Transformers, whose images have one size, are the networks without rules.
            let transformer = self.backbone.iter().find(|one| one.architecture.has_fixed_image_size());
            if let (Selection::Rebasin {}, Some(backbone)) = (&method.select, transformer) {
                return wrong(format!(
                    "method `{}`: rebasin: expected a ResNet or VGG, found the backbone `{}`",
                    method.name, backbone.name
                ));
            }
            let Some(hierarchy) = method.select.hierarchy() else { continue };
            // Files may record fields of their own.
            let has_files = self.parts(&method.pool).1.is_some();
            let unknown = |field: &&String| !has_files && !FIELDS.contains(&field.as_str());
            if let Some(field) = hierarchy.levels.iter().find(unknown) {
                let known = FIELDS.join(", ");
                return wrong(format!(
                    "method `{}`: expected a field to group by ({known}), found `{field}`",
                    method.name
                ));
            }
            if hierarchy.policies.len() != hierarchy.levels.len() + 1 {
                let (levels, policies) = (hierarchy.levels.len(), hierarchy.policies.len());
                return wrong(format!(
                    "method `{}`: expected {} policies for {levels} levels, found {policies}",
                    method.name,
                    levels + 1
                ));
            }
        }
        Ok(())
    }

    /// Checks what leaves models out of pools.
    fn check_filters(&self) -> Result<(), Error> {
        let without_barriers = self.forecast.as_ref().is_some_and(|section| !section.barrier);
        for method in &self.method {
            let wrong = |reason: String| Err(Error::Config(format!("method `{}`: {reason}", method.name)));
            if let Some(most) = method.max_distance.filter(|most| !(most.is_finite() && *most > 0.0)) {
                return wrong(format!("max_distance: expected a finite number above 0, found {most}"));
            }
            match method.max_barrier {
                Some(most) if !most.is_finite() => {
                    return wrong(format!("max_barrier: expected a finite number, found {most}"));
                }
                Some(_) if without_barriers => {
                    return wrong("max_barrier: expected `forecast.barrier` to be true, found false".into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that every backbone takes training images of every size.
    fn check_train_sizes(&self) -> Result<(), Error> {
        let model = &self.model;
        for (backbone, &size) in iproduct!(&self.backbone, &self.grid.train_sizes) {
            let architecture = backbone.architecture;
            let spec = Spec { image_size: model.image_size, ..Spec::new(architecture, 1) };
            spec.check_images(size).map_err(|error| {
                let hint = match architecture.has_fixed_image_size() {
                    true => "\nhint: give this backbone a table of its own, without grid.train_sizes",
                    false => "",
                };
                Error::Config(format!("grid.train_sizes: {error}{hint}"))
            })?;
        }
        Ok(())
    }

    /// Returns keys and names of the paper's rows and columns, and true if the paper has them.
    fn paper_names(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        let rows = self.method.iter().filter_map(|method| method.paper_row.as_deref());
        let columns = self.dataset.iter().filter_map(|dataset| dataset.paper_column.as_deref());
        let rows = rows.map(|name| ("method.paper_row", name, FISSIONFUSION.method(name).is_some()));
        rows.chain(columns.map(|name| ("dataset.paper_column", name, FISSIONFUSION.dataset(name).is_some())))
    }
}
