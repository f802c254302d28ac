//! The wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Asks long work to stop at its next step. Clones share it; once set, it stays so.
///
/// A run of training that is asked leaves a resume point and ends with [`Error::Stopped`].
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    above: Option<Arc<AtomicBool>>,
}

impl CancelToken {
    /// A part's own wish: set when it or the whole's is.
    pub fn child(&self) -> Self {
        debug_assert!(self.above.is_none(), "wholes have parts, parts have none");
        Self { flag: Arc::default(), above: Some(self.flag.clone()) }
    }

    /// Asks to stop.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        let set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        set(&self.flag) || self.above.as_ref().is_some_and(set)
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
