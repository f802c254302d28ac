//! Reading files of weights, and writing safetensors files.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::{Map, Value};

use super::{Bytes, Entry, Identity, StateDict};
use crate::atomic::write_atomic;
use crate::blocks::tensors_in;
use crate::digest::Digest;
use crate::error::Error;
use crate::file_name::is_index_name;
use crate::form::{Form, file_in};
use crate::metadata::Metadata;
use crate::provenance::Provenance;
use crate::read::open_regular;
use crate::scan::Scan;
use crate::tensor::TensorRef;
use crate::threads::map_on_cores;
use crate::torch::{self, Contents, Elements, Found, Refusal};

impl StateDict {
    /// Maps a file of weights into memory: safetensors, or PyTorch's own files. The form is
    /// detected from the content, not from the name. Of a folder it opens `model.safetensors`, else
    /// `pytorch_model.bin`, else an index of shards, else the only file of weights.
    ///
    /// *Safetensors*: the content is checked against its block checksums, so that every flipped bit
    /// is detected. The digest is read from the metadata; [`verify`](Self::verify) recomputes it.
    /// For a file without checksums, from other software or an older version, the digest is
    /// computed, and compared with that of the metadata if there is one.
    ///
    /// *PyTorch*: the zip form and the one before 1.6, of a state dict, of a dictionary that has one
    /// (`state_dict`, `model_state_dict`, `model`, …; a moving average only if there is nothing
    /// else), or of a whole model. The pickle executes nothing; one that calls more than tensors and
    /// plain values need is refused with the function's name. Only the tensors of the weights are
    /// read. Tensors in another order than row-major (channels-last) are copied.
    ///
    /// *Shards*: an index, such as `model.safetensors.index.json`, whose `weight_map` names the file
    /// of each tensor. The files are in the folder of the index, in either form, and have the tensors
    /// that it names for them and no others.
    ///
    /// Costs one pass over the tensors. The file must not be changed in place while it is open. This
    /// crate only replaces whole files.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotWeights`], [`Error::Malformed`], [`Error::DamagedHeader`],
    /// [`Error::DamagedBlock`]; [`Error::Damaged`] for a file without checksums; [`Error::Json`] for an
    /// index.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let mut path = path.as_ref().to_owned();
        if path.is_dir() {
            path = file_in(&path)?;
        }
        let read = if is_index_name(&path) { Self::of_shards } else { Self::of_file };
        let opened = Self { path: Some(path.clone()), ..read(&path)? };
        // The digest of a file without checksums, and the first tensor that is not finite.
        opened.identity();
        Ok(opened)
    }

    /// Maps a file and checks it against its checksums, if it has them.
    pub(super) fn of_file(path: &Path) -> Result<Self, Error> {
        let file = open_regular(path).map_err(Error::io(path, "open this file"))?;
        // SAFETY: the map is read-only, and weight files are replaced, never written in place.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path, "map this file"))?;
        let read = match Form::of(path, &map)? {
            Form::Safetensors => return Self::parse(path, map),
            Form::TorchZip => torch::read_zip,
            Form::TorchLegacy => torch::read_legacy,
        };
        let found = read(&map).map_err(|Refusal { found, hint }| Error::not_weights(path, found, hint))?;
        Ok(Self::of_torch(map, found))
    }

    fn of_torch(map: Mmap, found: Contents) -> Self {
        let mut gathered = Vec::new();
        let tensors = found.tensors.into_iter().map(|Found { name, dtype, shape, elements }| {
            let (block, range) = match elements {
                Elements::At(range) => (0, range),
                Elements::Gathered(data) => {
                    let start = gathered.len();
                    gathered.extend(data);
                    (1, start..gathered.len())
                }
            };
            (name, Entry { dtype, shape, block, range })
        });
        let entries: BTreeMap<String, Entry> = tensors.collect();
        let blocks = vec![Bytes::Mapped(map), Bytes::Owned(gathered)];
        let (saved_with, other_sets) = (Arc::new(found.saved_with), found.other_sets);
        Self { saved_with, other_sets, ..Self::new(blocks, entries) }
    }

    /// Opens files as [`open`](Self::open) does, one on each core at a time.
    ///
    /// # Errors
    /// The error of the first file, in the order of `paths`, that cannot be opened.
    pub fn open_all<P: AsRef<Path> + Sync>(paths: &[P]) -> Result<Vec<Self>, Error> {
        map_on_cores(paths, |path| Self::open(path.as_ref())).into_iter().collect()
    }

    fn parse(path: &Path, map: Mmap) -> Result<Self, Error> {
        let (size, header) =
            SafeTensors::read_metadata(&map).map_err(|reason| Error::malformed(path, reason))?;
        let start = 8 + size;
        let entries: BTreeMap<String, Entry> = header
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let range = start + info.data_offsets.0..start + info.data_offsets.1;
                (name, Entry { dtype: info.dtype, shape: info.shape.clone(), block: 0, range })
            })
            .collect();
        let ours = header.metadata().as_ref().map_or(Ok(None), Metadata::find);
        let ours = ours.map_err(|reason| Error::malformed(path, reason))?;
        let mut opened = Self::new(vec![Bytes::Mapped(map)], entries);
        if let Some(ours) = ours {
            opened.check(path, &ours)?;
            opened.provenance = ours.provenance.map(Arc::new);
        } else if let Some(texts) = header.metadata() {
            let texts = texts.iter().map(|(key, text)| (key.clone(), Value::from(text.as_str())));
            opened.saved_with = Arc::new(texts.collect::<Map<_, _>>());
        }
        Ok(opened)
    }

    /// Checks a file's tensors against its metadata.
    fn check(&self, path: &Path, ours: &Metadata) -> Result<(), Error> {
        let path = || path.to_owned();
        let seal = ours.expected_seal(self.iter());
        if let Some(expected) = ours.seal
            && expected != seal
        {
            return Err(Error::DamagedHeader { path: path(), expected, found: seal });
        }
        let Some(expected) = &ours.crc32c else {
            return same(path, ours.digest, self.identity().digest);
        };
        let Scan { sums, not_finite } = Scan::of(self.iter());
        if let Some(bad) = expected.first_difference(&sums) {
            return Err(Error::DamagedBlock {
                path: path(),
                digest: ours.digest,
                tensors: tensors_in(bad.index, self.iter()),
                block: bad.index,
                expected: bad.expected,
                found: bad.found,
            });
        }
        // Neither cell of a newly opened file is set.
        let _ = self.content.identity.set(Identity { digest: ours.digest, sums, read: true });
        let _ = self.content.not_finite.set(not_finite);
        Ok(())
    }

    /// Recomputes the digest of the content and compares it with that of the file's metadata.
    ///
    /// Does nothing for tensors whose digest was computed, not read: those in memory, and those of
    /// a file without block checksums.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn verify(&self) -> Result<(), Error> {
        match *self.identity() {
            Identity { digest, read: true, .. } => same(|| self.place(), digest, Digest::of(self.iter())),
            _ => Ok(()),
        }
    }

    /// Writes a safetensors file with digest, checksums and provenance, atomically
    /// ([`write_atomic`]).
    ///
    /// The same tensors and provenance give the same bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] for tensors that the format cannot hold.
    pub fn save(&self, path: impl AsRef<Path>, provenance: Option<&Provenance>) -> Result<(), Error> {
        let path = path.as_ref();
        let Identity { digest, sums, .. } = self.identity();
        let metadata = Metadata::new(*digest, sums.clone(), provenance, self.iter());
        let order = RefCell::new(Vec::new());
        let tensors = self.iter().map(|(name, tensor)| (name, Absent { tensor, order: &order }));
        let header = safetensors::serialize(tensors, Some(metadata.to_texts()))
            .map_err(|error| Error::malformed(path, error))?;
        write_atomic(path, |file| {
            file.write_all(&header)?;
            order.take().into_iter().try_for_each(|data| file.write_all(data))
        })
    }
}

fn same(path: impl FnOnce() -> PathBuf, expected: Digest, found: Digest) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Damaged { path: path(), expected, found }) }
}

/// A tensor without its elements, from which the safetensors library writes the header.
///
/// It notes the elements in `order`, in the order of the file. They are then written straight from
/// where they are, without a copy of the whole file in memory.
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
