//! Work that threads share.

use std::panic::resume_unwind;
use std::thread::Builder;

/// What `work` gives on each of `count` threads, or on as many as can be started. The caller is one
/// of them, and panics where one does.
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
