//! The data that a job reads.

use ff_data::{Dataset, DatasetConfig, SplitRule, Splits};
use serde::{Deserialize, Serialize};

/// A dataset and its split, as in a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Where the images are.
    pub source: DatasetConfig,
    /// How they are split. `None`: the dataset is for evaluation only.
    pub split: Option<SplitRule>,
    /// Largest shorter side in pixels; larger images are shrunk. `None`: images are not shrunk.
    ///
    /// It is part of the dataset's digest. Where the shrunk pixels come from (the cache or the
    /// image's file) is not.
    pub shrink_px: Option<u32>,
}

/// The identity of a job's data: all that its result depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// Digest of images and labels.
    pub digest: String,
    /// Digest of the split.
    #[serde(alias = "division")]
    pub split: String,
}

impl DataIdentity {
    /// Computes the identity of a dataset and its split.
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

/// A split of a dataset to evaluate on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvalSplit {
    /// The validation split, by which models are selected.
    Validation,
    /// The test split, which no training and no selection reads.
    Test,
}
