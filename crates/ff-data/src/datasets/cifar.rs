//! CIFAR-10 and CIFAR-100, in the two forms that their authors publish.

use std::path::{Path, PathBuf};

use crate::dataset::{Sample, Split, Target, Task};
use crate::datasets::arrays::{ArraySplit, Arrays, Bytes, Form};
use crate::datasets::cifar_python;
use crate::error::Error;

const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;
const BYTES: usize = PIXELS * 3;

/// The file layout of CIFAR-10 or CIFAR-100.
pub struct Cifar {
    pub name: &'static str,
    pub python_folder: &'static str,
    pub binary_folder: &'static str,
    /// File name in the Python form, file name in the binary form, and split of each part.
    pub parts: &'static [(&'static str, &'static str, Split)],
    /// Key of the labels in the Python form.
    pub label_key: &'static str,
    /// Bytes before the pixels of a binary record; the last is the label.
    pub label_bytes: usize,
    /// Names of the classes.
    pub classes: &'static [&'static str],
}

/// Opens the form that is in the folder `path` or is that folder. Both forms have the same ids and
/// digest.
pub fn read(path: &Path, cifar: &Cifar) -> Result<Arrays, Error> {
    let (folder, binary) = find(path, cifar)?;
    let mut samples = Vec::new();
    let mut pixels = Vec::new();
    for (python_name, binary_name, split) in cifar.parts {
        let file = folder.join(if binary { binary_name } else { python_name });
        let bytes = std::fs::read(&file).map_err(Error::read(&file))?;
        let read = if binary { read_binary } else { read_python };
        let labels = read(&bytes, cifar, &mut pixels)
            .map_err(|(expected, found)| Error::damaged(file.display(), &expected, found))?;
        for (row, label) in labels.into_iter().enumerate() {
            let class = usize::try_from(label).ok().filter(|&class| class < cifar.classes.len());
            let class = class.ok_or_else(|| {
                let expected = format!("labels of 0 to {}", cifar.classes.len() - 1);
                Error::dataset(file.display(), expected, format!("{label} for image {row}"))
            })?;
            let id = format!("{python_name}/{row:05}");
            samples.push(Sample { id, target: Target::Class(class), group: None, split: Some(*split) });
        }
    }
    let classes = cifar.classes.iter().map(|&name| name.to_owned()).collect();
    let task = Task::Multiclass { classes };
    let contents = pixels.chunks_exact(BYTES).map(|image| *blake3::hash(image).as_bytes()).collect();
    pixels.chunks_exact_mut(BYTES).for_each(interleave);
    let form = Form { height: SIDE, width: SIDE, channels: 3 };
    let (place, count) = (path.display().to_string(), samples.len());
    let part = ArraySplit { place, bytes: Bytes::Ram(pixels), count, form };
    Ok(Arrays::hashed(task, samples, vec![part], contents))
}

/// Converts the red, green and blue planes of the files to interleaved pixels.
fn interleave(image: &mut [u8]) {
    let planes = image.to_vec();
    for (i, pixel) in image.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *pixel = [0, 1, 2].map(|channel| planes[channel * PIXELS + i]);
    }
}

/// Returns the folder of the files, and whether they are in the binary form.
fn find(path: &Path, cifar: &Cifar) -> Result<(PathBuf, bool), Error> {
    let (first_python, first_binary, _) = cifar.parts[0];
    let candidates = [
        (path.join(cifar.python_folder), false),
        (path.to_owned(), false),
        (path.join(cifar.binary_folder), true),
        (path.to_owned(), true),
    ];
    let holds = |(folder, binary): &(PathBuf, bool)| {
        folder.join(if *binary { first_binary } else { first_python }).is_file()
    };
    candidates.into_iter().find(holds).ok_or_else(|| {
        let expected = format!("{} ({} or {})", cifar.name, cifar.python_folder, cifar.binary_folder);
        let found = format!("neither {first_python} nor {first_binary}");
        let hint = format!("unpack the {} archive there; the archive itself is not read", cifar.name);
        Error::dataset(path.display(), expected, found).hint(hint)
    })
}

/// What was expected, and what was found.
type Mismatch = (String, String);

/// Appends the pixels of a batch and returns its labels.
fn read_python(bytes: &[u8], cifar: &Cifar, pixels: &mut Vec<u8>) -> Result<Vec<i64>, Mismatch> {
    let batch = cifar_python::read(bytes, cifar.label_key)
        .map_err(|found| (format!("a {} batch in Python's pickle format", cifar.name), found))?;
    let ([rows, columns], count) = (batch.shape, batch.labels.len());
    if columns != BYTES || rows != count || rows == 0 {
        let text = format!("data of {rows} x {columns} for {count} labels");
        return Err((format!("data of N x {BYTES} and N labels"), text));
    }
    pixels.extend(batch.data);
    Ok(batch.labels)
}

fn read_binary(bytes: &[u8], cifar: &Cifar, pixels: &mut Vec<u8>) -> Result<Vec<i64>, Mismatch> {
    let record = cifar.label_bytes + BYTES;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err((format!("records of {record} bytes"), format!("{} bytes", bytes.len())));
    }
    let mut labels = Vec::with_capacity(bytes.len() / record);
    for record in bytes.chunks_exact(record) {
        let (head, image) = record.split_at(cifar.label_bytes);
        labels.push(i64::from(head[cifar.label_bytes - 1]));
        pixels.extend_from_slice(image);
    }
    Ok(labels)
}
