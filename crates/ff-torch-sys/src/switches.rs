//! Switches of the process.

use std::ffi::c_char;

use crate::call::check;

unsafe extern "C" {
    fn ff_torch_set_tf32(on: bool) -> *mut c_char;
    fn ff_torch_tf32() -> bool;
    fn ff_torch_set_deterministic(on: bool) -> *mut c_char;
    fn ff_torch_deterministic() -> bool;
}

/// Sets whether a GPU may compute convolutions and products of 32-bit floats in TF32, which has 10
/// bits of mantissa. libtorch's own default is TF32 for convolutions and not for products.
pub fn set_tf32(on: bool) {
    // SAFETY: it takes no pointer.
    check(unsafe { ff_torch_set_tf32(on) });
}

/// Returns whether both convolutions and products may be computed in TF32.
pub fn tf32() -> bool {
    // SAFETY: it takes no pointer.
    unsafe { ff_torch_tf32() }
}

/// Sets whether only deterministic algorithms are used. If so, two runs of the same program on the
/// same GPU give the same bits; an operation without such an algorithm is an error. If not, cuDNN
/// measures its algorithms for each new shape and takes the fastest.
///
/// Call it before the first computation on a GPU, since cuBLAS reads its workspace's size then: it
/// sets the variable `CUBLAS_WORKSPACE_CONFIG`, unless the user has.
pub fn set_deterministic(on: bool) {
    // SAFETY: it takes no pointer.
    check(unsafe { ff_torch_set_deterministic(on) });
}

/// Returns whether only deterministic algorithms are used.
pub fn deterministic() -> bool {
    // SAFETY: it takes no pointer.
    unsafe { ff_torch_deterministic() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_keep_their_values() {
        for on in [true, false] {
            set_tf32(on);
            assert_eq!(tf32(), on);
            set_deterministic(on);
            assert_eq!(deterministic(), on);
        }
    }
}
