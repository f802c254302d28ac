//! The C library's allocator, for a program that allocates the same large tensors at every step.

/// Lets glibc keep what is freed, instead of giving large blocks back to the kernel and faulting
/// them in again, page by page, at the next step of training. The process holds its peak until it
/// ends.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub(crate) fn keep_freed_memory() {
    // SAFETY: mallopt only changes settings of the allocator. A setting that is refused leaves the
    // default.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Other allocators keep their own ways.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_freed_memory() {}
