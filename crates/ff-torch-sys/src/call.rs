//! Calls of the functions in C++.

use std::ffi::{CStr, c_char, c_void};

use tch::Tensor;

unsafe extern "C" {
    fn ff_torch_free(text: *mut c_char);
}

/// Panics with the text of an error, if there is one.
pub(crate) fn check(error: *mut c_char) {
    if error.is_null() {
        return;
    }
    // SAFETY: the text is a C string that nothing else frees.
    let text = unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        ff_torch_free(error);
        text
    };
    panic!("{text}");
}

/// Returns libtorch's own handles of tensors.
pub(crate) fn handles(tensors: &[&Tensor]) -> Vec<*const c_void> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast()).collect()
}
