//! Weights from the Hugging Face Hub, by way of its local cache.

use std::path::PathBuf;

/// The name of the weights' file in every timm repository.
const FILE: &str = "model.safetensors";

/// Returns a model's file from the cache (`HF_HOME`, or `~/.cache/huggingface`); downloads nothing.
///
/// # Errors
/// The file is not in the cache.
pub fn find_cached(id: &str) -> Result<PathBuf, String> {
    let cache = hf_hub::Cache::from_env();
    cache.model(id.to_owned()).get(FILE).ok_or_else(|| {
        format!(
            "{id}: not in the Hugging Face cache ({}); `ff-grid run` downloads it\n\
             hint: to use a local file, --set backbone.weights=FILE.safetensors",
            cache.path().display()
        )
    })
}

/// Returns a model's file, and downloads it if it is not in the cache.
///
/// # Errors
/// There is no network or no such model, or `HF_HUB_OFFLINE` is set.
pub fn find_or_download(id: &str) -> Result<PathBuf, String> {
    if let Ok(path) = find_cached(id) {
        return Ok(path);
    }
    if std::env::var_os("HF_HUB_OFFLINE").is_some_and(|value| value != "0") {
        return Err(format!(
            "{id}: not in the Hugging Face cache, and HF_HUB_OFFLINE is set\n\
             hint: unset HF_HUB_OFFLINE, or use a local file: --set backbone.weights=FILE.safetensors"
        ));
    }
    let download = || hf_hub::api::sync::ApiBuilder::from_env().build()?.model(id.to_owned()).get(FILE);
    download().map_err(|error| {
        format!(
            "{id}: cannot be downloaded from the Hugging Face Hub: {error}\n\
             hint: without a network, use a local file: --set backbone.weights=FILE.safetensors"
        )
    })
}
