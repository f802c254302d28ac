//! What methods cost.

use serde::Serialize;

use crate::format;
use crate::section::{Field, Section};

/// What a method costs over all columns of the table, and all seeds if it has several, from the
/// pretrained weights on, if it were run alone: work that it shares with other methods counts for
/// each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Passes over a training split.
    pub training_epochs: u64,
    /// Images trained on.
    pub training_images: u64,
    /// Passes over a validation split, to select models or to score candidates for a soup.
    pub validation_passes: u64,
    /// Images of those passes.
    pub validation_images: u64,
    /// Seconds on the clock; `None` if not measured.
    pub wall_seconds: Option<f64>,
}

/// Methods and what each costs, over what is said by `over`.
pub(crate) fn section<'a>(costs: impl Iterator<Item = (&'a str, Cost)>, over: &str) -> Section {
    let head =
        ["Method", "Training epochs", "Training images", "Validation passes", "Validation images", "Time"];
    let row = |(method, cost): (&str, Cost)| {
        let counts =
            [cost.training_epochs, cost.training_images, cost.validation_passes, cost.validation_images];
        let counts = counts.map(|of| Field::from(format::count(of)));
        let time = Field::from(cost.wall_seconds.map(format::seconds));
        [Field::from(method)].into_iter().chain(counts).chain([time]).collect()
    };
    Section::new("Cost", 1, &head, costs.map(row).collect())
        .remark(format!("Over {over}, each method as if run alone: work that methods share counts for each."))
}
