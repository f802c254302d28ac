//! The datasets that a configuration can name, one file each.
//!
//! The file of a dataset has its options, reader, published numbers, licence and access, as a
//! [`DatasetKind`]. Its row in [`DatasetConfig`] is the only other place that names it.

mod about;
mod aptos2019;
mod arrays;
mod chest_labels;
mod chestxray14;
mod chexpert;
mod cifar;
mod cifar10;
mod cifar100;
mod cifar10_1;
mod cifar_python;
mod class_order;
mod config;
mod corrupted;
mod eyepacs;
mod files;
mod folder;
mod grades;
mod ham10000;
mod hashes;
mod images;
mod listing;
mod manifest;
mod medmnist;
mod messidor;
mod messidor2;
mod mimic_cxr;
mod npy;
mod npz;
mod phantom;
mod published;
mod rsna_pneumonia;
mod table_paths;

pub use about::{About, Access, DatasetKind, Steps};
pub use chest_labels::UncertainLabels;
pub use chestxray14::SplitSource;
pub use cifar10_1::Cifar101Version;
pub use hashes::FileHashes;
pub(crate) use images::{entries_below, is_image};
pub use medmnist::MedMnistName;
pub use published::Published;
pub(crate) use table_paths::TablePaths;

config::datasets! {
    Folder(folder::Folder),
    Manifest(manifest::Manifest),
    Cifar10(cifar10::Cifar10),
    Cifar100(cifar100::Cifar100),
    Cifar10_1(cifar10_1::Cifar10_1),
    Aptos2019(aptos2019::Aptos2019),
    Eyepacs(eyepacs::Eyepacs),
    Ham10000(ham10000::Ham10000),
    RsnaPneumonia(rsna_pneumonia::RsnaPneumonia),
    Chexpert(chexpert::Chexpert),
    MimicCxr(mimic_cxr::MimicCxr),
    Messidor(messidor::Messidor),
    Messidor2(messidor2::Messidor2),
    Chestxray14(chestxray14::Chestxray14),
    MedMnist(medmnist::MedMnist),
    Phantom(phantom::PhantomConfig),
    Corrupted(corrupted::Corrupted),
}
