//! The images that `ff-soup select --images` chooses by.

use std::path::{Path, PathBuf};

use anyhow::bail;
use ff_data::{Dataset, DatasetConfig, Split, SplitRule, Splits};

use super::options::{ImagesOptions, SelectOptions};
use crate::grid::counted;
use crate::source::Source;

/// Returns the images with the kind of dataset that is given, or that their path tells.
pub(super) fn source(options: &SelectOptions, images: &Path) -> anyhow::Result<Source> {
    let ImagesOptions { dataset, ratio, grouped, .. } = &options.images;
    let kind = match dataset {
        Some(kind) => kind.clone(),
        None => kind_of(images)?.to_owned(),
    };
    Ok(Source::at(kind, whole(images)?, *ratio, *grouped))
}

/// Returns a whole path without `..`, which paths of datasets may not have. The last part may be a link.
fn whole(path: &Path) -> std::io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if folder != Path::new("") => Ok(folder.canonicalize()?.join(name)),
        (Some(_), Some(name)) => Ok(std::env::current_dir()?.join(name)),
        _ => path.canonicalize(),
    }
}

/// Tells the kind of a dataset from its path.
fn kind_of(images: &Path) -> anyhow::Result<&'static str> {
    let extension = images.extension().unwrap_or_default().to_ascii_lowercase();
    Ok(match extension.to_str() {
        _ if images.is_dir() => "folder",
        _ if !images.exists() => bail!(
            "--images: expected a folder or a file, found none at {}\nhint: check the path",
            images.display()
        ),
        Some("csv") => "manifest",
        Some("npz") => medmnist_of(images)?,
        _ => bail!(
            "--images: expected a folder, a CSV file or an .npz file, found {}\n\
             hint: name the kind of dataset with --dataset",
            images.display()
        ),
    })
}

/// Returns the dataset of MedMNIST that a file is named after, such as `bloodmnist_64.npz`.
fn medmnist_of(images: &Path) -> anyhow::Result<&'static str> {
    let stem = images.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = stem.split('_').next().unwrap_or_default();
    let members = DatasetConfig::KINDS.iter().filter(|about| about.kind == "medmnist");
    match members.flat_map(|about| about.members).find(|(member, _)| *member == name) {
        Some(&(member, _)) => Ok(member),
        None => bail!(
            "--images: expected a file of MedMNIST with its name, such as bloodmnist_64.npz, found {}\n\
             hint: name the dataset, such as --dataset bloodmnist",
            images.display()
        ),
    }
}

/// Returns how images are split: as the dataset says, or a fifth for BatchNorm statistics and the
/// others to choose by.
///
/// # Errors
/// The dataset has training images without validation images.
pub(super) fn split(
    dataset: &dyn Dataset,
    ratio: &Option<[f64; 3]>,
    grouped: bool,
) -> anyhow::Result<SplitRule> {
    let has = |split| dataset.samples().iter().any(|sample| sample.split == Some(split));
    Ok(match *ratio {
        Some([train, val, test]) => SplitRule::Ratio { train, val, test, seed: 0, grouped },
        None if has(Split::Train) && has(Split::Val) => SplitRule::Official {},
        // The models were most likely trained on these images, so that the one that overfits most wins.
        None if has(Split::Train) => bail!(
            "--images: expected validation images, found training images without them\n\
             hint: put images that the models were not trained on into val; or choose by the training \
             images on purpose, with --ratio 0.2,0.8,0"
        ),
        None => SplitRule::Ratio { train: 0.2, val: 0.8, test: 0.0, seed: 0, grouped },
    })
}

/// Says which images choose. `statistics` is the most images that BatchNorm statistics are recomputed
/// from, 0 for all; `None` if they are not.
pub(super) fn counts(splits: &Splits, statistics: Option<usize>) -> String {
    let of = |images: usize, what: &str| counted(images as u64, what);
    let train = splits.train.len();
    let statistics = statistics.map_or(String::new(), |most| {
        let images = if most == 0 { train } else { train.min(most) };
        format!(", {} for BatchNorm statistics", of(images, "image"))
    });
    let test = of(splits.test.len(), "test image");
    format!("choosing on {} (val){statistics}, {test}", of(splits.val.len(), "image"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_medmnist_tells_its_dataset() {
        for (file, dataset) in [("bloodmnist_64.npz", "bloodmnist"), ("data/PathMNIST.npz", "pathmnist")] {
            assert_eq!(medmnist_of(Path::new(file)).unwrap(), dataset);
        }
        for file in ["blood.npz", "my_bloodmnist.npz", "medmnist.npz"] {
            let error = medmnist_of(Path::new(file)).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains("--dataset bloodmnist"), "{error}");
        }
    }

    #[test]
    fn images_are_counted_by_what_they_are_for() {
        let splits = Splits { train: (0..9).collect(), val: (9..10).collect(), test: (10..12).collect() };
        let start = "choosing on 1 image (val)";
        for (statistics, expected) in [
            (None, ", 2 test images"),
            (Some(0), ", 9 images for BatchNorm statistics, 2 test images"),
            (Some(4), ", 4 images for BatchNorm statistics, 2 test images"),
            (Some(2048), ", 9 images for BatchNorm statistics, 2 test images"),
        ] {
            assert_eq!(counts(&splits, statistics), format!("{start}{expected}"));
        }
    }
}
