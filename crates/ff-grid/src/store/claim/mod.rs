//! Claims: which process runs in a folder, among all processes and machines that share it.

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

/// Claims folders, and watches the claims of other processes.
///
/// A claim is a file `claim-N.json` in the folder that names its owner. It is created exclusively
/// (`O_EXCL`, which NFS supports too), and its owner updates its modification time several times in
/// a lease. The highest N owns the folder.
///
/// A process that finds an owner dead takes over the folder by creating the next number, so that of
/// several such processes only one succeeds. An owner is dead if it was a process of this machine
/// that has ended, or if its file's modification time did not change for a whole lease. The watcher
/// measures the lease by its own monotonic clock: times of different machines are never compared.
/// An owner that was only suspended finds the higher number when it resumes, and stops
/// ([`Claim::lost`]).
pub struct Claims {
    lease: Duration,
    device: String,
    /// Claims of other processes: their last modification time, and since when it has not changed.
    seen: Mutex<HashMap<PathBuf, (Option<SystemTime>, Instant)>>,
}

/// The exclusive right to run in a folder. Dropping it releases the folder.
pub struct Claim {
    folder: PathBuf,
    number: u64,
    lost: Arc<AtomicBool>,
    keeper: Option<(Sender<()>, JoinHandle<()>)>,
}

/// The result of claiming a folder.
pub enum Claimed {
    /// The claim succeeded.
    Ours(Claim),
    /// Another process owns the folder; `None` if its claim cannot be read.
    Theirs(Option<Owner>),
}

impl Claims {
    /// Makes a set of claims of this process.
    ///
    /// An owner on another machine that does not update its claim for `lease` counts as dead.
    /// `device` is the device that this process computes on; its claims name it.
    pub fn new(lease: Duration, device: &str) -> Self {
        Self { lease, device: device.to_owned(), seen: Mutex::default() }
    }

    /// Makes a set of claims for another device.
    pub fn on(&self, device: Device) -> Self {
        Self::new(self.lease, &device_name(device))
    }

    /// Claims a folder, which is created if it is missing, and removes partial files of a dead
    /// owner. `stop` is set if the claim is lost.
    ///
    /// # Errors
    /// [`Error::File`]: the folder or the claim cannot be created or read.
    pub fn take(&self, folder: &Path, stop: CancelToken) -> Result<Claimed, Error> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let last = last(folder)?;
        if let Some(number) = last {
            let path = path(folder, number);
            let Some(owner) = self.dead(&path)? else { return Ok(Claimed::Theirs(read(&path))) };
            let owner = owner.map_or("an unknown process".to_owned(), |owner| owner.to_string());
            tracing::warn!(folder = %folder.display(), "taken over from {owner}, which has ended or does not respond");
        }
        let number = last.unwrap_or(0) + 1;
        let path = path(folder, number);
        let owner = Owner::this(&self.device);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            // Another process was faster.
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

    /// Claims a folder, and waits while another process owns it.
    ///
    /// # Errors
    /// Those of [`Claims::take`], and [`ff_train::Error::Stopped`] if `stop` is set.
    pub fn wait_for(&self, folder: &Path, stop: &CancelToken) -> Result<Claim, Error> {
        loop {
            stop.check()?;
            if let Claimed::Ours(claim) = self.take(folder, CancelToken::default())? {
                return Ok(claim);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the owner of a claim if it is dead. The inner `None`: the claim cannot be read.
    fn dead(&self, path: &Path) -> Result<Option<Option<Owner>>, Error> {
        let touched = match File::open(path).and_then(|file| file.metadata()) {
            // It has just been released.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(Error::file(path))?.modified().ok(),
        };
        let owner = read(path);
        if owner.as_ref().is_some_and(Owner::has_ended) {
            return Ok(Some(owner));
        }
        let mut seen = self.seen.lock().expect("no panic while watching");
        // One time for both uses: at the first observation the lease has not expired.
        let now = Instant::now();
        let known = seen.entry(path.to_owned()).or_insert((touched, now));
        if known.0 != touched {
            *known = (touched, now);
        }
        Ok((now.duration_since(known.1) >= self.lease).then_some(owner))
    }
}

/// Returns the owner of a folder's claim, which may have ended.
pub fn owner_of(folder: &Path) -> Option<Owner> {
    read(&path(folder, last(folder).ok()??))
}

impl Claim {
    /// Returns true if another process has taken over the folder.
    pub fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// As [`Claim::lost`], but reads the folder now: the thread that updates the claim may not have
    /// noticed yet.
    pub fn is_taken(&self) -> bool {
        self.lost()
            || path(&self.folder, self.number + 1).exists()
            || matches!(path(&self.folder, self.number).try_exists(), Ok(false))
    }

    /// Starts a thread that updates the claim until the sender is dropped or the claim is lost.
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
                let taken = match OpenOptions::new().append(true).open(&own) {
                    Ok(_) if next.exists() || read(&own).is_some_and(|found| found != owner) => true,
                    Ok(file) => {
                        let _ = file.set_modified(SystemTime::now());
                        false
                    }
                    // Other errors of a disk may be temporary.
                    Err(error) => error.kind() == ErrorKind::NotFound,
                };
                if taken {
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

/// Returns the number of a claim file; `None` for other files.
fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("claim-")?.strip_suffix(".json")?.parse().ok()
}

/// Returns true if a file is a claim.
pub(crate) fn is_claim(path: &Path) -> bool {
    number(path).is_some()
}

/// Returns the highest number of a folder's claims.
fn last(folder: &Path) -> Result<Option<u64>, Error> {
    Ok(entries(folder)?.iter().filter_map(|path| number(path)).max())
}

/// Removes the claims up to a number. A claim that cannot be removed is taken over later.
fn remove_up_to(folder: &Path, most: u64) {
    for path in entries(folder).into_iter().flatten() {
        if number(&path).is_some_and(|number| number <= most) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests;
