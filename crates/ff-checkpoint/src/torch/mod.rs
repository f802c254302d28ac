//! Reads PyTorch's own files: the tensors of one set of weights, found in the mapped file.
//!
//! The pickle in a file is read as data and executes nothing. The elements of tensors are outside
//! the pickle, and only those of the weights are read.

mod stores;
mod tensors;
mod weights;

use std::ops::Range;

use ff_pickle::Pickle;
use safetensors::Dtype;

use self::stores::Stores;
use self::tensors::Strided;
use crate::state_dict::{COPY_AGAIN, SAVE_STATE_DICT};

/// A tensor in a file.
pub struct Found {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub elements: Elements,
}

/// The bytes of a tensor, row-major.
pub enum Elements {
    /// As the file has them, at this place.
    At(Range<usize>),
    /// Gathered from another order, such as channels-last.
    Gathered(Vec<u8>),
}

/// What was found in a file that is not read.
pub struct Refusal {
    pub found: String,
    pub hint: &'static str,
}

impl Refusal {
    fn damaged(found: impl ToString) -> Self {
        Self { found: found.to_string(), hint: COPY_AGAIN }
    }
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(found: T) -> Self {
        Self { found: found.into(), hint: SAVE_STATE_DICT }
    }
}

/// Reads the zip form, of PyTorch 1.6 and later.
pub fn read_zip(bytes: &[u8]) -> Result<Vec<Found>, Refusal> {
    let (pickle, stores) = Stores::of_zip(bytes)?;
    let pickle = parse(pickle)?;
    resolve(bytes, &pickle, stores)
}

/// Reads the form before PyTorch 1.6.
pub fn read_legacy(bytes: &[u8]) -> Result<Vec<Found>, Refusal> {
    let (pickle, stores) = Stores::of_legacy(bytes)?;
    resolve(bytes, &pickle, stores)
}

fn resolve(bytes: &[u8], pickle: &Pickle<'_>, mut stores: Stores) -> Result<Vec<Found>, Refusal> {
    let found = weights::find(pickle.root())?.into_iter().map(|(name, tensor)| {
        let unknown = |found| format!("tensor `{name}`: {found}");
        let tensor = Strided::of(tensor).map_err(unknown)?;
        let store = stores.check(bytes, &tensor.store)?;
        let elements = tensor.elements(bytes, store).map_err(unknown)?;
        Ok(Found { name, dtype: tensor.dtype, shape: tensor.shape, elements })
    });
    found.collect()
}

fn parse(bytes: &[u8]) -> Result<Pickle<'_>, Refusal> {
    Pickle::parse(bytes, is_known).map_err(|error| match error {
        ff_pickle::Error::Call(name) => {
            format!("a pickle that calls `{name}`, which weights do not need").into()
        }
        error => Refusal::damaged(format!("a damaged pickle: {error}")),
    })
}

/// Returns whether a function only makes data: tensors, containers, numbers, paths, dates. None of
/// them is called; a file that calls others is refused, since PyTorch would run it.
fn is_known(module: &str, name: &str) -> bool {
    match module {
        "torch._utils" => name.starts_with("_rebuild_"),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch" => matches!(name, "Size" | "device"),
        "torch.serialization" => name == "_get_layout",
        "collections" => matches!(name, "OrderedDict" | "defaultdict" | "Counter" | "deque"),
        "builtins" | "__builtin__" => {
            const MAKERS: [&str; 13] = [
                "bool",
                "bytearray",
                "bytes",
                "complex",
                "dict",
                "float",
                "frozenset",
                "int",
                "list",
                "object",
                "range",
                "set",
                "slice",
            ];
            MAKERS.contains(&name)
        }
        "numpy" => matches!(name, "dtype" | "ndarray"),
        "numpy.core.multiarray" | "numpy._core.multiarray" => matches!(name, "_reconstruct" | "scalar"),
        "_codecs" => name == "encode",
        "copyreg" | "copy_reg" => name == "_reconstructor",
        "functools" => name == "partial",
        "pathlib" | "pathlib._local" => name.ends_with("Path"),
        "datetime" => matches!(name, "date" | "datetime" | "time" | "timedelta" | "timezone"),
        _ => false,
    }
}
