//! A setting of the C library's allocator, for programs that allocate large tensors at every step.

/// Makes glibc keep freed memory instead of returning large blocks to the kernel.
///
/// Otherwise each training step faults the same blocks in again, page by page. The process holds
/// its peak memory until it ends.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub(crate) fn keep_freed_memory() {
    // SAFETY: mallopt only changes settings of the allocator. If it refuses one, the default stays.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Does nothing for other allocators.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_freed_memory() {}
