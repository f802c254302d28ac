//! Checks of a table of in-model merging, so that errors are found before training.

use ff_report::published::INMERGE;
use ff_train::LrSchedule;
use itertools::Itertools;

use super::config::{InmergeConfig, StageConfig, Sweep};
use crate::config::{check_epochs, check_inmerge, check_model, check_names, check_pretrain};
use crate::error::Error;

impl InmergeConfig {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config(reason));
        let rows = self.rows();
        check_pretrain(&self.backbone, self.pretrain.as_ref())?;
        if self.seeds.is_empty() {
            return wrong("seeds: expected at least one entry, found none".into());
        }
        if let Some(twice) = self.seeds.iter().duplicates().next() {
            return wrong(format!("seeds: expected each value once, found {twice} twice"));
        }
        for (key, stage) in [("training", &self.training), ("merging", &self.merging)] {
            let StageConfig { epochs, momentum, schedule, .. } = stage;
            check_epochs([(format!("{key}.epochs"), *epochs)])?;
            if !(0.0..1.0).contains(momentum) {
                return wrong(format!("{key}.momentum: expected a number in [0, 1), found {momentum}"));
            }
            if matches!(schedule, LrSchedule::Cyclic { .. }) {
                return wrong(format!("{key}.schedule: `cyclic` is for Fast Geometric Generation only"));
            }
            // Checks of the other schedules do not depend on the number of steps.
            schedule.over(*epochs, 1).map_err(|error| Error::Config(format!("{key}.{error}")))?;
        }
        check_model(&self.model, &self.backbone, &self.run, &self.evaluation)?;
        for sweep in &self.sweep {
            let (parameter, points) = (sweep.parameter(), sweep.points());
            if points.is_empty() {
                return wrong(format!("sweep over {parameter}: expected at least one value, found none"));
            }
            if let Some(twice) = points.iter().map(|(point, _)| point).duplicates().next() {
                return wrong(format!(
                    "sweep over {parameter}: expected each value once, found {twice} twice"
                ));
            }
        }
        if let Some(parameter) = self.sweep.iter().map(Sweep::parameter).duplicates().next() {
            return wrong(format!("sweep: expected one sweep over {parameter}, found two"));
        }
        let methods = rows.iter().map(|row| row.name.as_str()).collect();
        check_names(&self.name, &self.backbone, &self.dataset, methods)?;
        for backbone in &self.backbone {
            check_inmerge(backbone, self.inmerge.of(backbone))?;
            for row in &rows {
                if let Some(settings) = self.inmerge(row, backbone) {
                    check_inmerge(backbone, settings)
                        .map_err(|error| Error::Config(format!("method `{}`: {error}", row.name)))?;
                }
            }
        }
        let named = self.method.iter().filter_map(|method| method.paper_row.as_deref());
        if let Some(name) = named.into_iter().find(|name| INMERGE.method(name).is_none()) {
            return wrong(format!("method.paper_row: expected a row of InMerge's tables, found `{name}`"));
        }
        for dataset in &self.dataset {
            if !dataset.ood.is_empty() {
                return wrong(format!(
                    "dataset `{}`: expected no `ood` in a table of in-model merging\nhint: remove it",
                    dataset.name
                ));
            }
            let Some(name) = dataset.paper_column.as_deref() else { continue };
            let Some(published) = INMERGE.dataset(name) else {
                return wrong(format!(
                    "dataset.paper_column: expected a dataset of InMerge's tables, found `{name}`"
                ));
            };
            if published.metric != dataset.metric {
                return wrong(format!(
                    "dataset `{}`: expected the metric {} of the paper's {name}, found {}\nhint: remove paper_column",
                    dataset.name, published.metric, dataset.metric
                ));
            }
        }
        Ok(())
    }
}
