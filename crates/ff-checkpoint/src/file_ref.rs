//! References from records to files of weights or predictions.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::state_dict::StateDict;

/// A reference from a record to a file of weights or predictions: its path and digest.
///
/// The digest detects an intact file with other content at the same path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct FileRef {
    /// The file's path, relative to the record's folder.
    pub path: PathBuf,
    /// The digest of its content. Absent in records of older versions; any intact file is then
    /// accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// The forms of a reference in a record: older versions wrote the bare name.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Form {
    Name(PathBuf),
    Whole { path: PathBuf, digest: Option<Digest> },
}

impl From<Form> for FileRef {
    fn from(form: Form) -> Self {
        match form {
            Form::Name(path) => Self { path, digest: None },
            Form::Whole { path, digest } => Self { path, digest },
        }
    }
}

impl FileRef {
    /// Creates a reference to a file with this content.
    pub fn new(path: impl Into<PathBuf>, digest: Digest) -> Self {
        Self { path: path.into(), digest: Some(digest) }
    }

    /// Opens the file in `folder`.
    ///
    /// # Errors
    /// Those of [`StateDict::open`]; [`Error::OtherContent`] if its digest differs from the
    /// recorded one.
    pub fn open(&self, folder: &Path) -> Result<StateDict, Error> {
        let path = folder.join(&self.path);
        let file = StateDict::open(&path)?;
        match self.digest {
            Some(expected) if expected != *file.digest() => {
                Err(Error::OtherContent { path, expected, found: *file.digest() })
            }
            _ => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::OwnedTensor;

    #[test]
    fn an_intact_file_of_other_content_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let save = |name: &str, value: f32| {
            let weights = StateDict::from_tensors([("w".to_owned(), OwnedTensor::f32([1], &[value]))].into());
            weights.save(folder.path().join(name), None).unwrap();
            FileRef::new(name, *weights.digest())
        };
        let (one, other) = (save("one", 1.0), save("other", 2.0));
        one.open(folder.path()).unwrap();
        std::fs::copy(folder.path().join("other"), folder.path().join("one")).unwrap();
        let text = one.open(folder.path()).unwrap_err().to_string();
        assert!(text.contains("one: ") && text.contains(&other.digest.unwrap().to_string()), "{text}");
    }

    #[test]
    fn a_bare_name_is_read_and_accepts_any_content() {
        let old: FileRef = serde_json::from_str("\"kept.safetensors\"").unwrap();
        assert_eq!(old, FileRef { path: "kept.safetensors".into(), digest: None });
        let digest = *StateDict::from_tensors(Default::default()).digest();
        let new = FileRef::new("kept.safetensors", digest);
        assert_eq!(serde_json::from_value::<FileRef>(serde_json::json!(new)).unwrap(), new);
    }
}
