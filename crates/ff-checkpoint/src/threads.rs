//! Work on several threads.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

/// The number of cores that the process may use; 1 if the system does not say.
pub fn cores() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Calls `each` for every piece of work, on up to `threads` threads, of which the caller's is one.
///
/// The order of the calls is not defined, so no piece may depend on another.
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
            // If no thread can be started, the caller does all the work.
            if std::thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
}

/// Maps items with `each`, one on each core at a time, and returns the results in their order.
pub fn map_on_cores<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    each: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let mut made: Vec<Option<R>> = items.iter().map(|_| None).collect();
    on_threads(cores(), items.into_iter().zip(&mut made).collect(), |(item, room)| *room = Some(each(item)));
    made.into_iter().flatten().collect()
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
