//! Calls of the functions in C++.

use std::ffi::{CStr, c_char, c_void};

use tch::{TchError, Tensor};

unsafe extern "C" {
    fn ff_torch_free(text: *mut c_char);
}

/// Panics with an error of libtorch, if there is one, as tch's functions do.
pub(crate) fn check(error: *mut c_char) {
    result(error).unwrap();
}

fn result(error: *mut c_char) -> Result<(), TchError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the text is a C string that nothing else frees.
    let text = unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        ff_torch_free(error);
        text
    };
    Err(TchError::Torch(text))
}

/// Returns libtorch's own handles of tensors.
pub(crate) fn handles(tensors: &[&Tensor]) -> Vec<*const c_void> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast()).collect()
}
