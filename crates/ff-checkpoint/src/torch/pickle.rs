//! Reads the pickle of a PyTorch file.

use ff_pickle::Pickle;

use crate::form::{COPY_AGAIN, SAVE_STATE_DICT};

/// What was found in a file that is not read.
pub struct Refusal {
    pub found: String,
    pub hint: &'static str,
}

impl Refusal {
    pub fn damaged(found: impl ToString) -> Self {
        Self { found: found.to_string(), hint: COPY_AGAIN }
    }
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(found: T) -> Self {
        Self { found: found.into(), hint: SAVE_STATE_DICT }
    }
}

/// Parses the pickle at the start of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Pickle<'_>, Refusal> {
    Pickle::parse(bytes, is_known).map_err(|error| match error {
        ff_pickle::Error::Call(name) => {
            format!("a pickle that calls `{name}`, which weights do not need").into()
        }
        error => Refusal::damaged(format!("a damaged pickle: {error}")),
    })
}

/// Returns whether a function only makes data: tensors, containers, numbers, paths, dates, members of
/// enumerations. None of them is called; a file that calls others is refused, since PyTorch would
/// run it.
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
        "types" => name == "SimpleNamespace",
        _ => may_be_enumeration(module, name),
    }
}

/// Returns whether a function has the name of a class, in a script or in a library of networks. A
/// member of an enumeration is saved as a call of its class, such as
/// `torchvision.transforms.functional.InterpolationMode("bilinear")`.
fn may_be_enumeration(module: &str, name: &str) -> bool {
    const PACKAGES: [&str; 8] = [
        "__main__",
        "lightning",
        "lightning_fabric",
        "monai",
        "pytorch_lightning",
        "timm",
        "torchmetrics",
        "torchvision",
    ];
    let package = module.split('.').next().unwrap_or(module);
    PACKAGES.contains(&package)
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_enumerations_are_known_and_functions_are_not() {
        assert!(is_known("torchvision.transforms.functional", "InterpolationMode"));
        assert!(is_known("__main__", "Mode") && is_known("timm.layers.format", "Format"));
        for (module, name) in [
            ("timm.utils", "os.system"),
            ("torchvision", "Os.system"),
            ("timm.models", "load_checkpoint"),
            ("subprocess", "Popen"),
            ("timmy", "Format"),
            ("os", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
        ] {
            assert!(!is_known(module, name), "{module}.{name}");
        }
    }
}
