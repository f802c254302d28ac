//! What this crate writes into a safetensors file beside the tensors.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::blocks::BlockSums;
use crate::digest::Digest;
use crate::provenance::Provenance;
use crate::tensor::TensorRef;

/// The one metadata key this crate writes. (One, because the order of several is not kept by the
/// format's library, and equal content should be equal files.)
const KEY: &str = "fissionfusion";

/// The value of that key, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// Of the tensors.
    pub digest: Digest,
    /// Of their data, by blocks. Absent in files from before there were block checksums.
    pub crc32c: Option<BlockSums>,
    pub provenance: Option<Provenance>,
    /// Digest of everything else in the header. Absent in files from before there were seals.
    pub seal: Option<Digest>,
}

impl Metadata {
    /// Metadata with their seal, for tensors in order of name.
    pub fn new<'a>(
        digest: Digest,
        sums: BlockSums,
        provenance: Option<&Provenance>,
        tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>,
    ) -> Self {
        let mut new = Self { digest, crc32c: Some(sums), provenance: provenance.cloned(), seal: None };
        new.seal = Some(new.expected_seal(tensors));
        new
    }

    /// The digest of the rest and of the tensors' names, types and shapes.
    ///
    /// Offsets need no seal: other offsets give other bytes to the same checksums.
    pub fn expected_seal<'a>(&self, tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> Digest {
        let text = match &self.crc32c {
            Some(sums) => {
                let table: Vec<_> =
                    tensors.map(|(name, tensor)| (name, tensor.dtype, tensor.shape)).collect();
                serde_json::to_string(&(self.digest, sums, &self.provenance, table))
            }
            // Seals were of the provenance alone; the digest covers the table.
            None => serde_json::to_string(&self.provenance),
        };
        Digest::of_text(&text.expect("metadata is plain data"))
    }

    /// Finds this crate's metadata among a file's; a file from elsewhere has none.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn find(texts: &HashMap<String, String>) -> Result<Option<Self>, String> {
        if let Some(text) = texts.get(KEY) {
            let parsed = serde_json::from_str(text).map_err(|error| format!("metadata `{KEY}`: {error}"));
            return parsed.map(Some);
        }
        // With a flipped bit in the key the file must not pass for one from elsewhere.
        match texts.iter().find(|(_, text)| serde_json::from_str::<Self>(text).is_ok()) {
            Some((key, _)) => Err(format!("damaged: its metadata are named `{key}`, expected `{KEY}`")),
            None => Ok(None),
        }
    }

    /// The metadata to write.
    pub fn to_texts(&self) -> HashMap<String, String> {
        [(KEY.to_owned(), serde_json::to_string(self).expect("metadata is plain data"))].into()
    }
}
