//! Tells what a file is by its content, and which file of a folder has the weights.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::atomic::entries;
use crate::error::Error;
use crate::file_name::{MODEL_FILES, is_index_name, is_weights_name};

/// How a file holds tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Safetensors.
    Safetensors,
    /// PyTorch's `torch.save` since 1.6.
    TorchZip,
    /// PyTorch's `torch.save` before 1.6.
    TorchLegacy,
}

/// The number with which old PyTorch files begin, as a pickle.
pub const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

impl Form {
    /// Tells the form of a file from its first bytes.
    pub(crate) fn of(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let start = &bytes[..bytes.len().min(512)];
        // The length of a safetensors header may begin like a pickle or an archive.
        if matches!(start, [_, _, _, _, _, 0, 0, 0, b'{', ..]) {
            return Ok(Self::Safetensors);
        }
        let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
        let (found, hint) = if bytes.starts_with(b"PK\x03\x04") {
            return Ok(Self::TorchZip);
        } else if bytes.starts_with(LEGACY) {
            return Ok(Self::TorchLegacy);
        } else if bytes.is_empty() {
            ("an empty file", COPY_AGAIN)
        } else if text.starts_with("version https://git-lfs") {
            ("a Git LFS pointer, not the file it stands for", "run `git lfs pull` in its repository")
        } else if text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<?xml") {
            (
                "a web page, as a server sends in place of a file that it refuses",
                "download it again, signed in if the file needs it",
            )
        } else if text.starts_with('{') {
            ("JSON", "name the file of the tensors beside it, such as model.safetensors")
        } else if bytes.starts_with(b"\x89HDF") {
            ("an HDF5 file, as Keras writes", "convert it to safetensors")
        } else if bytes.starts_with(&[0x1f, 0x8b]) {
            ("a gzip archive", "unpack it with `gunzip` or `tar -xzf`")
        } else if start.get(257..262) == Some(b"ustar") {
            ("a tar archive", "unpack it with `tar -xf` and name the file of the weights")
        } else if matches!(start, [0x80, 2..=5, ..]) {
            ("a Python pickle that `torch.save` did not write", SAVE_STATE_DICT)
        } else if start.len() > 8 && start[8] != b'{' && is_text(start) {
            ("a text", "name a file of weights, such as model.safetensors or model.pth")
        } else {
            return Ok(Self::Safetensors);
        };
        Err(Error::not_weights(path, found, hint))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Safetensors => "safetensors",
            Self::TorchZip => "PyTorch",
            Self::TorchLegacy => "PyTorch before 1.6",
        })
    }
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

pub const COPY_AGAIN: &str = "download or copy it again";

/// The way out for files that only Python reads.
pub const SAVE_STATE_DICT: &str = "if you trust the file, load it in Python and save its weights: \
     safetensors.torch.save_model(model, \"model.safetensors\")";

/// Returns the weights among the files of a model's folder: `model.safetensors`, else
/// `pytorch_model.bin`, else the first index of shards.
pub fn model_file(files: &[PathBuf]) -> Option<&PathBuf> {
    let named = MODEL_FILES.iter().find_map(|name| files.iter().find(|file| file.ends_with(name)));
    named.or_else(|| files.iter().find(|file| is_index_name(file)))
}

/// Returns the file of the weights in a folder: the [`model_file`], else the only one with an
/// extension of weights.
pub fn file_in(folder: &Path) -> Result<PathBuf, Error> {
    let mut files = entries(folder)?;
    files.retain(|path| path.is_file());
    if let Some(file) = model_file(&files) {
        return Ok(file.clone());
    }
    files.retain(|path| is_weights_name(path));
    match &files[..] {
        [file] => Ok(file.clone()),
        [] => {
            let found = "a folder without a file of weights";
            let hint = format!("it should hold {}, or the index of its shards", MODEL_FILES.join(" or "));
            Err(Error::not_weights(folder, found, hint))
        }
        [first, .., last] => {
            let found = format!("a folder with {} files of weights", files.len());
            let hint = format!("name one of them, {} to {}", first.display(), last.display());
            Err(Error::not_weights(folder, found, hint))
        }
    }
}
