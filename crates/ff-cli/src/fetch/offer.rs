//! The datasets that can be asked for, and how each is to be had.

use anyhow::{Context, bail};
use clap::builder::PossibleValue;
use ff_data::{About, Access, DatasetConfig};

use super::sources::{self, Open};

/// How a dataset is to be had.
#[derive(Clone, Debug)]
pub enum Offer {
    /// By download
    Open(Open),
    /// As this text says
    Closed(String),
}

/// The names that can be asked for, those that are downloaded first.
pub fn names() -> Vec<PossibleValue> {
    let (open, closed): (Vec<&About>, Vec<&About>) = DatasetConfig::KINDS
        .iter()
        .filter(|about| !matches!(about.access, Access::Drawn | Access::Own))
        .partition(|about| about.access == Access::Download);
    let of = |about: &About| {
        let what = match about.access {
            Access::Browser(_) => ": says where it is served",
            Access::Apply(_) => ": says where to apply",
            Access::Drawn | Access::Own | Access::Download => "",
        };
        let named = about.names().into_iter();
        named.map(|(name, title)| PossibleValue::new(name).help(format!("{title}{what}"))).collect::<Vec<_>>()
    };
    open.into_iter().chain(closed).flat_map(of).collect()
}

/// How the dataset of a name is to be had; a side or version is for those that come in several.
///
/// # Errors
/// No such name, side or version.
pub fn find(name: &str, image_size: Option<u32>, version: Option<&str>) -> anyhow::Result<Offer> {
    let named = |about: &&About| about.names().iter().any(|(known, _)| *known == name);
    let about = DatasetConfig::KINDS.iter().find(named);
    let about = about.with_context(|| format!("{name}: expected a dataset, found none of this name"))?;
    if image_size.is_some() && about.kind != "medmnist" {
        bail!("{name}: expected no --image-size, which is for the datasets of MedMNIST");
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
