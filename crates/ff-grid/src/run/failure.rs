//! The text of a job's failure, and whether its GPU is lost.
//!
//! libtorch's failures are panics. Most fail one job. After some, every later call on the GPU fails
//! in the same way until the process ends, so these are no failure of the jobs that would follow.

use std::any::Any;

/// Parts of libtorch's texts of a failure on a GPU.
const ON_A_GPU: [&str; 5] =
    ["CUDA error: ", "CUDA driver error: ", "cuDNN error: ", "CUBLAS_STATUS_", "CUSOLVER_STATUS_"];

/// Parts of libtorch's texts after which the process cannot use the GPU any more, by CUDA's
/// description of its errors. All others fail one job: if an argument that cuDNN refuses stopped the
/// engine, the same job would stop it at every start.
const LOST: [&str; 15] = [
    "illegal memory access",
    "illegal instruction",
    "device-side assert",
    "unspecified launch failure",
    "launch timed out",
    "misaligned address",
    "invalid program counter",
    "operation not supported on global/shared address space",
    "hardware stack error",
    "uncorrectable ECC error",
    "uncorrectable NVLink error",
    "STATUS_EXECUTION_FAILED",
    "GPU is lost",
    "fallen off the bus",
    "error: unknown error",
];

/// Parts of libtorch's texts if the GPU's memory is short; cuBLAS and cuDNN then make no handle.
const MEMORY: [&str; 3] = ["out of memory", "STATUS_ALLOC_FAILED", "STATUS_NOT_INITIALIZED"];

/// Returns whether a process cannot use its GPU any more after a failure with this text.
pub fn loses_gpu(text: &str) -> bool {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    has(&ON_A_GPU) && has(&LOST)
}

/// Returns the text of a panic, without libtorch's stack of calls and with a hint where there is
/// one.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = plain(text.unwrap_or("panicked without a message"));
    if MEMORY.iter().any(|part| text.contains(part)) {
        // What follows the first sentences is about variables of PyTorch.
        let sentences: Vec<&str> = text.split(". ").take(3).collect();
        let hint = "a smaller batch_size or image_size needs less memory, as does run.jobs_per_device = 1; other processes may use this GPU too";
        return format!("{}\nhint: {hint}", sentences.join(". "));
    }
    if text.contains("no kernel image is available") {
        return format!(
            "{text}\nhint: these libraries are not compiled for this GPU, which is too old or too new"
        );
    }
    text
}

/// Returns the text of an error of libtorch as it was thrown: tch shows it as a value of Rust, with
/// the stack of calls in C++.
fn plain(text: &str) -> String {
    let thrown = text
        .strip_prefix("called `Result::unwrap()` on an `Err` value: Torch(\"")
        .and_then(|text| text.strip_suffix("\")"))
        .map(|text| text.replace("\\n", "\n").replace("\\\"", "\""));
    let text = thrown.as_deref().unwrap_or(text);
    let ends = ["\nException raised from ", "\nframe #0: "].map(|start| text.find(start));
    let end = ends.into_iter().flatten().min().unwrap_or(text.len());
    text[..end].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_a_context_does_not_survive_are_told() {
        for text in [
            "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
            "CUDA error: an illegal memory access was encountered",
            "CUDA error: unspecified launch failure",
            "CUDA error: uncorrectable ECC error encountered",
            "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
            "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
            "CUDA driver error: unknown error",
        ] {
            assert!(loses_gpu(text), "{text}");
        }
        for text in [
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB",
            "CUDA error: out of memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a tensor",
            "CUDA error: no kernel image is available for execution on the device",
            "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
            "CUDA error: invalid configuration argument",
            "CUDA error: operation not supported",
            "cuDNN error: CUDNN_STATUS_BAD_PARAM",
            "expected the weights of `x`, found no file",
        ] {
            assert!(!loses_gpu(text), "{text}");
        }
    }

    #[test]
    fn texts_are_as_thrown_and_without_the_stack() {
        let of = |text: &str| panic_text(&text.to_owned());
        let unwrapped = "called `Result::unwrap()` on an `Err` value: Torch(\"shapes \\\"a\\\" differ\\nException raised from add at x.cpp:1 (most recent call first):\\nframe #0\")";
        assert_eq!(of(unwrapped), "shapes \"a\" differ");
        assert_eq!(
            of("can't allocate memory: 8 bytes\nframe #0: c10::alloc_cpu"),
            "can't allocate memory: 8 bytes"
        );
        let memory = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.20 GiB is free. Process 7 has 77 GiB memory in use. See documentation";
        let text = of(memory);
        assert!(text.starts_with("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.20 GiB is free\nhint: a smaller batch_size"), "{text}");
        let handle = of("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`");
        assert!(handle.contains("(handle)`\nhint: a smaller batch_size"), "{handle}");
        assert_eq!(panic_text(&"short"), "short");
        assert_eq!(panic_text(&7), "panicked without a message");
    }
}
