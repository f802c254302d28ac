//! Where a backbone's weights come from.

use std::fmt;
use std::path::{Path, PathBuf};

use ff_checkpoint::is_weights_name;
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
    /// A file of weights, or a folder that holds one: whatever exists at this path, and what has
    /// the form of one (`./x`, `/x`, `~/x`, `x.safetensors`, `x.pth`). Relative to the working folder.
    File(PathBuf),
    /// An id of the Hugging Face hub, `owner/name` or `owner/name@revision`.
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
        match text.as_str() {
            "pretrained" => return Ok(Self::Pretrained),
            "random" => return Ok(Self::Random),
            "pretrain" => return Ok(Self::Pretrain),
            _ => {}
        }
        // timm writes ids with this prefix.
        let of_hub = text.strip_prefix("hf-hub:").or_else(|| text.strip_prefix("hf_hub:"));
        if let (None, Some(path)) = (of_hub, file(&text)) {
            return Ok(Self::File(path));
        }
        let id = of_hub.unwrap_or(&text);
        if is_id(id) {
            return Ok(Self::Hub(id.to_owned()));
        }
        Err(format!(
            "expected `pretrained` (ImageNet weights), `random`, `pretrain` (the model of [pretrain]), a file of weights, \
             a folder with one, or a Hugging Face id (owner/name), found `{text}`"
        ))
    }
}

/// Returns the path that a text is, if it has the form of one or exists.
fn file(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    if let Some(below) = text.strip_prefix("~/")
        && let Some(home) = std::env::home_dir()
    {
        return Some(home.join(below));
    }
    if text.starts_with(['.', '/', '~']) || text.ends_with(".tar") || is_weights_name(path) {
        return Some(path.to_owned());
    }
    // Written so that it is read as a path again, whether it exists then or not.
    (!text.is_empty() && path.exists()).then(|| Path::new(".").join(path))
}

/// Returns whether a text has the form of a hub's id, with or without a revision.
fn is_id(text: &str) -> bool {
    let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
    let is_word = |part: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
    };
    !revision.is_empty() && id.split_once('/').is_some_and(|(owner, name)| is_word(owner) && is_word(name))
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

    fn read(text: &str) -> Result<WeightsSource, String> {
        text.to_owned().try_into()
    }

    #[test]
    fn strings_are_told_apart() {
        assert_eq!(read("pretrained"), Ok(WeightsSource::Pretrained));
        assert_eq!(read("random"), Ok(WeightsSource::Random));
        for file in [
            "a/b/c.safetensors",
            "a/b.pth",
            "m.pth.tar",
            "M.CKPT",
            "w.pt",
            "a/x.bin",
            "a/x.tar",
            "../x",
            "/gone",
        ] {
            assert_eq!(read(file), Ok(WeightsSource::File(file.into())), "{file}");
        }
        for wrong in ["", "resnet50", "a/b/c", "a b/c", "a/b@", "hf-hub:x", "hf-hub:./x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_of_the_hub_may_be_as_timm_writes_it() {
        for id in ["timm/resnet50.a1_in1k", "timm/resnet50.a1_in1k@v1.0", "a/b@refs/pr/1"] {
            for text in [id.to_owned(), format!("hf-hub:{id}"), format!("hf_hub:{id}")] {
                assert_eq!(read(&text), Ok(WeightsSource::Hub(id.into())), "{text}");
            }
        }
    }

    #[test]
    fn what_exists_is_a_path_and_stays_one() {
        // Tests run in the folder of the crate.
        let source = read("src/config").unwrap();
        assert_eq!(source, WeightsSource::File("./src/config".into()));
        assert_eq!(read(&source.to_string()), Ok(source));
        assert_eq!(read("hf-hub:src/config"), Ok(WeightsSource::Hub("src/config".into())));
        let home = std::env::home_dir().expect("a home folder");
        assert_eq!(read("~/w.pth"), Ok(WeightsSource::File(home.join("w.pth"))));
    }
}
