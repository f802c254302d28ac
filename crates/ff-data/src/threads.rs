//! Runs a closure on several threads.

use std::panic::resume_unwind;
use std::thread::Builder;

/// Runs `work` on `count` threads, or on as many as can be started, and returns their results. The
/// calling thread is one of them.
///
/// # Panics
/// If `work` panics on any of them.
pub fn on_each_thread<T: Send>(count: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let start = || Builder::new().spawn_scoped(scope, work);
        let handles: Vec<_> = (1..count).map_while(|_| start().ok()).collect();
        let own = work();
        let others =
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(own).chain(others).collect()
    })
}
