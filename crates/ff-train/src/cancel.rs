//! A cancellation flag shared between threads.
//!
//! Signals set one flag for the process. Each job has a child of it, which the loss of the job's
//! claim sets too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// A token that asks long work to stop at its next step. Clones share the flag; once set, it stays
/// set.
///
/// A training run that is asked to stop writes a resume point and ends with [`Error::Stopped`].
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    parent: Option<Arc<AtomicBool>>,
}

impl CancelToken {
    /// Makes a token for a part of the work. It is set when its own flag or this one is.
    ///
    /// # Panics
    /// In debug builds, on a token that is itself a child.
    pub fn child(&self) -> Self {
        debug_assert!(self.parent.is_none(), "a child has no children");
        Self { flag: Arc::default(), parent: Some(self.flag.clone()) }
    }

    /// Asks the work to stop.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Returns whether the work is asked to stop.
    pub fn is_set(&self) -> bool {
        let set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        set(&self.flag) || self.parent.as_ref().is_some_and(set)
    }

    /// Returns the flag, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// Returns an error if the work is asked to stop.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the token is set.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_set() { Err(Error::Stopped) } else { Ok(()) }
    }
}
