//! The names of files of weights.

use std::path::Path;

/// The names of the weights in a model's folder or repository, as timm and transformers give them:
/// the preferred one first. Older ones have only the second.
pub const MODEL_FILES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Returns whether a file's name ends as those of weights do, in any case: `.safetensors`, or
/// PyTorch's `.pth`, `.pt`, `.bin` and `.ckpt`, with or without `.tar` behind it.
/// [`StateDict::open`](crate::StateDict::open) goes by the content; this is for searches of folders.
///
/// ```
/// use std::path::Path;
/// assert!(ff_checkpoint::is_weights_name(Path::new("runs/model_best.pth.tar")));
/// assert!(!ff_checkpoint::is_weights_name(Path::new("timm/resnet50.a1_in1k")));
/// ```
pub fn is_weights_name(path: &Path) -> bool {
    let name = lowercase_name(path);
    let name = name.strip_suffix(".tar").unwrap_or(&name);
    [".safetensors", ".pth", ".pt", ".bin", ".ckpt"].iter().any(|ending| name.ends_with(ending))
}

/// Returns whether a file's name is that of an index of shards, such as
/// `model.safetensors.index.json`, in any case.
pub fn is_index_name(path: &Path) -> bool {
    lowercase_name(path).strip_suffix(".index.json").is_some_and(|name| is_weights_name(Path::new(name)))
}

pub(crate) fn lowercase_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}
