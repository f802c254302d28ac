//! Who is at work on a folder, among all processes and machines that share it.

mod owner;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use ff_checkpoint::{entries, remove_partial};
use ff_train::CancelToken;

pub use owner::Owner;

use tch::Device;

use crate::error::Error;
use crate::job::device_name;

/// Claims folders, and watches those that others have claimed.
///
/// A claim is a file `claim-N.json` in the folder that says who its owner is. It is made so that
/// only one can make it (`O_EXCL`, which holds on NFS too), and its owner touches it several times
/// in a lease. The highest N owns the folder.
///
/// Who sees that an owner is gone takes the folder over by making the next number. An owner is gone
/// if it was a process of this machine that has ended, or if its file was not touched for a whole
/// lease, by the watcher's own stopwatch: clocks, which differ between machines and go backwards,
/// are never compared. An owner that was merely asleep finds the higher number when it wakes up,
/// and gives way ([`Claim::lost`]).
pub struct Claims {
    lease: Duration,
    device: String,
    /// Others' claims as they were last seen: when they had been touched, and since when that has
    /// not changed.
    seen: Mutex<HashMap<PathBuf, (Option<SystemTime>, Instant)>>,
}

/// The right to work in a folder, until it is dropped.
pub struct Claim {
    folder: PathBuf,
    number: u64,
    lost: Arc<AtomicBool>,
    keeper: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Who may work in a folder.
pub enum Claimed {
    /// We may.
    Ours(Claim),
    /// Another is at it already, unless its claim cannot be read.
    Theirs(Option<Owner>),
}

impl Claims {
    /// An owner that does not touch its claim for as long as `lease` counts as gone. `device` tells
    /// others where this one computes.
    pub fn new(lease: Duration, device: &str) -> Self {
        Self { lease, device: device.to_owned(), seen: Mutex::default() }
    }

    /// The same for another device.
    pub fn on(&self, device: Device) -> Self {
        Self::new(self.lease, &device_name(device))
    }

    /// Claims a folder, which is made if it is missing, and removes what a dead owner left
    /// half-written in it. `stop` is set should the claim be lost.
    ///
    /// # Errors
    /// [`Error::File`]: the folder or the claim cannot be made or read.
    pub fn take(&self, folder: &Path, stop: CancelToken) -> Result<Claimed, Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let last = last(folder)?;
        if let Some(number) = last {
            let path = path(folder, number);
            let Some(owner) = self.gone(&path)? else { return Ok(Claimed::Theirs(read(&path))) };
            let owner = owner.map_or("an unknown process".to_owned(), |owner| owner.to_string());
            tracing::warn!(folder = %folder.display(), "taken over from {owner}, which is gone");
        }
        let number = last.unwrap_or(0) + 1;
        let path = path(folder, number);
        let owner = Owner::this(&self.device);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            // Another was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Claimed::Theirs(read(&path)));
            }
            file => {
                let text = serde_json::to_string(&owner).expect("plain data");
                let written = file.and_then(|mut file| {
                    file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(&path)))
                });
                written.map_err(Error::file(&path))?;
            }
        }
        remove_up_to(folder, number - 1);
        remove_partial(folder)?;
        let mut claim = Claim { folder: folder.to_owned(), number, lost: Arc::default(), keeper: None };
        claim.keeper = Some(claim.keep(owner, self.lease / 6, stop).map_err(Error::file(folder))?);
        Ok(Claimed::Ours(claim))
    }

    /// Claims a folder as soon as nobody else has it.
    ///
    /// # Errors
    /// As [`Claims::take`], and [`ff_train::Error::Stopped`] if it is not worth the wait any more.
    pub fn wait_for(&self, folder: &Path, stop: &CancelToken) -> Result<Claim, Error> {
        loop {
            stop.check()?;
            if let Claimed::Ours(claim) = self.take(folder, CancelToken::default())? {
                return Ok(claim);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether the owner of a claim is gone, and who it was.
    fn gone(&self, path: &Path) -> Result<Option<Option<Owner>>, Error> {
        let touched = match File::open(path).and_then(|file| file.metadata()) {
            // It has just been given up.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(Error::file(path))?.modified().ok(),
        };
        let owner = read(path);
        if owner.as_ref().is_some_and(Owner::has_ended) {
            return Ok(Some(owner));
        }
        let mut seen = self.seen.lock().expect("no panic while watching");
        // One moment for all: the first look never says that a lease has run out.
        let now = Instant::now();
        let known = seen.entry(path.to_owned()).or_insert((touched, now));
        if known.0 != touched {
            *known = (touched, now);
        }
        Ok((now.duration_since(known.1) >= self.lease).then_some(owner))
    }
}

/// The owner of a folder, if somebody has claimed it; not whether it is still at work.
pub fn owner_of(folder: &Path) -> Option<Owner> {
    read(&path(folder, last(folder).ok()??))
}

impl Claim {
    /// Whether another has taken over, since it saw no sign of life for a whole lease.
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// The same, by what the folder says now: the thread that touches the claim may not have looked
    /// yet.
    pub fn is_taken(&self) -> bool {
        self.lost()
            || path(&self.folder, self.number + 1).exists()
            || matches!(path(&self.folder, self.number).try_exists(), Ok(false))
    }

    /// Touches the claim until the sender goes, or the claim is lost.
    fn keep(
        &self,
        owner: Owner,
        every: Duration,
        stop: CancelToken,
    ) -> std::io::Result<(Sender<()>, JoinHandle<()>)> {
        let (end, ended) = channel();
        let (own, next) = (path(&self.folder, self.number), path(&self.folder, self.number + 1));
        let lost = self.lost.clone();
        let keeper = std::thread::Builder::new().name("claim".into()).spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let gone = match OpenOptions::new().append(true).open(&own) {
                    Ok(_) if next.exists() || read(&own).is_some_and(|found| found != owner) => true,
                    Ok(file) => {
                        let _ = file.set_modified(SystemTime::now());
                        false
                    }
                    // A disk that does not answer now may answer the next time.
                    Err(error) => error.kind() == ErrorKind::NotFound,
                };
                if gone {
                    lost.store(true, Ordering::Relaxed);
                    return stop.set();
                }
            }
        })?;
        Ok((end, keeper))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((end, keeper)) = self.keeper.take() {
            drop(end);
            let _ = keeper.join();
        }
        if !self.lost() {
            remove_up_to(&self.folder, self.number);
        }
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("claim-{number}.json"))
}

fn read(path: &Path) -> Option<Owner> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The number of a claim; none of another file.
fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("claim-")?.strip_suffix(".json")?.parse().ok()
}

/// Whether a file is a claim.
pub(crate) fn is_claim(path: &Path) -> bool {
    number(path).is_some()
}

/// The highest number of a folder's claims.
fn last(folder: &Path) -> Result<Option<u64>, Error> {
    Ok(entries(folder)?.iter().filter_map(|path| number(path)).max())
}

/// Removes the claims up to a number; one that cannot be removed now will be taken over by who
/// comes next.
fn remove_up_to(folder: &Path, most: u64) {
    for path in entries(folder).into_iter().flatten() {
        if number(&path).is_some_and(|number| number <= most) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests;
