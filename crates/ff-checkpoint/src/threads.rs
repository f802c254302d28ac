//! Work spread over the cores.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

/// How many threads work well here: as many as there are cores to run them.
pub fn cores() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Does every piece of work, each by the first of `threads` threads that is free, the caller's being one.
/// The order is not defined: no piece may depend on another.
pub fn on_threads<T: Send>(threads: NonZero<usize>, work: Vec<T>, each: impl Fn(T) + Sync) {
    let helpers = threads.get().min(work.len()).saturating_sub(1);
    let queue = Mutex::new(work.into_iter());
    // A lock is poisoned only if taking the next piece panics, which it cannot.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some(piece) = next() {
            each(piece);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // What cannot be helped with the caller does alone.
            if std::thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_once() {
        for (threads, pieces) in [(1, 0), (1, 5), (3, 2), (3, 100)] {
            let mut done = vec![0; pieces];
            on_threads(NonZero::new(threads).unwrap(), done.iter_mut().collect(), |piece| *piece += 1);
            assert!(done.iter().all(|&times| times == 1));
        }
    }
}
