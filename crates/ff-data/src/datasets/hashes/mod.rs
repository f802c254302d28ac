//! Hashes of files, and what is remembered of them between processes.

mod line;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::SystemTime;

use line::{Known, Stamp, name};

use crate::dataset::Content;
use crate::error::Error;
use crate::threads::on_each_thread;

/// Files that a thread hashes before what it found is written down.
const BATCH: usize = 256;

/// Hashes of files that were read before, so that opening a large dataset does not read it again.
///
/// A file is known by its absolute path, length and time of modification: one that is changed
/// without a change of these is taken for the old one. The memory is a text file to which any
/// number of processes append; damaged lines are ignored, and deleting it costs only time.
pub struct FileHashes {
    memory: Option<Memory>,
}

struct Memory {
    path: PathBuf,
    known: RwLock<HashMap<String, Known>>,
    failed: AtomicBool,
    /// Lines that wait for [`FileHashes::release`]; `None` once nothing has to wait.
    held: Mutex<Option<String>>,
}

impl FileHashes {
    /// Remembers nothing.
    pub fn none() -> Self {
        Self { memory: None }
    }

    /// What the file at `path` remembers, and where more is written. It need not exist; if it
    /// cannot be read or written, a warning says so and files are hashed.
    pub fn open(path: &Path) -> Self {
        let known = File::open(path).and_then(|file| read(BufReader::new(file)));
        let known = known.unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "hashes of files cannot be read");
            }
            HashMap::new()
        });
        let memory = Memory {
            path: path.to_owned(),
            known: RwLock::new(known),
            failed: AtomicBool::new(false),
            held: Mutex::new(None),
        };
        Self { memory: Some(memory) }
    }

    /// The same, but until [`FileHashes::release`] nothing is written where the file's folder does
    /// not exist yet: a command that is refused after it has read its images leaves no new folder
    /// behind.
    pub fn held(mut self) -> Self {
        if let Some(memory) = &mut self.memory
            && memory.path.parent().is_some_and(|folder| !folder.exists())
        {
            memory.held = Mutex::new(Some(String::new()));
        }
        self
    }

    /// Writes what was held back, and from now on whatever is hashed.
    pub fn release(&self) {
        let Some(memory) = &self.memory else { return };
        let held = memory.held.lock().expect("no panic").take();
        if let Some(text) = held.filter(|text| !text.is_empty()) {
            memory.append(&text);
        }
    }

    /// The hash of a file. What is worth remembering is added to `fresh`.
    fn hash(&self, path: &Path, fresh: &mut Vec<(String, Known)>) -> Result<Content, Error> {
        let Some(memory) = &self.memory else {
            return hash(&mut File::open(path).map_err(Error::read(path))?).map_err(Error::read(path));
        };
        let name = name(path);
        if let Some(name) = &name
            && let Some(stamp) = Stamp::of(&std::fs::metadata(path).map_err(Error::read(path))?)
            && let Some(known) = memory.known.read().expect("no panic").get(name)
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

    /// Writes down a batch in one go.
    fn remember(&self, batch: Vec<(String, Known)>) {
        let Some(memory) = &self.memory else { return };
        if batch.is_empty() {
            return;
        }
        // A line that a killed process left without an end must not take the next with it.
        let mut text = "\n".to_owned();
        text.extend(batch.iter().map(|(name, known)| known.line(name)));
        memory.known.write().expect("no panic").extend(batch);
        match memory.held.lock().expect("no panic").as_mut() {
            Some(held) => held.push_str(&text),
            None => memory.append(&text),
        }
    }
}

impl Memory {
    fn append(&self, text: &str) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = append(&self.path, text.as_bytes())
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "hashes of files cannot be written, and will be computed again");
        }
    }
}

/// The sound lines; of two for one path, the later.
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

/// Reads a piece at a time: a dataset may hold files larger than memory has room for on all cores.
fn hash(file: &mut File) -> io::Result<Content> {
    Ok(*blake3::Hasher::new().update_reader(file)?.finalize().as_bytes())
}

/// Hashes of files, in their order, on all cores.
pub fn hash_files(paths: &[PathBuf], hashes: &FileHashes) -> Result<Vec<Content>, Error> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(paths.len().max(1));
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut done, mut fresh) = (Vec::new(), Vec::new());
        let result = loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else { break Ok(()) };
            match hashes.hash(path, &mut fresh) {
                Ok(content) => done.push((index, content)),
                Err(error) => {
                    // The other threads need not go on.
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
