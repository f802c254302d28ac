//! Phantoms, as a configuration names them.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::hashes::FileHashes;
use crate::error::Error;
use crate::phantom::{Phantom, PhantomKind};

/// Procedural images, drawn when asked for; see [`PhantomKind`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PhantomConfig {
    /// What is drawn.
    pub task: PhantomKind,
    /// Width and height.
    pub image_size: u32,
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub val: usize,
    /// Test images.
    pub test: usize,
    /// Another seed is another dataset of the same kind.
    pub seed: u64,
    /// Draws the out-of-distribution twin: same labels, another scanner (contrast, blur, noise,
    /// colour cast, background).
    pub shifted: bool,
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
        }
    }
}

impl DatasetKind for PhantomConfig {
    const KIND: &'static str = "phantom";
    const TITLE: &'static str = "procedural images";
    const ACCESS: Access = Access::Drawn;

    fn open(&self, _: &Path, _: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        let &Self { task, image_size, train, val, test, seed, shifted } = self;
        Ok(Arc::new(Phantom::new(task, image_size, [train, val, test], seed, shifted)?))
    }
}
