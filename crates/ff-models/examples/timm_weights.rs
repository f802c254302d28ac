//! Loads a file of weights under timm's names and predicts the classes of a batch of images.
//!
//!     cargo run -p ff-models --example timm_weights
//!     cargo run -p ff-models --example timm_weights -- resnet50 resnet50.safetensors
//!
//! Without arguments it reads random weights of the smallest network, which it writes first.

use std::error::Error;
use std::path::PathBuf;

use ff_models::tch::{Device, Kind, Tensor, no_grad};
use ff_models::{Architecture, Mode, Model, Spec, StateDict};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (architecture, path) = match arguments.as_slice() {
        [architecture, path] => (architecture.parse::<Architecture>()?, PathBuf::from(path)),
        _ => (Architecture::RESNET_PICO, random_weights()?),
    };

    let weights = StateDict::open(&path)?;
    let outputs = architecture.outputs_of(&weights).ok_or("the file has no classifier")?;
    let mut model = Model::new(&Spec::new(architecture, outputs), Device::Cpu, 0)?;
    println!("{}: {}", path.display(), model.load(&weights)?);

    // Images are 8-bit RGB, `[N, H, W, 3]`; the model normalises them.
    let side = i64::from(architecture.image_size);
    let images = Tensor::randint(256, [4, side, side, 3], (Kind::Uint8, Device::Cpu));
    let logits = no_grad(|| model.forward(&images, Mode::Eval));
    let classes = Vec::<i64>::try_from(logits.argmax(-1, false))?;
    println!("logits {:?}, classes {classes:?}", logits.size());
    Ok(())
}

/// Writes random weights of a network with 7 outputs to a file in the system's temporary folder.
fn random_weights() -> Result<PathBuf, Box<dyn Error>> {
    let model = Model::new(&Spec::new(Architecture::RESNET_PICO, 7), Device::Cpu, 0)?;
    let path = std::env::temp_dir().join("ff-models-example.safetensors");
    StateDict::from_tensors(model.state_dict()).save(&path, None)?;
    Ok(path)
}
