//! Tests of the backbones: golden logits, identities, loading, ONNX files, and properties of every
//! model.

mod golden;
mod grad_cam;
mod identify;
mod load;
mod model;
mod onnx;

use ff_models::{Architecture, Model, Spec};
use tch::Device;

const PICO: [Architecture; 3] = [Architecture::RESNET_PICO, Architecture::DEIT_PICO, Architecture::VGG_PICO];

/// Returns a specification at the architecture's own image size, in fp32.
fn spec(architecture: Architecture, outputs: usize) -> Spec {
    Spec::new(architecture, outputs)
}

fn model(architecture: Architecture, outputs: usize, seed: u64) -> Model {
    Model::new(&spec(architecture, outputs), Device::Cpu, seed).unwrap()
}
