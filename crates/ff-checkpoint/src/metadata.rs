//! The metadata that this crate writes into the header of a safetensors file.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::blocks::BlockSums;
use crate::digest::Digest;
use crate::provenance::Provenance;
use crate::tensor::TensorRef;

/// The only metadata key that this crate writes.
///
/// The safetensors library does not keep the order of several keys, and equal content must give
/// equal files.
const KEY: &str = "fissionfusion";

/// The value of that key, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// The digest of the tensors.
    pub digest: Digest,
    /// The checksums of their data. Absent in files of older versions.
    pub crc32c: Option<BlockSums>,
    pub provenance: Option<Provenance>,
    /// The digest of everything else in the header. Absent in files of older versions.
    pub seal: Option<Digest>,
}

impl Metadata {
    /// Creates metadata with their seal, for tensors in order of name.
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

    /// Computes the seal: the digest of the other fields and of tensors' names, types and shapes.
    ///
    /// It leaves out the tensors' offsets, since wrong offsets give wrong block checksums.
    pub fn expected_seal<'a>(&self, tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> Digest {
        let text = match &self.crc32c {
            Some(sums) => {
                let table: Vec<_> =
                    tensors.map(|(name, tensor)| (name, tensor.dtype, tensor.shape)).collect();
                serde_json::to_string(&(self.digest, sums, &self.provenance, table))
            }
            // In files without checksums the seal covers the provenance alone; the digest covers
            // the table.
            None => serde_json::to_string(&self.provenance),
        };
        Digest::of_text(&text.expect("metadata is plain data"))
    }

    /// Finds this crate's metadata in those of a file; `None` for a file of other software.
    ///
    /// # Errors
    /// A text that says how they are damaged.
    pub fn find(texts: &HashMap<String, String>) -> Result<Option<Self>, String> {
        if let Some(text) = texts.get(KEY) {
            let parsed = serde_json::from_str(text).map_err(|error| format!("metadata `{KEY}`: {error}"));
            return parsed.map(Some);
        }
        // A flipped bit in the key must not turn the file into one of other software.
        match texts.iter().find(|(_, text)| serde_json::from_str::<Self>(text).is_ok()) {
            Some((key, _)) => Err(format!("damaged: expected metadata `{KEY}`, found them as `{key}`")),
            None => Ok(None),
        }
    }

    /// Serializes the metadata for the safetensors library.
    pub fn to_texts(&self) -> HashMap<String, String> {
        [(KEY.to_owned(), serde_json::to_string(self).expect("metadata is plain data"))].into()
    }
}
