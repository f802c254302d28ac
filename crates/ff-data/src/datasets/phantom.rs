//! The options of phantoms in a configuration.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::hashes::FileHashes;
use crate::error::Error;
use crate::phantom::{Phantom, PhantomKind};

/// Phantoms: procedural images, generated on demand. They need no files and have all three splits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PhantomConfig {
    /// What the images show.
    pub task: PhantomKind,
    /// Width and height of the images, in pixels, 8 to 4096.
    pub image_size: u32,
    /// Number of training images.
    pub train: usize,
    /// Number of validation images.
    pub val: usize,
    /// Number of test images.
    pub test: usize,
    /// Seed of the images and labels; another seed gives another dataset of the same kind.
    pub seed: u64,
    /// Generate the out-of-distribution twin: the same classes from another scanner (contrast,
    /// blur, noise, colour cast, background).
    pub shifted: bool,
    /// How visible the spots of `grades`, the patches of `opacity` and the marks of `findings` are, in
    /// percent, 1 to 1000: the size of spots, and the light of the others. Other tasks do not
    /// change. Absent: 100.
    #[serde(skip_serializing_if = "is_usual")]
    pub visibility: u32,
}

/// The usual visibility, which a resolved configuration does not have.
const USUAL: u32 = 100;

fn is_usual(visibility: &u32) -> bool {
    *visibility == USUAL
}

impl Default for PhantomConfig {
    fn default() -> Self {
        Self {
            task: PhantomKind::Shapes,
            image_size: 32,
            train: 480,
            val: 240,
            test: 480,
            seed: 0,
            shifted: false,
            visibility: USUAL,
        }
    }
}

impl DatasetKind for PhantomConfig {
    const KIND: &'static str = "phantom";
    const TITLE: &'static str = "procedural images";
    const ACCESS: Access = Access::Drawn;

    fn open(&self, _: &Path, _: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        let &Self { task, image_size, train, val, test, seed, shifted, visibility } = self;
        let phantom = Phantom::new(task, image_size, [train, val, test], seed, shifted)?;
        Ok(Arc::new(if is_usual(&visibility) { phantom } else { phantom.with_visibility(visibility)? }))
    }
}
