//! Opens weights, reads a tensor, and writes changed weights with their provenance.
//!
//!     cargo run -p ff-checkpoint --example provenance [-- FILE]
//!
//! Without a file, one is made in a temporary folder. The changed weights are written there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ff_checkpoint::{OwnedTensor, Provenance, StateDict, serde_json::json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => {
            let path = folder.path().join("weights.safetensors");
            let bias = ("fc.bias".to_owned(), OwnedTensor::f32([2], &[0.5, -0.5]));
            StateDict::from_tensors([bias].into()).save(&path, None)?;
            path
        }
    };

    let weights = StateDict::open(&path)?;
    for (name, tensor) in weights.iter() {
        println!("{name}: {} {:?}", tensor.dtype, tensor.shape);
    }
    let (name, first) = weights.iter().find(|(_, tensor)| tensor.is_float()).ok_or("no tensor of floats")?;
    let halved: Vec<f64> = first.to_f64().unwrap_or_default().iter().map(|value| value / 2.0).collect();
    let mut tensors: BTreeMap<String, OwnedTensor> =
        weights.iter().map(|(name, tensor)| (name.to_owned(), tensor.to_owned())).collect();
    tensors.insert(name.to_owned(), OwnedTensor::rounded(first.dtype, first.shape, &halved));

    let provenance = Provenance {
        parents: vec![weights.as_parent("original")],
        ..Provenance::new("scaled", json!({"tensor": name, "factor": 0.5}))
    };
    let output = folder.path().join("scaled.safetensors");
    StateDict::from_tensors(tensors).save(&output, Some(&provenance))?;

    let scaled = StateDict::open(&output)?;
    scaled.verify()?;
    let made = scaled.provenance()?;
    println!("{} from {} by {}", scaled.digest(), made.parents[0].digest, made.recipe);
    Ok(())
}
