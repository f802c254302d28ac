//! A cancellation flag shared between threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Asks long work to stop at its next step. Clones share the flag; once set, it stays set.
///
/// A training run that is asked to stop writes a resume point and ends with [`Error::Stopped`].
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    parent: Option<Arc<AtomicBool>>,
}

impl CancelToken {
    /// A flag for a part of the work: set when it or this one is.
    ///
    /// # Panics
    /// In debug builds, on a flag that is itself a child.
    pub fn child(&self) -> Self {
        debug_assert!(self.parent.is_none(), "a child has no children");
        Self { flag: Arc::default(), parent: Some(self.flag.clone()) }
    }

    /// Asks to stop.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        let set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        set(&self.flag) || self.parent.as_ref().is_some_and(set)
    }

    /// The flag itself, for a signal's handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// # Errors
    /// [`Error::Stopped`] if it is set.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_set() { Err(Error::Stopped) } else { Ok(()) }
    }
}
