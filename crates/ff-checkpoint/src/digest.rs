//! The name of a content.

use std::fmt;
use std::str::FromStr;

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use crate::tensor::TensorRef;

/// Bytes hashed at a time: few enough for a core's second cache, a power of two of the hash's own
/// KiB, and whole elements of every type.
pub(crate) const RUN: usize = 1 << 17;

/// Bytes of the widest element, which those of narrower ones divide.
const WIDEST: usize = 16;

/// The BLAKE3 hash (256 bits, written as 64 hexadecimal digits) of a set of tensors: names, types,
/// shapes and bytes, in order of name. Two files with the same digest hold the same weights,
/// whatever their metadata.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of tensors given in order of name.
    pub fn of<'a>(tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> Self {
        Self::watched(tensors, |_, _, _| ())
    }

    /// The digest of a text.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// The digest of tensors, whose bytes `watch` gets first, which brings them into the cache: the
    /// name, the type, and a run of whole elements.
    pub(crate) fn watched<'a>(
        tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>,
        mut watch: impl FnMut(&'a str, Dtype, &[u8]),
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (name, tensor) in tensors {
            // Every field is preceded by its length, so that no two sets of tensors hash the same
            // bytes.
            let dtype = tensor.dtype.to_string();
            for text in [name, &dtype] {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
            hasher.update(&(tensor.shape.len() as u64).to_le_bytes());
            for &size in tensor.shape {
                hasher.update(&(size as u64).to_le_bytes());
            }
            hasher.update(&(tensor.data.len() as u64).to_le_bytes());
            let (mut hashed, mut watched) = (0, 0);
            while hashed < tensor.data.len() {
                // Runs end where a subtree of the hash ends: it is slow at anything else.
                let run = RUN - hasher.count() as usize % RUN;
                let end = tensor.data.len().min(hashed + run);
                let whole = if end == tensor.data.len() { end } else { end - end % WIDEST };
                watch(name, tensor.dtype, &tensor.data[watched..whole]);
                hasher.update(&tensor.data[hashed..end]);
                (hashed, watched) = (end, whole);
            }
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| format!("`{text}` is not a digest: expected 64 hexadecimal digits"))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
