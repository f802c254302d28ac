//! Locks on files, against other processes.

use std::fs::{File, TryLockError};
use std::ops::Deref;

/// A file that this process has locked.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Locks a file; `None` if another process has locked it. A file system without locks counts as
    /// one where nobody has.
    pub fn of(file: File) -> Option<Self> {
        let is_taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        (!is_taken).then_some(Self(file))
    }
}

impl Deref for Lock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    /// A process that another thread starts has the file open for a moment, so closing it here would not
    /// end the lock.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
