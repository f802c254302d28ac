//! This crate reads image datasets and loads them as batches: splits, augmentation and a loader.
//!
//! A [`DatasetConfig`] opens a [`Dataset`], a [`SplitRule`] splits it into train, val and test, and
//! a [`Loader`] decodes, augments and batches the samples of a split, in order, on threads:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use ff_data::datasets::Folder;
//! use ff_data::{Augment, DatasetConfig, FileHashes, Loader, LoaderConfig, OnBadImage, SplitRule};
//!
//! let root = Path::new("data");
//! let cells = DatasetConfig::Folder(Folder { path: "cells".into() }); // data/cells/CLASS/IMAGE
//! let dataset = cells.open(root, &FileHashes::none())?;
//! let rule = SplitRule::Ratio { train: 0.8, val: 0.1, test: 0.1, seed: 0, grouped: false };
//! let splits = rule.split(&*dataset, root)?;
//! let config = LoaderConfig {
//!     batch_size: 32,
//!     image_size: 224,
//!     augment: Augment::Medium,
//!     shuffle: true,
//!     seed: 0,
//!     threads: 4,
//!     prefetch: 8,
//!     on_bad_image: OnBadImage::Error,
//! };
//! for batch in Loader::new(dataset, splits.train, config).epoch(0) {
//!     let batch = batch?; // images: 8-bit RGB, [N, 224, 224, 3]
//!     println!("{} bytes, {:?}", batch.images.len(), batch.targets);
//! }
//! # Ok::<(), ff_data::Error>(())
//! ```
//!
//! [`datasets`] has every dataset that a configuration can name. [`Phantom`] draws images, for
//! tests without data. A dataset of your own is an implementation of [`Dataset`].
//!
//! [`ResizedCache`] and [`InMemory`] avoid decoding images that are read many times: one keeps
//! resized images on disk, the other decoded images in memory. [`FileHashes`] avoids hashing the
//! same files again.
//!
//! Every random choice is a pure function of a seed and of what it is for ([`random`]), so batches
//! do not depend on the number of threads. The crate is pure Rust and needs no libtorch.

pub mod augment;
mod cache;
mod corrupt;
mod data_root;
mod dataset;
pub mod datasets;
mod decode;
mod digest;
mod error;
mod image;
mod image_files;
mod labelled_files;
mod loader;
mod phantom;
pub mod random;
mod resized_cache;
mod split;
mod stand_in;
mod table;
mod threads;
mod write;

pub use augment::Augment;
pub use cache::InMemory;
pub use corrupt::Corruption;
pub use dataset::{Attribute, Content, Dataset, Inventory, Sample, Split, Target, Task};
pub use datasets::{
    About, Access, Cifar101Version, DatasetConfig, FileHashes, MedMnistName, Published, SplitSource,
    UncertainLabels,
};
pub use decode::{MAX_PIXELS, decode, is_decoding, read_image};
pub use error::{Error, Problem};
pub use image::Image;
pub use image_files::ImageFiles;
pub use labelled_files::LabelledFiles;
pub use loader::{Batch, Epoch, Loader, LoaderConfig, OnBadImage, Targets, batches};
pub use phantom::{Phantom, PhantomKind};
pub use resized_cache::{Prepared, ResizedCache};
pub use split::{Duplicates, Leakage, SharedGroup, SplitRule, Splits};
pub use write::write_png;

/// The random generator of [`random::stream`] and [`Augment::apply`].
pub use rand_chacha::ChaCha8Rng;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
