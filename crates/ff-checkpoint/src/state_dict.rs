//! Named tensors, memory-mapped or in memory.

mod file;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use safetensors::Dtype;

use crate::blocks::BlockSums;
use crate::digest::Digest;
use crate::error::Error;
use crate::provenance::{Parent, Provenance};
use crate::scan::Scan;
use crate::tensor::{OwnedTensor, TensorRef, all_finite};

/// Named tensors, in order of name. Cheap to clone: clones share the content, and what is known of
/// it.
#[derive(Clone)]
pub struct StateDict {
    content: Arc<Content>,
    path: Option<PathBuf>,
    provenance: Option<Arc<Provenance>>,
}

struct Content {
    bytes: Bytes,
    entries: BTreeMap<String, Entry>,
    identity: OnceLock<Identity>,
    /// The first tensor with a NaN or an infinity.
    not_finite: OnceLock<Option<String>>,
}

struct Identity {
    digest: Digest,
    sums: BlockSums,
    /// Whether the digest was read from a file, and not computed from the content.
    read: bool,
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl StateDict {
    fn new(bytes: Bytes, entries: BTreeMap<String, Entry>) -> Self {
        let content = Content { bytes, entries, identity: OnceLock::new(), not_finite: OnceLock::new() };
        Self { content: Arc::new(content), path: None, provenance: None }
    }

    /// Takes tensors into one block of memory.
    pub fn from_tensors(tensors: BTreeMap<String, OwnedTensor>) -> Self {
        let mut data = Vec::with_capacity(tensors.values().map(|tensor| tensor.data.len()).sum());
        let mut entries = BTreeMap::new();
        for (name, tensor) in tensors {
            let range = data.len()..data.len() + tensor.data.len();
            data.extend_from_slice(&tensor.data);
            entries.insert(name, Entry { dtype: tensor.dtype, shape: tensor.shape, range });
        }
        Self::new(Bytes::Owned(data), entries)
    }

    /// Tensors of these names, types and shapes with other elements: `fill` writes them into the
    /// room, zeroed before, that it gets for each.
    pub fn refilled<'a>(&'a self, fill: impl FnOnce(Vec<(&'a str, TensorRef<'a>, &mut [u8])>)) -> Self {
        let mut data = vec![0; self.iter().map(|(_, tensor)| tensor.data.len()).sum()];
        let mut entries = BTreeMap::new();
        let mut rooms = Vec::with_capacity(self.len());
        let (mut rest, mut end) = (data.as_mut_slice(), 0);
        for (name, tensor) in self.iter() {
            let (room, after) = rest.split_at_mut(tensor.data.len());
            let range = end..end + room.len();
            (rest, end) = (after, range.end);
            entries
                .insert(name.to_owned(), Entry { dtype: tensor.dtype, shape: tensor.shape.to_vec(), range });
            rooms.push((name, tensor, room));
        }
        fill(rooms);
        Self::new(Bytes::Owned(data), entries)
    }

    /// Digest and checksums, computed in one pass when they are first asked for.
    fn identity(&self) -> &Identity {
        self.content.identity.get_or_init(|| {
            let (Scan { sums, not_finite }, digest) = Scan::with_digest(self.iter());
            // Known already if it was asked for before.
            let _ = self.content.not_finite.set(not_finite);
            Identity { digest, sums, read: false }
        })
    }

    /// Names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.content.entries.keys().map(String::as_str)
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<TensorRef<'_>> {
        self.content.entries.get(name).map(|entry| entry.view(&self.content.bytes))
    }

    /// Names and tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, TensorRef<'_>)> {
        let Content { bytes, entries, .. } = &*self.content;
        entries.iter().map(|(name, entry)| (name.as_str(), entry.view(bytes)))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.content.entries.len()
    }

    /// True if there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.content.entries.is_empty()
    }

    /// The digest of the content.
    ///
    /// Of a file with block checksums it is the one in the metadata; of tensors in memory it is
    /// computed on the first call, in one pass over them, and kept.
    pub fn digest(&self) -> &Digest {
        &self.identity().digest
    }

    /// These weights as a parent of others, called `id`; no average's ingredient.
    pub fn as_parent(&self, id: &str) -> Parent {
        Parent { id: id.to_owned(), digest: *self.digest(), weight: None }
    }

    /// Where it was opened; `None` for tensors that were never on disk.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// How the weights came to be.
    ///
    /// # Errors
    /// [`Error::NoProvenance`] for a file from elsewhere.
    pub fn provenance(&self) -> Result<&Provenance, Error> {
        self.provenance.as_deref().ok_or_else(|| Error::NoProvenance { path: self.place() })
    }

    /// The name of the first tensor that holds a NaN or an infinity, if one does.
    ///
    /// Found when a file is opened; for tensors in memory, on the first call.
    pub fn first_not_finite(&self) -> Option<&str> {
        let is_bad = |(_, tensor): &(&str, TensorRef<'_>)| !all_finite(tensor.dtype, tensor.data);
        let find = || self.iter().find(is_bad).map(|(name, _)| name.to_owned());
        self.content.not_finite.get_or_init(find).as_deref()
    }

    fn place(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| "(in memory)".into())
    }
}

impl Entry {
    fn view<'a>(&'a self, bytes: &'a Bytes) -> TensorRef<'a> {
        let bytes: &[u8] = match bytes {
            Bytes::Mapped(map) => map,
            Bytes::Owned(data) => data,
        };
        TensorRef { dtype: self.dtype, shape: &self.shape, data: &bytes[self.range.clone()] }
    }
}

impl std::fmt::Debug for StateDict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateDict({} tensors, {:?})", self.len(), self.digest())
    }
}
