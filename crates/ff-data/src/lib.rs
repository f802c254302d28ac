//! Images on disk to batches: datasets, splits, augmentation, loader.
//!
//! A [`DatasetConfig`] opens a [`Dataset`], a [`SplitRule`] divides it, a [`Loader`] turns the
//! samples of a split into [`Batch`]es of one size, decoded, augmented and in order, on threads.
//! [`ResizedCache`] and [`InMemory`] spare the decoding where pictures are read many times: one
//! keeps small pictures on disk, the other pictures in memory. [`FileHashes`] spares hashing the
//! same files again.
//!
//! Nothing here knows of models. Every random choice is a pure function of what it is for
//! ([`random`]).

pub mod augment;
mod cache;
mod data_root;
mod dataset;
pub mod datasets;
mod decode;
mod digest;
mod error;
mod image;
mod loader;
mod phantom;
pub mod random;
mod resized_cache;
mod split;
mod table;
mod threads;
mod write;

pub use augment::Augment;
pub use cache::InMemory;
pub use dataset::{Content, Dataset, Inventory, Sample, Split, Target, Task};
pub use datasets::{
    About, Access, Cifar101Version, DatasetConfig, FileHashes, MedMnistName, Published, SplitSource,
    UncertainLabels,
};
pub use decode::{MAX_PIXELS, decode, read_image};
pub use error::{Error, Problem};
pub use image::Image;
pub use loader::{Batch, Epoch, Loader, LoaderConfig, OnBadImage, Targets, batches};
pub use phantom::{Phantom, PhantomKind};
pub use resized_cache::{Prepared, ResizedCache};
pub use split::{Duplicates, Leakage, SharedGroup, SplitRule, Splits};
pub use write::write_png;
