//! The datasets that `ff-data fetch` knows, and how to get each.

use anyhow::{Context, bail};
use clap::builder::PossibleValue;
use ff_data::{About, Access, DatasetConfig};

use super::sources::{self, Open};

/// How to get a dataset.
#[derive(Clone, Debug)]
pub enum Offer {
    /// By download.
    Open(Open),
    /// As this text says.
    Closed(String),
}

/// Returns the names of all datasets, those that can be downloaded first.
pub fn names() -> Vec<PossibleValue> {
    let (open, closed): (Vec<&About>, Vec<&About>) = DatasetConfig::KINDS
        .iter()
        .filter(|about| !matches!(about.access, Access::Drawn | Access::Own))
        .partition(|about| about.access == Access::Download);
    let of = |about: &About| {
        let what = match about.access {
            Access::Browser(_) => ": prints where to download it",
            Access::Apply(_) => ": prints where to apply",
            Access::Drawn | Access::Own | Access::Download => "",
        };
        let named = about.names().into_iter();
        named.map(|(name, title)| PossibleValue::new(name).help(format!("{title}{what}"))).collect::<Vec<_>>()
    };
    open.into_iter().chain(closed).flat_map(of).collect()
}

/// Returns how to get the dataset of a name. A size or version is only for datasets that have
/// several.
///
/// # Errors
/// There is no such name, size or version.
pub fn find(name: &str, image_size: Option<u32>, version: Option<&str>) -> anyhow::Result<Offer> {
    let named = |about: &&About| about.names().iter().any(|(known, _)| *known == name);
    let about = DatasetConfig::KINDS.iter().find(named);
    let about = about.with_context(|| format!("{name}: expected a dataset, found none of this name"))?;
    if image_size.is_some() && about.kind != "medmnist" {
        bail!("{name}: expected no --image-size, which is for MedMNIST");
    }
    if version.is_some() && about.kind != "cifar10.1" {
        bail!("{name}: expected no --version, which is for cifar10.1");
    }
    if let Some(text) = about.instructions() {
        return Ok(Offer::Closed(text));
    }
    Ok(Offer::Open(match about.kind {
        "cifar10" => sources::cifar(false),
        "cifar100" => sources::cifar(true),
        "cifar10.1" => sources::cifar10_1(version)?,
        "medmnist" => sources::medmnist(name, image_size)?,
        _ => bail!("{name}: there is nothing to download"),
    }))
}
