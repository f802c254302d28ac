//! Reads the `.npz` archives of MedMNIST.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use crate::dataset::{Sample, Split, Target, Task};
use crate::datasets::arrays::{ArraySplit, Arrays, Bytes, Form};
use crate::datasets::images::named;
use crate::datasets::npy::Header;
use crate::error::Error;

/// Maximum bytes of an array that is unpacked into memory: all arrays of 28 px images, and those of
/// DermaMNIST and BloodMNIST at 64 px.
const RAM_LIMIT: u64 = 256 << 20;
/// Maximum bytes of a label array; ChestMNIST's largest has 8.8 MB as i64.
const MAX_LABELS: u64 = 64 << 20;

/// Names and labels of the archive of a dataset.
pub struct Npz {
    /// Start of its files' names.
    pub flag: &'static str,
    /// Names of the classes or findings.
    pub labels: &'static [&'static str],
    /// Whether an image may have several of them.
    pub multilabel: bool,
}

/// Opens an `.npz` file, or the one of this dataset in a folder, with the official splits.
pub fn read(path: &Path, set: &Npz) -> Result<Arrays, Error> {
    let path = find(path, set)?;
    let file = File::open(&path).map_err(Error::read(&path))?;
    let archive = ZipArchive::new(file);
    let mut archive =
        archive.map_err(|error| Error::damaged(path.display(), "an .npz archive", error.to_string()))?;
    let (mut samples, mut parts) = (Vec::new(), Vec::new());
    for split in Split::ALL {
        let targets = labels(&mut archive, &path, set, split)?;
        parts.push(images(&mut archive, &path, split, targets.len())?);
        for (row, target) in targets.into_iter().enumerate() {
            let id = format!("{}/{row:06}", split.name());
            samples.push(Sample { id, target, group: None, split: Some(split) });
        }
    }
    if let Some(other) = parts.iter().find(|part| part.form != parts[0].form) {
        return Err(Error::damaged(&other.place, "images of one size in all splits", "another"));
    }
    let names = set.labels.iter().map(|&name| name.to_owned()).collect();
    let task = match set.multilabel {
        true => Task::Multilabel { tasks: names },
        false => Task::Multiclass { classes: names },
    };
    Arrays::new(task, samples, parts)
}

fn find(path: &Path, set: &Npz) -> Result<PathBuf, Error> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let sizes = ["", "_64", "_128", "_224"].map(|size| format!("{}{size}.npz", set.flag));
    let found = named(path, |name| sizes.iter().any(|size| size == name))?;
    match &found[..] {
        [file] => Ok(file.clone()),
        [] => Err(Error::dataset(path.display(), format!("one of {}", sizes.join(", ")), "no such file")),
        several => {
            let names: Vec<_> = several.iter().map(|file| file.display().to_string()).collect();
            let error = Error::dataset(path.display(), format!("one size of {}", set.flag), names.join(", "));
            Err(error.hint("set the path to one of these files"))
        }
    }
}

/// Reads the targets of a split, from an array `[N, 1]` of classes or `[N, L]` of labels.
fn labels(
    archive: &mut ZipArchive<File>,
    path: &Path,
    set: &Npz,
    split: Split,
) -> Result<Vec<Target>, Error> {
    let name = format!("{}_labels.npy", split.name());
    let place = format!("{} {name}", path.display());
    let columns = if set.multilabel { set.labels.len() } else { 1 };
    let expected = format!("an array [N, {columns}] of whole numbers");
    let wrong = |found: String| Error::damaged(&place, &expected, found);
    let member = archive.by_name(&name).map_err(|error| wrong(error.to_string()))?;
    let mut bytes = Vec::new();
    member.take(MAX_LABELS).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    let header = Header::read(&mut bytes.as_slice()).map_err(wrong)?;
    if !matches!(header.shape[..], [_, found] if found == columns) {
        return Err(wrong(format!("the shape {:?}", header.shape)));
    }
    let numbers = header.integers(&bytes[header.bytes..]).map_err(wrong)?;
    let last = if set.multilabel { 1 } else { set.labels.len() - 1 };
    let targets = numbers.chunks_exact(columns).enumerate().map(|(row, values)| {
        let known = |&value: &i64| usize::try_from(value).ok().filter(|&value| value <= last);
        let values: Option<Vec<usize>> = values.iter().map(known).collect();
        let values = values.ok_or_else(|| {
            Error::damaged(format!("{place} row {row}"), &format!("labels of 0 to {last}"), "another")
        })?;
        Ok(match set.multilabel {
            true => Target::Labels(values.into_iter().map(|value| Some(value == 1)).collect()),
            false => Target::Class(values[0]),
        })
    });
    targets.collect()
}

/// Opens the images of a split. An uncompressed array is read from the archive on demand; a
/// compressed one is unpacked.
fn images(
    archive: &mut ZipArchive<File>,
    path: &Path,
    split: Split,
    rows: usize,
) -> Result<ArraySplit, Error> {
    let name = format!("{}_images.npy", split.name());
    let place = format!("{} {name}", path.display());
    let wrong = |found: String| {
        Error::damaged(&place, &format!("an array [{rows}, H, W] or [{rows}, H, W, 3] of u8"), found)
    };
    let mut member = archive.by_name(&name).map_err(|error| wrong(error.to_string()))?;
    let (size, stored) = (member.size(), member.compression() == CompressionMethod::Stored);
    let start = member.data_start();
    let header = Header::read(&mut member).map_err(wrong)?;
    let (count, form) =
        Form::of(&header.shape).ok_or_else(|| wrong(format!("the shape {:?}", header.shape)))?;
    let length = header.elements().map(|elements| elements as u64);
    let length = length.filter(|length| Some(size) == length.checked_add(header.bytes as u64));
    let (true, "|u1", Some(length)) = (count == rows, header.descr.as_str(), length) else {
        return Err(wrong(format!("{:?} of {} in {size} bytes", header.shape, header.descr)));
    };
    let bytes = match (stored, start) {
        (true, Some(start)) => {
            let file = File::open(path).map_err(Error::read(path))?;
            let end = file.metadata().map_err(Error::read(path))?.len();
            if start.checked_add(size).is_none_or(|last| last > end) {
                return Err(wrong(format!("a file of {end} bytes")));
            }
            Bytes::File { file, offset: start + header.bytes as u64 }
        }
        _ => Bytes::unpack(member, length, RAM_LIMIT).map_err(|error| wrong(error.to_string()))?,
    };
    Ok(ArraySplit { place, bytes, count, form })
}
