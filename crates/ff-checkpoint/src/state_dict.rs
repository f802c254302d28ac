//! Named tensors, memory-mapped or in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::{Digest, Error, OwnedTensor, Provenance, TensorRef, write_atomic};

/// The one metadata key this crate writes. (One, because the order of several is not kept by the format's
/// library, and equal content should be equal files.)
const METADATA_KEY: &str = "fissionfusion";

#[derive(Serialize, Deserialize)]
struct Metadata {
    digest: Digest,
    provenance: Option<Provenance>,
}

/// Named tensors, in order of name. Cheap to clone: clones share the content.
#[derive(Clone)]
pub struct StateDict {
    bytes: Arc<Bytes>,
    entries: Arc<BTreeMap<String, Entry>>,
    digest: Digest,
    path: Option<PathBuf>,
    provenance: Option<Provenance>,
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
    /// Maps a safetensors file into memory and checks its content against the digest it carries. A file that
    /// carries none (one from elsewhere) is accepted and gets its digest computed.
    ///
    /// Costs one pass over the file. The file must not be changed in place while it is open; this crate
    /// itself only ever replaces files whole.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`], [`Error::Damaged`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path, "open this file"))?;
        // SAFETY: the map is read-only, and files of weights are replaced, never written in place.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path, "map this file"))?;
        Self::parse(path, map)
    }

    fn parse(path: &Path, map: Mmap) -> Result<Self, Error> {
        let malformed = |reason: safetensors::SafeTensorError| Error::malformed(path, reason);
        let (header, header_metadata) = SafeTensors::read_metadata(&map).map_err(malformed)?;
        let start = 8 + header;
        let entries: BTreeMap<String, Entry> = header_metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let range = start + info.data_offsets.0..start + info.data_offsets.1;
                (name, Entry { dtype: info.dtype, shape: info.shape.clone(), range })
            })
            .collect();
        if entries.values().any(|entry| entry.range.end > map.len()) {
            return Err(Error::malformed(path, "truncated: it ends before its tensors do"));
        }
        let ours: Option<Metadata> = header_metadata
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY))
            .map(|text| serde_json::from_str(text))
            .transpose()
            .map_err(|error| Error::malformed(path, format!("metadata `{METADATA_KEY}`: {error}")))?;

        let bytes = Bytes::Mapped(map);
        let found = Digest::of(views(&bytes, &entries));
        let (expected, provenance) = ours.map_or((found, None), |m| (m.digest, m.provenance));
        if expected != found {
            return Err(Error::Damaged { path: path.to_owned(), expected, found });
        }
        Ok(Self {
            bytes: Arc::new(bytes),
            entries: Arc::new(entries),
            digest: found,
            path: Some(path.to_owned()),
            provenance,
        })
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
        let bytes = Bytes::Owned(data);
        let digest = Digest::of(views(&bytes, &entries));
        Self { bytes: Arc::new(bytes), entries: Arc::new(entries), digest, path: None, provenance: None }
    }

    /// Writes the tensors, their digest and how they came to be, atomically ([`write_atomic`]). The same
    /// tensors and provenance make the same bytes.
    pub fn save(&self, path: &Path, provenance: Option<&Provenance>) -> Result<(), Error> {
        let ours = Metadata { digest: self.digest, provenance: provenance.cloned() };
        let text = serde_json::to_string(&ours).map_err(|error| Error::malformed(path, error))?;
        let metadata = [(METADATA_KEY.to_owned(), text)].into();
        let bytes = safetensors::serialize(self.iter(), Some(metadata))
            .map_err(|error| Error::malformed(path, error))?;
        write_atomic(path, |file| file.write_all(&bytes))
    }

    /// Names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<TensorRef<'_>> {
        self.entries.get(name).map(|entry| entry.view(&self.bytes))
    }

    /// Names and tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, TensorRef<'_>)> {
        views(&self.bytes, &self.entries)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The digest of the content; for a file that carries one, checked when it was opened.
    pub fn digest(&self) -> &Digest {
        &self.digest
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
        self.provenance.as_ref().ok_or_else(|| Error::NoProvenance {
            path: self.path.clone().unwrap_or_else(|| "(in memory)".into()),
        })
    }

    /// The name of the first tensor that holds a NaN or an infinity, if one does. One pass over the content.
    pub fn first_not_finite(&self) -> Option<&str> {
        self.iter()
            .find(|(_, tensor)| tensor.to_f32().is_some_and(|values| values.iter().any(|v| !v.is_finite())))
            .map(|(name, _)| name)
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

fn views<'a>(
    bytes: &'a Bytes,
    entries: &'a BTreeMap<String, Entry>,
) -> impl Iterator<Item = (&'a str, TensorRef<'a>)> {
    entries.iter().map(move |(name, entry)| (name.as_str(), entry.view(bytes)))
}

impl View for TensorRef<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.data.into()
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

impl std::fmt::Debug for StateDict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateDict({} tensors, {:?})", self.len(), self.digest)
    }
}
