//! Named tensors, memory-mapped or in memory.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::tensor::all_finite;
use crate::{Digest, Error, OwnedTensor, Provenance, TensorRef, cores, on_threads, write_atomic};

/// The one metadata key this crate writes. (One, because the order of several is not kept by the format's
/// library, and equal content should be equal files.)
const METADATA_KEY: &str = "fissionfusion";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    digest: Digest,
    provenance: Option<Provenance>,
    /// Of the provenance, so that it cannot change unnoticed either. Absent in files from before there were seals.
    #[serde(default)]
    seal: Option<Digest>,
}

impl Metadata {
    fn seal(provenance: Option<&Provenance>) -> Digest {
        Digest::of_text(&serde_json::to_string(&provenance).expect("provenance is plain data"))
    }
}

/// Named tensors, in order of name. Cheap to clone: clones share the content.
#[derive(Clone)]
pub struct StateDict {
    bytes: Arc<Bytes>,
    entries: Arc<BTreeMap<String, Entry>>,
    digest: Digest,
    /// The first tensor with a NaN or an infinity, seen while hashing.
    not_finite: Option<String>,
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

    /// Opens files ([`open`](Self::open)), as many at a time as there are cores.
    ///
    /// # Errors
    /// The first file's that cannot be opened.
    pub fn open_all<P: AsRef<Path> + Sync>(paths: &[P]) -> Result<Vec<Self>, Error> {
        let mut opened: Vec<_> = paths.iter().map(|_| None).collect();
        on_threads(cores(), paths.iter().zip(&mut opened).collect(), |(path, room)| {
            *room = Some(Self::open(path.as_ref()));
        });
        opened.into_iter().flatten().collect()
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
        let (found, not_finite) = scan(&bytes, &entries);
        let mut provenance = None;
        if let Some(ours) = ours {
            let damaged = |expected, found| Error::Damaged { path: path.to_owned(), expected, found };
            if ours.digest != found {
                return Err(damaged(ours.digest, found));
            }
            let of_provenance = Metadata::seal(ours.provenance.as_ref());
            if let Some(seal) = ours.seal
                && seal != of_provenance
            {
                return Err(damaged(seal, of_provenance));
            }
            provenance = ours.provenance;
        }
        Ok(Self {
            bytes: Arc::new(bytes),
            entries: Arc::new(entries),
            digest: found,
            not_finite,
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
        Self::owned(data, entries)
    }

    /// Tensors of these names, types and shapes with other elements: `fill` writes them into the room, zeroed
    /// before, that it gets for each.
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
        Self::owned(data, entries)
    }

    fn owned(data: Vec<u8>, entries: BTreeMap<String, Entry>) -> Self {
        let bytes = Bytes::Owned(data);
        let (digest, not_finite) = scan(&bytes, &entries);
        Self {
            bytes: Arc::new(bytes),
            entries: Arc::new(entries),
            digest,
            not_finite,
            path: None,
            provenance: None,
        }
    }

    /// Writes the tensors, their digest and how they came to be, atomically ([`write_atomic`]). The same
    /// tensors and provenance make the same bytes.
    pub fn save(&self, path: &Path, provenance: Option<&Provenance>) -> Result<(), Error> {
        let seal = Some(Metadata::seal(provenance));
        let ours = Metadata { digest: self.digest, provenance: provenance.cloned(), seal };
        let text = serde_json::to_string(&ours).map_err(|error| Error::malformed(path, error))?;
        let metadata = [(METADATA_KEY.to_owned(), text)].into();
        let order = RefCell::new(Vec::new());
        let tensors = self.iter().map(|(name, tensor)| (name, Absent { tensor, order: &order }));
        let header =
            safetensors::serialize(tensors, Some(metadata)).map_err(|error| Error::malformed(path, error))?;
        write_atomic(path, |file| {
            file.write_all(&header)?;
            order.take().into_iter().try_for_each(|data| file.write_all(data))
        })
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

    /// The name of the first tensor that holds a NaN or an infinity, if one does.
    pub fn first_not_finite(&self) -> Option<&str> {
        self.not_finite.as_deref()
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

/// The digest, and the first tensor that holds a NaN or an infinity, in one pass.
fn scan(bytes: &Bytes, entries: &BTreeMap<String, Entry>) -> (Digest, Option<String>) {
    let mut not_finite = None;
    let digest = Digest::watched(views(bytes, entries), |name, dtype, data| {
        if not_finite.is_none() && !all_finite(dtype, data) {
            not_finite = Some(name.to_owned());
        }
    });
    (digest, not_finite)
}

fn views<'a>(
    bytes: &'a Bytes,
    entries: &'a BTreeMap<String, Entry>,
) -> impl Iterator<Item = (&'a str, TensorRef<'a>)> {
    entries.iter().map(move |(name, entry)| (name.as_str(), entry.view(bytes)))
}

/// A tensor for the format's library to write the header of. Its elements are left out, but their turn is
/// noted: they go to the file from where they are, without a copy of all in memory.
struct Absent<'a, 'b> {
    tensor: TensorRef<'a>,
    order: &'b RefCell<Vec<&'a [u8]>>,
}

impl View for Absent<'_, '_> {
    fn dtype(&self) -> Dtype {
        self.tensor.dtype
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.order.borrow_mut().push(self.tensor.data);
        Cow::Borrowed(&[])
    }

    fn data_len(&self) -> usize {
        self.tensor.data.len()
    }
}

impl std::fmt::Debug for StateDict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateDict({} tensors, {:?})", self.len(), self.digest)
    }
}
