//! The packs of one dataset: those to read, and the one that this process appends to.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use super::pack::{HEAD_BYTES, HEADER_BYTES, Head, Limits, Pack};
use crate::image::Image;

const LOCKED: &str = "nothing panics under the lock";

/// A folder of packs. Readers hold a lock while they look up a place; writers hold another one
/// while they write a record.
pub struct Packs {
    folder: PathBuf,
    digest: [u8; 32],
    limits: Limits,
    /// The places of each sample's image, of which the first is read. Processes that run at the
    /// same time may each write one.
    index: RwLock<Vec<Vec<Arc<Place>>>>,
    own: Mutex<Option<Own>>,
    /// The error after which nothing is written.
    failure: OnceLock<String>,
}

/// The place of an image.
struct Place {
    pack: Arc<Pack>,
    /// Offset of the first pixel.
    offset: u64,
    head: Head,
    /// Whether the checksum was checked and is right.
    sound: AtomicBool,
}

/// The pack that this process appends to, and its end.
type Own = (Arc<Pack>, u64);

impl Packs {
    /// Finds the images in the packs of `folder`, which need not exist.
    pub fn open(folder: PathBuf, digest: [u8; 32], limits: Limits) -> Self {
        let index = RwLock::new(vec![Vec::new(); limits.samples]);
        let packs = Self { folder, digest, limits, index, own: Mutex::new(None), failure: OnceLock::new() };
        match std::fs::read_dir(&packs.folder) {
            Ok(entries) => {
                let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
                paths.sort();
                paths.iter().for_each(|path| packs.add(path));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => packs.fail(&error),
        }
        packs
    }

    fn add(&self, path: &Path) {
        // Opening anything but a file could block.
        if path.extension() != Some("pack".as_ref()) || !path.is_file() {
            return;
        }
        let name = path.display();
        match Pack::open(path, &self.digest, self.limits) {
            Ok(Some((pack, records))) => {
                let pack = Arc::new(pack);
                records.into_iter().for_each(|(head, offset)| self.remember(&pack, offset, head));
            }
            Ok(None) => tracing::warn!(pack = %name, "cached images of another form or dataset are ignored"),
            Err(error) => tracing::warn!(pack = %name, %error, "cached images cannot be read"),
        }
    }

    /// Returns the folder of the packs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whether there is an image of a sample.
    pub fn holds(&self, index: usize) -> bool {
        self.place(index).is_some()
    }

    /// Returns the bytes of pixels, each image counted once.
    pub fn bytes(&self) -> u64 {
        let index = self.index.read().expect(LOCKED);
        index.iter().filter_map(|places| places.first()).map(|place| place.head.pixel_bytes()).sum()
    }

    /// Returns the first error of writing, after which nothing is written.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn place(&self, index: usize) -> Option<Arc<Place>> {
        self.index.read().expect(LOCKED)[index].first().cloned()
    }

    fn remember(&self, pack: &Arc<Pack>, offset: u64, head: Head) {
        let place = Arc::new(Place { pack: pack.clone(), offset, head, sound: AtomicBool::new(false) });
        self.index.write().expect(LOCKED)[head.sample as usize].push(place);
    }

    /// Reads the image of a sample, if there is an undamaged one.
    pub fn read(&self, index: usize) -> Option<Image> {
        loop {
            let place = self.place(index)?;
            match place.read() {
                Ok(Some(image)) => return Some(image),
                // A truncated or damaged file.
                Ok(None) | Err(_) => {
                    place.pack.warn_of_damage();
                    // Another thread may have removed it already.
                    self.index.write().expect(LOCKED)[index].retain(|other| !Arc::ptr_eq(other, &place));
                }
            }
        }
    }

    /// Writes the image of a sample, unless there is one; returns whether it was written.
    pub fn keep(&self, index: usize, image: &Image) -> bool {
        if self.failure().is_some() {
            return false;
        }
        let Some(head) = Head::new(index, image.width, image.height, &image.data, self.limits) else {
            return false;
        };
        let record = head.record(&image.data);
        let mut own = self.own.lock().expect(LOCKED);
        // Another thread may have written it, or failed, meanwhile.
        if self.failure().is_some() || self.holds(index) {
            return false;
        }
        match self.append(&mut own, &record) {
            Ok((pack, start)) => {
                self.remember(&pack, start + HEAD_BYTES as u64, head);
                true
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    /// Appends a record to this process's pack, which is created first if necessary.
    fn append(&self, own: &mut Option<Own>, record: &[u8]) -> io::Result<(Arc<Pack>, u64)> {
        let (pack, end) = match own {
            Some(own) => own,
            None => own.insert((Arc::new(self.create()?), HEADER_BYTES as u64)),
        };
        let start = *end;
        if let Err(error) = pack.file.write_all_at(record, start) {
            // An incomplete record does no harm, but takes space on a full disk.
            let _ = match start == HEADER_BYTES as u64 {
                true => std::fs::remove_file(&pack.path),
                false => pack.file.set_len(start),
            };
            return Err(error);
        }
        *end += record.len() as u64;
        Ok((pack.clone(), start))
    }

    fn create(&self) -> io::Result<Pack> {
        std::fs::create_dir_all(&self.folder)?;
        loop {
            // `RandomState` is the standard library's only source of randomness.
            let name = format!("{:016x}.pack", RandomState::new().build_hasher().finish());
            match Pack::create(self.folder.join(name), &self.digest) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result,
            }
        }
    }

    fn fail(&self, error: &io::Error) {
        if self.failure.set(error.to_string()).is_ok() {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "images cannot be cached here and are decoded at each read");
        }
    }
}

impl Place {
    /// Reads the image; `None` if its checksum is wrong. A right checksum is not checked again.
    fn read(&self) -> io::Result<Option<Image>> {
        let Head { width, height, checksum, .. } = self.head;
        // At most the file's length, which was checked when it was opened.
        let mut data = vec![0; self.head.pixel_bytes() as usize];
        self.pack.file.read_exact_at(&mut data, self.offset)?;
        if !self.sound.load(Ordering::Relaxed) {
            if self.head.checksum_with(&data) != checksum {
                return Ok(None);
            }
            self.sound.store(true, Ordering::Relaxed);
        }
        Ok(Some(Image { width, height, data }))
    }
}
