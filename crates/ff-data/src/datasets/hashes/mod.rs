//! Hashes of files, which a cache file keeps between processes.
//!
//! `ff-grid plan` and `ff-grid status` write nothing before a first run ([`FileHashes::held`]), so
//! they hash the data each time. Once the runs folder exists, hashes are kept in it, and only
//! changed files are read again.

mod line;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

use line::{Known, Stamp, name};

use crate::dataset::Content;
use crate::error::Error;
use crate::threads::on_each_thread;

/// Files that a thread hashes before it writes their hashes.
const BATCH: usize = 256;

/// Time between two lines of the log on files that are hashed.
const EVERY: Duration = Duration::from_secs(10);

/// A cache of file hashes, so that opening a large dataset does not read it again.
///
/// A file is identified by its absolute path, length and modification time; a change that leaves
/// these as they were is not noticed. The cache is a text file to which any number of processes may
/// append. Damaged lines are ignored. If the file is deleted, hashes are computed again.
pub struct FileHashes {
    cache: Option<Cache>,
}

struct Cache {
    path: PathBuf,
    known: RwLock<HashMap<String, Known>>,
    failed: AtomicBool,
    /// Lines that wait for [`FileHashes::release`]; `None` if lines are written at once.
    held: Mutex<Option<String>>,
}

impl FileHashes {
    /// Creates a cache that keeps nothing: every file is hashed.
    pub fn none() -> Self {
        Self { cache: None }
    }

    /// Opens the cache file at `path`, to which new hashes are appended. It need not exist. If it
    /// cannot be read or written, a warning says so and files are hashed.
    pub fn open(path: &Path) -> Self {
        let known = File::open(path).and_then(|file| read(BufReader::new(file)));
        let known = known.unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "the cache of file hashes cannot be read");
            }
            HashMap::new()
        });
        let cache = Cache {
            path: path.to_owned(),
            known: RwLock::new(known),
            failed: AtomicBool::new(false),
            held: Mutex::new(None),
        };
        Self { cache: Some(cache) }
    }

    /// Holds back new hashes until [`FileHashes::release`] if the cache file's folder does not
    /// exist. So a command that is refused after it has read its images leaves no new folder.
    pub fn held(mut self) -> Self {
        if let Some(cache) = &mut self.cache
            && cache.path.parent().is_some_and(|folder| !folder.exists())
        {
            cache.held = Mutex::new(Some(String::new()));
        }
        self
    }

    /// Writes the hashes that were held back, and from now on writes new hashes at once.
    pub fn release(&self) {
        let Some(cache) = &self.cache else { return };
        let held = cache.held.lock().expect("no panic").take();
        if let Some(text) = held.filter(|text| !text.is_empty()) {
            cache.append(&text);
        }
    }

    /// Returns the hash of a file. A new hash that can be kept is added to `fresh`.
    fn hash(&self, path: &Path, fresh: &mut Vec<(String, Known)>) -> Result<Content, Error> {
        let Some(cache) = &self.cache else {
            return hash(&mut File::open(path).map_err(Error::read(path))?).map_err(Error::read(path));
        };
        let name = name(path);
        if let Some(name) = &name
            && let Some(stamp) = Stamp::of(&std::fs::metadata(path).map_err(Error::read(path))?)
            && let Some(known) = cache.known.read().expect("no panic").get(name)
            && known.stamp == stamp
        {
            return Ok(known.content);
        }
        let mut file = File::open(path).map_err(Error::read(path))?;
        let (before, now) = (file.metadata().map_err(Error::read(path))?, SystemTime::now());
        let content = hash(&mut file).map_err(Error::read(path))?;
        let after = file.metadata().map_err(Error::read(path))?;
        if let (Some(name), Some(stamp)) = (name, Stamp::of(&before))
            && Some(stamp) == Stamp::of(&after)
            && stamp.is_settled(now)
        {
            fresh.push((name, Known { stamp, content }));
        }
        Ok(content)
    }

    /// Keeps a batch of hashes and appends it to the cache file in one write.
    fn remember(&self, batch: Vec<(String, Known)>) {
        let Some(cache) = &self.cache else { return };
        if batch.is_empty() {
            return;
        }
        // Ends a line that a killed process may have left incomplete.
        let mut text = "\n".to_owned();
        text.extend(batch.iter().map(|(name, known)| known.line(name)));
        cache.known.write().expect("no panic").extend(batch);
        match cache.held.lock().expect("no panic").as_mut() {
            Some(held) => held.push_str(&text),
            None => cache.append(&text),
        }
    }
}

impl Cache {
    fn append(&self, text: &str) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = append(&self.path, text.as_bytes())
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "file hashes cannot be cached and will be computed again");
        }
    }
}

/// Reads the valid lines; of several for one path, the last counts.
fn read(lines: impl BufRead) -> io::Result<HashMap<String, Known>> {
    let known = lines.split(b'\n').map(|line| Ok(std::str::from_utf8(&line?).ok().and_then(Known::parse)));
    known.filter_map(Result::transpose).collect()
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().append(true).create(true).open(path)?.write_all(bytes)
}

/// Hashes a file in pieces: a dataset may have files larger than the memory.
fn hash(file: &mut File) -> io::Result<Content> {
    Ok(*blake3::Hasher::new().update_reader(file)?.finalize().as_bytes())
}

/// Returns the hashes of files, in their order, computed on all cores.
pub fn hash_files(paths: &[PathBuf], hashes: &FileHashes) -> Result<Vec<Content>, Error> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(paths.len().max(1));
    let (next, said) = (AtomicUsize::new(0), Mutex::new(Instant::now()));
    let tell = |index: usize| {
        let mut said = said.lock().expect("no panic");
        if said.elapsed() >= EVERY {
            *said = Instant::now();
            tracing::info!("hashed {index} of {} files", paths.len());
        }
    };
    let work = || {
        let (mut done, mut fresh) = (Vec::new(), Vec::new());
        let result = loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else { break Ok(()) };
            tell(index);
            match hashes.hash(path, &mut fresh) {
                Ok(content) => done.push((index, content)),
                Err(error) => {
                    // Stops the other threads.
                    next.store(paths.len(), Ordering::Relaxed);
                    break Err(error);
                }
            }
            if fresh.len() == BATCH {
                hashes.remember(std::mem::take(&mut fresh));
            }
        };
        hashes.remember(fresh);
        result.map(|()| done)
    };
    let mut contents = vec![Content::default(); paths.len()];
    for part in on_each_thread(threads, work) {
        for (index, content) in part? {
            contents[index] = content;
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests;
