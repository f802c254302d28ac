//! The cost of methods.

use serde::Serialize;

use crate::format;
use crate::section::{Field, Section};

/// The cost of a method, summed over all columns of the table and all seeds.
///
/// It counts from the pretrained weights on, as if the method were run alone: work that it shares
/// with other methods counts for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// The number of passes over a training split.
    pub training_epochs: u64,
    /// The number of images trained on, counted in each epoch.
    pub training_images: u64,
    /// The number of passes over a validation split, to select models or to score candidates for a
    /// soup.
    pub validation_passes: u64,
    /// The number of images of these passes, and of training images that are read for the statistics
    /// of BatchNorm and of merge methods.
    pub validation_images: u64,
    /// Those of these images that are read to cross-fit the choice.
    pub cross_fitting_images: u64,
    /// The wall-clock time in seconds; `None` if not measured.
    pub wall_seconds: Option<f64>,
}

/// The section of methods and their costs; `over` names what they are summed over.
pub(crate) fn section<'a>(costs: impl Iterator<Item = (&'a str, Cost)>, over: &str) -> Section {
    let costs: Vec<_> = costs.collect();
    let fitted = costs.iter().any(|(_, cost)| cost.cross_fitting_images > 0);
    let mut head =
        vec!["Method", "Training epochs", "Training images", "Validation passes", "Validation images"];
    head.extend(fitted.then_some("of these, to cross-fit"));
    head.push("Time");
    let row = |(method, cost): &(&str, Cost)| {
        let Cost { training_epochs, training_images, validation_passes, validation_images, .. } = *cost;
        let mut counts = vec![training_epochs, training_images, validation_passes, validation_images];
        counts.extend(fitted.then_some(cost.cross_fitting_images));
        let counts = counts.into_iter().map(|of| Field::from(format::count(of)));
        let time = Field::from(cost.wall_seconds.map(format::seconds));
        [Field::from(*method)].into_iter().chain(counts).chain([time]).collect()
    };
    Section::new("Cost", 1, &head, costs.iter().map(row).collect()).remark(format!(
        "Sums over {over}, each method as if run alone: shared work counts for every method."
    ))
}
