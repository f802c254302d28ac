//! Images of one size in arrays, as CIFAR, CIFAR-10.1 and MedMNIST publish them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use crate::dataset::{Content, Dataset, Inventory, Sample, Task};
use crate::error::Error;
use crate::image::Image;

/// The pixels of images, one image after the other.
pub enum Bytes {
    /// In memory.
    Ram(Vec<u8>),
    /// In a file, from an offset. The file is read and not memory-mapped, so that a file that
    /// another process truncates gives an error and not a signal.
    File {
        /// The file.
        file: File,
        /// Offset of the first image, in bytes.
        offset: u64,
    },
}

impl Bytes {
    fn read(&self, at: usize, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Ram(bytes) => {
                buffer.copy_from_slice(&bytes[at..at + buffer.len()]);
                Ok(())
            }
            Self::File { file, offset } => file.read_exact_at(buffer, offset + at as u64),
        }
    }

    /// Reads all `length` bytes of a reader: into memory up to `ram_limit` bytes, else into an
    /// unnamed temporary file that the system removes when the process ends.
    pub fn unpack(mut reader: impl Read, length: u64, ram_limit: u64) -> io::Result<Self> {
        let end = |found: u64| {
            let text = format!("{found} bytes instead of {length}");
            io::Error::new(io::ErrorKind::UnexpectedEof, text)
        };
        if length <= ram_limit {
            let mut bytes = Vec::new();
            reader.take(length).read_to_end(&mut bytes)?;
            return if bytes.len() as u64 == length {
                Ok(Self::Ram(bytes))
            } else {
                Err(end(bytes.len() as u64))
            };
        }
        let mut file = tempfile::tempfile()?;
        let mut buffer = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            let count = reader.read(&mut buffer)?;
            file.write_all(&buffer[..count])?;
            total += count as u64;
            if count == 0 && total == length {
                return Ok(Self::File { file, offset: 0 });
            }
            if count == 0 || total > length {
                return Err(end(total));
            }
        }
    }
}

/// The form of images: `height` x `width` with one (grey) or three (RGB) interleaved channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Form {
    /// Returns N and the form of an array `[N, H, W]` or `[N, H, W, 3]`; `None` for other arrays.
    pub fn of(shape: &[usize]) -> Option<(usize, Self)> {
        let (count, form) = match *shape {
            [count, height, width] => (count, Self { height, width, channels: 1 }),
            [count, height, width, 3] => (count, Self { height, width, channels: 3 }),
            _ => return None,
        };
        let pixels = (form.height as u64).checked_mul(form.width as u64)?;
        (1..=crate::decode::MAX_PIXELS).contains(&pixels).then_some((count, form))
    }

    /// Returns the bytes of an image.
    pub fn bytes(self) -> usize {
        self.height * self.width * self.channels
    }
}

/// An array of images, and where it is stored.
pub struct ArraySplit {
    /// The file (and the array's name in it), for errors.
    pub place: String,
    /// The pixels.
    pub bytes: Bytes,
    /// The number of images.
    pub count: usize,
    /// The form of the images.
    pub form: Form,
}

/// A dataset whose images are in arrays.
pub struct Arrays {
    inventory: Inventory,
    parts: Vec<ArraySplit>,
}

impl Arrays {
    /// Creates the dataset and hashes all images; `samples` are those of the parts, in order.
    pub fn new(task: Task, samples: Vec<Sample>, parts: Vec<ArraySplit>) -> Result<Self, Error> {
        let mut contents = Vec::with_capacity(samples.len());
        for part in &parts {
            let mut picture = vec![0; part.form.bytes()];
            for index in 0..part.count {
                part.read(index, &mut picture)?;
                contents.push(*blake3::hash(&picture).as_bytes());
            }
        }
        Ok(Self::hashed(task, samples, parts, contents))
    }

    /// Creates the dataset from images that are already hashed.
    pub fn hashed(task: Task, samples: Vec<Sample>, parts: Vec<ArraySplit>, contents: Vec<Content>) -> Self {
        Self { inventory: Inventory::hashed(task, samples, contents), parts }
    }
}

impl ArraySplit {
    fn read(&self, index: usize, picture: &mut [u8]) -> Result<(), Error> {
        let read = self.bytes.read(index * self.form.bytes(), picture);
        read.map_err(|source| Error::Read { path: self.place.clone().into(), source })
    }
}

impl Dataset for Arrays {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        let mut at = index;
        for part in &self.parts {
            if at < part.count {
                let form = part.form;
                let mut data = vec![0; form.bytes()];
                part.read(at, &mut data)?;
                if form.channels == 1 {
                    data = data.into_iter().flat_map(|grey| [grey; 3]).collect();
                }
                return Ok(Image { width: form.width as u32, height: form.height as u32, data });
            }
            at -= part.count;
        }
        panic!("sample {index} of {}", self.samples().len());
    }
}
