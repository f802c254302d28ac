//! Weights from the Hugging Face hub, through its own cache.

use std::path::PathBuf;

/// timm publishes every model under this name.
const FILE: &str = "model.safetensors";

/// The file of a model that is in the cache already (`HF_HOME`, or `~/.cache/huggingface`).
///
/// # Errors
/// Says how to get it.
pub fn find_cached(id: &str) -> Result<PathBuf, String> {
    let cache = hf_hub::Cache::from_env();
    cache.model(id.to_owned()).get(FILE).ok_or_else(|| {
        format!(
            "{id}: not in the Hugging Face cache ({}); it is downloaded when the grid is run\n\
             hint: or name a file with --set backbone.weights=FILE.safetensors",
            cache.path().display()
        )
    })
}

/// The same, downloaded if it is not there.
///
/// # Errors
/// No network, no such model.
pub fn find_or_download(id: &str) -> Result<PathBuf, String> {
    if let Ok(path) = find_cached(id) {
        return Ok(path);
    }
    if std::env::var_os("HF_HUB_OFFLINE").is_some_and(|value| value != "0") {
        return Err(format!("{id}: not in the Hugging Face cache, and HF_HUB_OFFLINE is set"));
    }
    let download = || hf_hub::api::sync::ApiBuilder::from_env().build()?.model(id.to_owned()).get(FILE);
    download().map_err(|error| {
        format!(
            "{id}: cannot be downloaded from the Hugging Face hub: {error}\n\
             hint: without a network, name a file with --set backbone.weights=FILE.safetensors"
        )
    })
}
