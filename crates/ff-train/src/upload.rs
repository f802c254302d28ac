//! Batches on their way to the model's device.
//!
//! On a GPU, images and targets are copied beside the computation, and the host waits for neither:
//! while a step runs, the next batch is under way. Nothing in a step or between the batches of an
//! evaluation reads a value back.

use ff_data::Targets;
use ff_torch_sys::{Sent, send};
use tch::Device;

/// Sends a batch's pixels, u8 `[N, image_size, image_size, 3]`.
pub(crate) fn send_images(pixels: &[u8], image_size: u32, device: Device) -> Sent {
    let side = i64::from(image_size);
    let images = pixels.len() as i64 / (3 * side * side);
    send(device, pixels, &[images, side, side, 3])
}

/// Sends targets as the loss takes them: class numbers `[N]` i64, or labels `[N, C]` f32 with NaN
/// for unknown.
pub(crate) fn send_targets(targets: &Targets, outputs: usize, device: Device) -> Sent {
    match targets {
        Targets::Classes(classes) => send(device, classes, &[classes.len() as i64]),
        Targets::Labels(labels) => send(device, labels, &[(labels.len() / outputs) as i64, outputs as i64]),
    }
}
