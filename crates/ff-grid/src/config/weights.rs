//! Where a backbone's weights come from.

use std::fmt;
use std::path::PathBuf;

use ff_models::Architecture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a backbone's weights come from, written as one string so that it can be overridden by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum WeightsSource {
    /// `pretrained`: the architecture's ImageNet weights on the Hugging Face hub.
    #[default]
    Pretrained,
    /// `random`: the architecture's own initialisation.
    Random,
    /// `pretrain`: the model that `[pretrain]` trains.
    Pretrain,
    /// A file that ends in `.safetensors`.
    File(PathBuf),
    /// An id of the Hugging Face hub, `owner/name`.
    Hub(String),
}

impl WeightsSource {
    /// The source for an architecture: [`WeightsSource::Pretrained`] becomes the id of its weights,
    /// where there are any.
    pub(crate) fn of(&self, architecture: Architecture) -> Self {
        match (self, architecture.pretrained) {
            (Self::Pretrained, Some(id)) => Self::Hub(id.to_owned()),
            _ => self.clone(),
        }
    }
}

impl TryFrom<String> for WeightsSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        match text.as_str() {
            "pretrained" => Ok(Self::Pretrained),
            "random" => Ok(Self::Random),
            "pretrain" => Ok(Self::Pretrain),
            _ if text.ends_with(".safetensors") => Ok(Self::File(text.into())),
            _ if parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && !part.starts_with('.')) => {
                Ok(Self::Hub(text))
            }
            _ => Err(format!(
                "expected `pretrained`, a file that ends in .safetensors, a Hugging Face id (owner/name), \
                 `pretrain` or `random`, found `{text}`"
            )),
        }
    }
}

impl From<WeightsSource> for String {
    fn from(source: WeightsSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for WeightsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pretrained => f.write_str("pretrained"),
            Self::Random => f.write_str("random"),
            Self::Pretrain => f.write_str("pretrain"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Hub(id) => f.write_str(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_told_apart() {
        let read = |text: &str| WeightsSource::try_from(text.to_owned());
        assert_eq!(read("pretrained"), Ok(WeightsSource::Pretrained));
        assert_eq!(read("random"), Ok(WeightsSource::Random));
        assert_eq!(read("a/b/c.safetensors"), Ok(WeightsSource::File("a/b/c.safetensors".into())));
        assert_eq!(read("timm/resnet50.a1_in1k"), Ok(WeightsSource::Hub("timm/resnet50.a1_in1k".into())));
        for wrong in ["", "resnet50", "a/b/c.pth", "../x", "model.pth"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
