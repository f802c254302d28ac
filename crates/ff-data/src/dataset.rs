//! What a dataset is: a task, a list of samples, and a picture for each.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::image::Image;

/// What is to be predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Exactly one class a picture.
    Multiclass {
        /// Names, in the order of the class indices.
        classes: Vec<String>,
    },
    /// Any number of independent findings a picture, each 0, 1 or unknown.
    Multilabel {
        /// Names, in the order of the labels.
        tasks: Vec<String>,
    },
}

impl Task {
    /// Number of logits a model for this task has.
    pub fn outputs(&self) -> usize {
        self.names().len()
    }

    /// Names of the outputs, in their order.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Multiclass { classes } => classes,
            Self::Multilabel { tasks } => tasks,
        }
    }
}

/// The truth about one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Index into [`Task::Multiclass`]'s classes.
    Class(usize),
    /// One value for each of [`Task::Multilabel`]'s tasks; `None` is unknown, masked from loss and
    /// metrics.
    Labels(Vec<Option<bool>>),
}

/// Part of a dataset that a sample belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[derive(strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", ascii_case_insensitive)]
pub enum Split {
    /// Weights are fitted to it.
    Train,
    /// Checkpoints and soups are selected by it.
    #[strum(to_string = "val", serialize = "valid", serialize = "validation", serialize = "validate")]
    Val,
    /// Only evaluation sees it.
    Test,
}

impl Split {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The split of a folder's or a cell's name, without regard to case; `valid`, `validation` and
    /// `validate` are `val` too.
    pub fn from_name(name: &str) -> Option<Self> {
        name.trim().parse().ok()
    }
}

/// One picture's name and truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Unique within the dataset and stable across machines: a path relative to the root, with `/`.
    pub id: String,
    /// The truth.
    pub target: Target,
    /// What must not be torn between splits, usually the patient.
    pub group: Option<String>,
    /// The split that the dataset itself prescribes.
    pub split: Option<Split>,
}

/// BLAKE3 of a picture's file or pixels.
pub type Content = [u8; 32];

/// All that is known of pictures without decoding them.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// What is to be predicted.
    pub task: Task,
    /// All samples of all splits; a sample's position is its index everywhere else.
    pub samples: Vec<Sample>,
    /// BLAKE3 of each picture's file or pixels, in the order of the samples; `None` where pictures
    /// are drawn when asked for.
    pub contents: Option<Vec<Content>>,
    /// What was chosen or left out when the dataset was opened, in words.
    pub notes: Vec<String>,
    /// Hex BLAKE3 over ids, targets, splits, groups and contents: equal digests, equal data.
    pub digest: String,
}

impl Inventory {
    /// One without contents and notes.
    pub fn new(task: Task, samples: Vec<Sample>, digest: impl Into<String>) -> Self {
        Self { task, samples, contents: None, notes: Vec::new(), digest: digest.into() }
    }
}

/// Pictures with targets. Everything but the pixels is in memory; pictures are decoded when asked
/// for.
///
/// A dataset of one's own gives its inventory and its pictures; all else follows, and what wraps a
/// dataset relies on it.
pub trait Dataset: Send + Sync {
    /// All that is known of the pictures.
    fn inventory(&self) -> &Inventory;

    /// The picture of a sample, decoded, of its own size.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Image`], naming the file.
    ///
    /// # Panics
    /// If `index` is not below `samples().len()`.
    fn image(&self, index: usize) -> Result<Image, Error>;

    /// [`Inventory::digest`]; another where pictures are not those of the inventory, such as shrunk ones.
    fn digest(&self) -> &str {
        &self.inventory().digest
    }

    /// [`Inventory::task`].
    fn task(&self) -> &Task {
        &self.inventory().task
    }

    /// [`Inventory::samples`].
    fn samples(&self) -> &[Sample] {
        &self.inventory().samples
    }

    /// [`Inventory::contents`].
    fn contents(&self) -> Option<&[Content]> {
        self.inventory().contents.as_deref()
    }

    /// [`Inventory::notes`].
    fn notes(&self) -> &[String] {
        &self.inventory().notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_names_are_forgiving() {
        for name in ["val", "Valid", " VALIDATION ", "validate"] {
            assert_eq!(Split::from_name(name), Some(Split::Val));
        }
        assert_eq!(Split::from_name("dev"), None);
        for split in Split::ALL {
            assert_eq!(Split::from_name(split.name()), Some(split));
        }
    }
}
