//! Sets of named tensors, memory-mapped or in memory.

mod file;
mod shards;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use safetensors::Dtype;
use serde_json::{Map, Value};

use crate::blocks::BlockSums;
use crate::digest::Digest;
use crate::error::Error;
use crate::form::Form;
use crate::provenance::{Parent, Provenance};
use crate::scan::Scan;
use crate::tensor::{OwnedTensor, TensorRef, all_finite};

/// A set of named tensors, sorted by name, memory-mapped from files or held in memory.
///
/// Cloning is cheap: clones share the content and its cached digest.
///
/// ```
/// use ff_checkpoint::{OwnedTensor, StateDict};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("fc.safetensors");
/// let weight = ("fc.weight".to_owned(), OwnedTensor::f32([2, 3], &[0.5; 6]));
/// let weights = StateDict::from_tensors([weight].into());
/// weights.save(&path, None)?;
///
/// let opened = StateDict::open(&path)?;
/// assert_eq!(opened.digest(), weights.digest());
/// for (name, tensor) in opened.iter() {
///     println!("{name}: {} {:?}", tensor.dtype, tensor.shape); // fc.weight: F32 [2, 3]
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StateDict {
    content: Arc<Content>,
    path: Option<PathBuf>,
    provenance: Option<Arc<Provenance>>,
    saved_with: Arc<Map<String, Value>>,
    other_sets: Vec<&'static str>,
}

struct Content {
    /// The files, and blocks in memory.
    blocks: Vec<Bytes>,
    entries: BTreeMap<String, Entry>,
    identity: OnceLock<Identity>,
    /// The name of the first tensor with a NaN or an infinity.
    not_finite: OnceLock<Option<String>>,
}

struct Identity {
    digest: Digest,
    sums: BlockSums,
    /// True if the digest was read from a file, false if it was computed from the content.
    read: bool,
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Which of the blocks has its elements, and where.
    block: usize,
    range: Range<usize>,
}

impl StateDict {
    fn new(blocks: Vec<Bytes>, entries: BTreeMap<String, Entry>) -> Self {
        let content = Content { blocks, entries, identity: OnceLock::new(), not_finite: OnceLock::new() };
        let (saved_with, other_sets) = Default::default();
        Self { content: Arc::new(content), path: None, provenance: None, saved_with, other_sets }
    }

    /// Creates a set from tensors, copied into one block of memory.
    pub fn from_tensors(tensors: BTreeMap<String, OwnedTensor>) -> Self {
        let mut data = Vec::with_capacity(tensors.values().map(|tensor| tensor.data.len()).sum());
        let mut entries = BTreeMap::new();
        for (name, tensor) in tensors {
            let range = data.len()..data.len() + tensor.data.len();
            data.extend_from_slice(&tensor.data);
            entries.insert(name, Entry { dtype: tensor.dtype, shape: tensor.shape, block: 0, range });
        }
        Self::new(vec![Bytes::Owned(data)], entries)
    }

    /// Creates tensors of the same names, types and shapes, with elements that `fill` writes.
    ///
    /// `fill` gets, for each tensor, its name, the original and the zeroed bytes to write to.
    pub fn refilled<'a>(&'a self, fill: impl FnOnce(Vec<(&'a str, TensorRef<'a>, &mut [u8])>)) -> Self {
        let mut data = vec![0; self.iter().map(|(_, tensor)| tensor.data.len()).sum()];
        let mut entries = BTreeMap::new();
        let mut rooms = Vec::with_capacity(self.len());
        let (mut rest, mut end) = (data.as_mut_slice(), 0);
        for (name, tensor) in self.iter() {
            let (room, after) = rest.split_at_mut(tensor.data.len());
            let range = end..end + room.len();
            (rest, end) = (after, range.end);
            let entry = Entry { dtype: tensor.dtype, shape: tensor.shape.to_vec(), block: 0, range };
            entries.insert(name.to_owned(), entry);
            rooms.push((name, tensor, room));
        }
        fill(rooms);
        Self::new(vec![Bytes::Owned(data)], entries)
    }

    /// Digest and checksums, computed in one pass on the first call.
    fn identity(&self) -> &Identity {
        self.content.identity.get_or_init(|| {
            let (Scan { sums, not_finite }, digest) = Scan::with_digest(self.iter());
            // An earlier call of `first_not_finite` may have set it.
            let _ = self.content.not_finite.set(not_finite);
            Identity { digest, sums, read: false }
        })
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.content.entries.keys().map(String::as_str)
    }

    /// The tensor of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<TensorRef<'_>> {
        self.content.entries.get(name).map(|entry| entry.view(&self.content.blocks))
    }

    /// The tensors with their names, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, TensorRef<'_>)> {
        let Content { blocks, entries, .. } = &*self.content;
        entries.iter().map(|(name, entry)| (name.as_str(), entry.view(blocks)))
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.content.entries.len()
    }

    /// True if there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.content.entries.is_empty()
    }

    /// The digest of the content.
    ///
    /// For a file with block checksums it is read from the metadata. For tensors in memory it is
    /// computed on the first call, in one pass over them, and cached.
    pub fn digest(&self) -> &Digest {
        &self.identity().digest
    }

    /// Creates the provenance entry for weights that are made from these, with no share of a soup.
    pub fn as_parent(&self, id: &str) -> Parent {
        Parent { id: id.to_owned(), digest: *self.digest(), weight: None }
    }

    /// The file that it was opened from, of shards their index; `None` for tensors made in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The form and the size in bytes of each file that it was opened from: several for shards, none for
    /// tensors made in memory.
    pub fn files(&self) -> Vec<(Form, usize)> {
        let file = |bytes: &Bytes| match bytes {
            Bytes::Mapped(map) => Some((Form::of(self.path()?, map).ok()?, map.len())),
            Bytes::Owned(_) => None,
        };
        self.content.blocks.iter().filter_map(file).collect()
    }

    /// The provenance in the file's metadata: how the weights were made.
    ///
    /// # Errors
    /// [`Error::NoProvenance`] for a file of other software, and for tensors made in memory.
    pub fn provenance(&self) -> Result<&Provenance, Error> {
        self.provenance.as_deref().ok_or_else(|| Error::NoProvenance { path: self.place() })
    }

    /// What another program saved beside the tensors, as JSON: of a PyTorch file, numbers, texts,
    /// booleans, `None`, lists, tuples, dictionaries and namespaces, such as timm's `arch` and `args`
    /// or Lightning's `hyper_parameters`; of a safetensors file, the texts of its metadata. Integer
    /// keys are texts.
    ///
    /// Tensors and other values without a form in JSON are left out, a list with one as a whole. So
    /// are empty dictionaries, texts above 4,096 bytes, and values beyond the first 10,000. Empty for
    /// files of this crate and for tensors made in memory.
    pub fn saved_with(&self) -> &Map<String, Value> {
        &self.saved_with
    }

    /// The names of the other sets of weights in a PyTorch file, which are not read, such as
    /// `state_dict_ema`, timm's moving average. Empty for other files, for shards and for tensors made in
    /// memory.
    pub fn other_sets(&self) -> &[&'static str] {
        &self.other_sets
    }

    /// The name of the first tensor with a NaN or an infinity, if there is one.
    ///
    /// Determined when a file is opened; for tensors in memory, on the first call.
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
    fn view<'a>(&'a self, blocks: &'a [Bytes]) -> TensorRef<'a> {
        let bytes: &[u8] = match &blocks[self.block] {
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
