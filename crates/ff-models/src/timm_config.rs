//! timm's `config.json` beside a file of weights.

use std::path::Path;

use ff_checkpoint::serde_json::{self, Value};
use ff_checkpoint::{MODEL_FILES, read_small};

use crate::architecture::Architecture;
use crate::error::Error;

/// Maximum bytes of a text beside weights: options of a program, or a list of classes.
const MAX_TEXT: u64 = 1 << 20;

/// What timm's `config.json` says about the weights beside it.
///
/// ```
/// use ff_models::{Architecture, TimmConfig};
///
/// # let folder = tempfile::tempdir()?;
/// # let text = r#"{"architecture": "resnet18", "num_classes": 7}"#;
/// # std::fs::write(folder.path().join("config.json"), text)?;
/// let config = TimmConfig::beside(folder.path())?.ok_or("no config.json of timm's")?;
/// assert_eq!((config.choose(None)?, config.classes), (Architecture::RESNET18, Some(7)));
/// assert!(config.choose(Some(Architecture::RESNET34)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimmConfig {
    /// The file.
    pub file: String,
    /// timm's name of the architecture.
    pub architecture: String,
    /// Number of outputs; 0 for a network without a classifier.
    pub classes: Option<usize>,
}

impl TimmConfig {
    /// Reads the `config.json` of weights: in their folder, if `weights` is a folder or has a name
    /// that the Hugging Face hub gives to weights (`model.safetensors`, `pytorch_model.bin`, the index
    /// of their shards). `None` if there is none, or if it is another library's.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that cannot be read.
    pub fn beside(weights: &Path) -> Result<Option<Self>, Error> {
        let name = weights.file_name().unwrap_or_default().to_string_lossy();
        let of_hub = MODEL_FILES.contains(&name.strip_suffix(".index.json").unwrap_or(&name));
        let path = match weights.parent() {
            Some(folder) if of_hub => folder.join("config.json"),
            _ => weights.join("config.json"),
        };
        let value = read_config(&path).map_err(|found| Error::Config {
            file: path.display().to_string(),
            expected: "JSON, as timm writes it".to_owned(),
            found,
            hint: "download it again",
        })?;
        let Some(value) = value else { return Ok(None) };
        let Some(architecture) = value["architecture"].as_str().map(str::to_owned) else { return Ok(None) };
        let file = path.display().to_string();
        let classes = value["num_classes"].as_u64().and_then(|classes| usize::try_from(classes).ok());
        Ok(Some(Self { file, architecture, classes }))
    }

    /// Returns the architecture asked for, or else the one that the file names. A name that is none
    /// here, such as `vit_base_patch16_224` or `tv_resnet50`, may be of the same network as the one
    /// asked for: the tensors decide.
    ///
    /// # Errors
    /// [`Error::Config`] if they differ, or if there is no architecture of the file's name.
    pub fn choose(&self, chosen: Option<Architecture>) -> Result<Architecture, Error> {
        let is_named = |one: &&Architecture| one.timm.unwrap_or(one.name) == self.architecture;
        let named = Architecture::ALL.iter().find(is_named).copied();
        let wrong = |expected, hint| {
            let (file, found) = (self.file.clone(), format!("`{}`", self.architecture));
            Err(Error::Config { file, expected, found, hint })
        };
        match (chosen, named) {
            (Some(chosen), Some(named)) if chosen != named => {
                wrong(format!("architecture {chosen}"), "choose the weights' architecture, or other weights")
            }
            (Some(architecture), _) | (None, Some(architecture)) => Ok(architecture),
            (None, None) => {
                let names = Architecture::names().collect::<Vec<_>>().join(", ");
                wrong(format!("one of {names}"), "name the one that the weights are of")
            }
        }
    }
}

/// Reads a small text beside weights. The error says why it cannot be read.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_small(path, MAX_TEXT).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Reads a `config.json`, if it is there. The error says what is found in place of JSON.
pub(crate) fn read_config(path: &Path) -> Result<Option<Value>, String> {
    if !path.is_file() {
        return Ok(None);
    }
    serde_json::from_str(&read_text(path)?).map(Some).map_err(|error| format!("other text ({error})"))
}
