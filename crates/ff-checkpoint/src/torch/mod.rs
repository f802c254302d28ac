//! Reads PyTorch's own files: the tensors of one set of weights, found in the mapped file, and the
//! plain values beside them.
//!
//! The pickle in a file is read as data and executes nothing. The elements of tensors are outside
//! the pickle, and only those of the weights are read.

mod pickle;
mod saved_with;
mod stores;
mod tensors;
mod weights;

use ff_pickle::Pickle;
use safetensors::Dtype;
use serde_json::{Map, Value};

pub use self::pickle::Refusal;
use self::pickle::parse;
use self::stores::Stores;
pub use self::tensors::Elements;
use self::tensors::Strided;

/// What a file holds.
pub struct Contents {
    pub tensors: Vec<Found>,
    pub saved_with: Map<String, Value>,
    /// The names of the sets of weights that are not read.
    pub other_sets: Vec<&'static str>,
}

/// A tensor in a file.
pub struct Found {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub elements: Elements,
}

/// Reads the zip form, of PyTorch 1.6 and later.
pub fn read_zip(bytes: &[u8]) -> Result<Contents, Refusal> {
    let (pickle, stores) = Stores::of_zip(bytes)?;
    let pickle = parse(pickle)?;
    resolve(bytes, &pickle, stores)
}

/// Reads the form before PyTorch 1.6.
pub fn read_legacy(bytes: &[u8]) -> Result<Contents, Refusal> {
    let (pickle, stores) = Stores::of_legacy(bytes)?;
    resolve(bytes, &pickle, stores)
}

fn resolve(bytes: &[u8], pickle: &Pickle<'_>, mut stores: Stores) -> Result<Contents, Refusal> {
    // Any number of tensors may share the elements that are gathered for each of them.
    let mut room = 4 * bytes.len();
    let tensors = weights::find(pickle.root())?.into_iter().map(|(name, tensor)| {
        let unknown = |found| format!("tensor `{name}`: {found}");
        let tensor = Strided::of(tensor).map_err(unknown)?;
        let store = stores.check(bytes, &tensor.store)?;
        let elements = tensor.elements(bytes, store).map_err(unknown)?;
        if let Elements::Gathered(data) = &elements {
            room = room.checked_sub(data.len()).ok_or("many tensors that share their elements")?;
        }
        Ok(Found { name, dtype: tensor.dtype, shape: tensor.shape, elements })
    });
    let tensors = tensors.collect::<Result<Vec<_>, Refusal>>()?;
    let (saved_with, other_sets) = (saved_with::plain(pickle.root()), weights::others(pickle.root()));
    Ok(Contents { tensors, saved_with, other_sets })
}
