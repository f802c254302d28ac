//! The digest that identifies a set of tensors.

use std::fmt;
use std::str::FromStr;

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use crate::tensor::TensorRef;

/// Bytes hashed at a time.
///
/// Small enough for a core's L2 cache, a power of two times the hash's chunks of 1 KiB, and a
/// multiple of the size of every type of element.
pub(crate) const RUN: usize = 1 << 17;

/// Bytes of the widest type of element, a multiple of the size of every other type.
const WIDEST: usize = 16;

/// The BLAKE3 hash of a set of tensors: 256 bits, written as 64 hexadecimal digits.
///
/// It covers names, types, shapes and bytes, in order of name, and no metadata: two files with the
/// same digest hold the same weights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of tensors given in order of name.
    pub fn of<'a>(tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> Self {
        Self::watched(tensors, |_, _, _| ())
    }

    /// Computes the digest of a text.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// Computes the digest of tensors, and passes each run of bytes to `watch` before hashing it.
    ///
    /// `watch` gets the tensor's name, its type and whole elements. Both read a run while it is in
    /// the cache.
    pub(crate) fn watched<'a>(
        tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>,
        mut watch: impl FnMut(&'a str, Dtype, &[u8]),
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (name, tensor) in tensors {
            // Each field is preceded by its length, so two sets of tensors never hash the same
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
                // A run ends where a subtree of the hash ends: other boundaries are slow to hash.
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
