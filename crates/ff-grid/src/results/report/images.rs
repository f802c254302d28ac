//! The images of a column: their numbers, and what is wrong with them.

use ff_data::{Dataset, Leakage, Split, Splits, Target};
use ff_report::report::{ColumnReport, ImagesReport};

use crate::catalog::Catalog;
use crate::config::DatasetEntry;

/// Adds the images of a dataset to a column's report, with warnings on them. `skipped` are the
/// numbers of unreadable training, validation and test images that its jobs left out.
pub(crate) fn add_images(
    report: &mut ColumnReport,
    dataset: &DatasetEntry,
    catalog: &Catalog,
    skipped: [usize; 3],
) {
    if let Ok(data) = catalog.open(&dataset.data()) {
        let leakage = data.splits.leakage(data.dataset.as_ref());
        report.warnings.extend(leakage.summary().map(|said| format!("{said}.")));
        let mut images = images(data.dataset.as_ref(), &data.splits, &leakage);
        images.skipped = skipped;
        report.images = Some(images);
    }
    if let all @ 1.. = skipped.iter().sum::<usize>() {
        let [train, val, test] = skipped;
        let images = if all == 1 { "image was" } else { "images were" };
        report.warnings.push(format!(
            "{all} unreadable {images} left out: {train} of training, {val} of validation, {test} of test."
        ));
    }
}

fn images(dataset: &dyn Dataset, splits: &Splits, leakage: &Leakage) -> ImagesReport {
    let samples = dataset.samples();
    let mut classes = vec![[0; 3]; dataset.task().outputs()];
    for (slot, split) in Split::ALL.into_iter().enumerate() {
        for &index in splits.get(split).iter() {
            match &samples[index].target {
                Target::Class(class) => classes[*class][slot] += 1,
                Target::Labels(labels) => {
                    let positive = labels.iter().zip(&mut classes).filter(|(label, _)| **label == Some(true));
                    positive.for_each(|(_, counts)| counts[slot] += 1);
                }
            }
        }
    }
    let groups = |split: Split| {
        let names = splits.get(split).iter().filter_map(|&index| samples[index].group.as_ref());
        names.collect::<std::collections::BTreeSet<_>>().len()
    };
    let notes = leaks(leakage).into_iter().chain(dataset.notes().iter().map(|note| format!("Note: {note}.")));
    ImagesReport {
        images: Split::ALL.map(|split| splits.get(split).len()),
        groups: (leakage.groups > 0).then(|| Split::ALL.map(groups)),
        classes,
        skipped: [0; 3],
        notes: notes.collect(),
    }
}

/// Says what is known of groups and images in more than one split.
fn leaks(Leakage { groups, shared, duplicates }: &Leakage) -> Vec<String> {
    let of_groups = match (groups, shared.len()) {
        (0, _) => {
            "The dataset names no patients or other groups, so whether one is in several splits is unknown."
                .to_owned()
        }
        (all, 0) => format!("None of {all} patients or other groups is in more than one split."),
        (all, shared) => format!("{shared} of {all} patients or other groups are in more than one split."),
    };
    let of_images = duplicates.as_ref().map(|images| match images.across.len() {
        0 => "No image is in more than one split, as far as equal files tell.".to_owned(),
        1 => "1 image has a copy in another split.".to_owned(),
        across => format!("{across} images have copies in another split."),
    });
    [of_groups].into_iter().chain(of_images).collect()
}
