//! The data that a job reads.

use ff_data::{Dataset, DatasetConfig, SplitRule, Splits};
use serde::{Deserialize, Serialize};

/// A dataset and how it is divided, as the configuration names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Where the images are.
    pub source: DatasetConfig,
    /// How they are divided; if absent, they are only evaluated on.
    pub split: Option<SplitRule>,
    /// The most pixels that the shorter side of an image may have; absent, images stay as they are.
    pub shrink_px: Option<u32>,
}

/// What a job's result depends on, of its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// Digest of images and labels.
    pub digest: String,
    /// Digest of the division.
    #[serde(alias = "division")]
    pub split: String,
}

impl DataIdentity {
    /// The identity of a dataset divided in a certain way.
    pub fn of(dataset: &dyn Dataset, splits: &Splits) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [&splits.train, &splits.val, &splits.test] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            for &index in part.iter() {
                hasher.update(&(index as u64).to_le_bytes());
            }
        }
        Self { digest: dataset.digest().to_owned(), split: hasher.finalize().to_hex().to_string() }
    }
}

/// Part of a dataset that predictions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvalSplit {
    /// What selection sees.
    Validation,
    /// What only evaluation sees.
    Test,
}
