//! The datasets that can be asked for.

use anyhow::bail;
use clap::ValueEnum;

use super::access;
use super::sources::{self, Open};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DatasetKind {
    /// CIFAR-10, the Python form
    Cifar10,
    /// CIFAR-100, the Python form
    Cifar100,
    /// CIFAR-10.1, versions v4 and v6
    #[value(name = "cifar10.1")]
    Cifar10_1,
    /// MedMNIST: colon pathology, 9 classes
    Pathmnist,
    /// MedMNIST: skin lesions, 7 classes
    Dermamnist,
    /// MedMNIST: blood cells, 8 classes
    Bloodmnist,
    /// MedMNIST: retinal OCT, 4 classes
    Octmnist,
    /// MedMNIST: chest X-rays, 14 tasks
    Chestmnist,
    /// APTOS 2019: says where to apply
    Aptos2019,
    /// EyePACS: says where to apply
    Eyepacs,
    /// HAM10000: says where it is served
    Ham10000,
    /// RSNA pneumonia: says where to apply
    RsnaPneumonia,
    /// CheXpert: says where to apply
    Chexpert,
    /// MIMIC-CXR-JPG: says where to apply
    MimicCxr,
    /// Messidor: says where to apply
    Messidor,
    /// Messidor-2: says where to apply
    Messidor2,
    /// NIH ChestX-ray14: says where it is served
    Chestxray14,
}

/// How a dataset is to be had.
#[derive(Clone, Debug)]
pub enum Offer {
    /// By download
    Open(Open),
    /// As this text says
    Closed(&'static str),
}

impl DatasetKind {
    /// How it is to be had; a side or version is for those that come in several.
    ///
    /// # Errors
    /// No such side or version.
    pub fn find(self, image_size: Option<u32>, version: Option<&str>) -> anyhow::Result<Offer> {
        let name = self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        if image_size.is_some() && !sources::is_medmnist(&name) {
            bail!("{name}: expected no --image-size, which is for the datasets of MedMNIST");
        }
        if version.is_some() && self != Self::Cifar10_1 {
            bail!("{name}: expected no --version, which is for cifar10.1");
        }
        Ok(match self {
            Self::Cifar10 => Offer::Open(sources::cifar(false)),
            Self::Cifar100 => Offer::Open(sources::cifar(true)),
            Self::Cifar10_1 => Offer::Open(sources::cifar10_1(version)?),
            Self::Pathmnist | Self::Dermamnist | Self::Bloodmnist | Self::Octmnist | Self::Chestmnist => {
                Offer::Open(sources::medmnist(&name, image_size)?)
            }
            Self::Aptos2019 => Offer::Closed(access::APTOS2019),
            Self::Eyepacs => Offer::Closed(access::EYEPACS),
            Self::Ham10000 => Offer::Closed(access::HAM10000),
            Self::RsnaPneumonia => Offer::Closed(access::RSNA_PNEUMONIA),
            Self::Chexpert => Offer::Closed(access::CHEXPERT),
            Self::MimicCxr => Offer::Closed(access::MIMIC_CXR),
            Self::Messidor => Offer::Closed(access::MESSIDOR),
            Self::Messidor2 => Offer::Closed(access::MESSIDOR2),
            Self::Chestxray14 => Offer::Closed(access::CHESTXRAY14),
        })
    }
}
