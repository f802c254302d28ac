//! Shortage of memory as an error of the command: libtorch reports it as a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use anyhow::bail;
use ff_models::Spec;
use tch::Device;

/// Runs work on batches of `batch` images of a model's. If memory is short, returns an error that
/// names the batch, the model and the device.
///
/// # Errors
/// Those of the work; a batch that does not fit into memory.
pub(crate) fn within_memory<T>(
    batch: i64,
    spec: &Spec,
    device: Device,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    silence();
    let payload = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => return result,
        Err(payload) => payload,
    };
    if !is_shortage(&*payload) {
        resume_unwind(payload);
    }
    let Spec { architecture, image_size, .. } = spec;
    let device = match device {
        Device::Cuda(number) => format!("cuda:{number}"),
        _ => "the CPU".to_owned(),
    };
    bail!(
        "batch {batch} of {architecture} at {image_size} px does not fit into the memory of {device}\n\
         hint: choose a smaller batch or smaller images"
    )
}

/// Keeps the panic hook from printing shortages of memory, which become errors. Other panics are
/// printed as before.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_shortage(panic.payload()) {
                before(panic);
            }
        }));
    });
}

/// Returns whether a panic is libtorch's report that memory is short: `CUDA out of memory`, or
/// `can't allocate memory` of the CPU.
fn is_shortage(payload: &(dyn Any + Send)) -> bool {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_lowercase();
    ["out of memory", "can't allocate memory", "alloc_failed"].iter().any(|report| text.contains(report))
}

#[cfg(test)]
mod tests {
    use ff_models::Architecture;

    use super::*;

    fn run(work: impl FnOnce() -> anyhow::Result<u8>) -> anyhow::Result<u8> {
        within_memory(64, &Spec::new(Architecture::RESNET50, 7), Device::Cuda(1), work)
    }

    #[test]
    fn a_shortage_of_memory_is_an_error() {
        let text = "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA out of memory. Tried\")";
        let error = run(|| panic!("{text}")).unwrap_err().to_string();
        let expected = "batch 64 of resnet50 at 224 px does not fit into the memory of cuda:1\nhint: ";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn results_errors_and_other_panics_pass() {
        assert_eq!(run(|| Ok(3)).unwrap(), 3);
        assert_eq!(run(|| bail!("no images")).unwrap_err().to_string(), "no images");
        let text = "sizes differ".to_owned();
        let payload = catch_unwind(|| run(|| panic!("{text}"))).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>(), Some(&text));
    }
}
