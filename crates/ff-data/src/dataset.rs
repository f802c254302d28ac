//! The [`Dataset`] trait: a task, a list of samples, and an image for each.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::image::Image;

/// The prediction task of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Exactly one class per image.
    Multiclass {
        /// Names of the classes, in the order of their indices.
        classes: Vec<String>,
    },
    /// Any number of independent labels per image, each 0, 1 or unknown.
    Multilabel {
        /// Names of the tasks, in the order of the labels.
        tasks: Vec<String>,
    },
}

impl Task {
    /// Returns the number of logits of a model for this task.
    pub fn outputs(&self) -> usize {
        self.names().len()
    }

    /// Returns the names of the outputs, in order.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Multiclass { classes } => classes,
            Self::Multilabel { tasks } => tasks,
        }
    }
}

/// The ground truth of one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Index into the classes of [`Task::Multiclass`].
    Class(usize),
    /// One value for each task of [`Task::Multilabel`]. `None` is unknown and is masked from loss
    /// and metrics.
    Labels(Vec<Option<bool>>),
}

/// A split of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[derive(strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", ascii_case_insensitive)]
pub enum Split {
    /// Training: weights are fitted to it.
    #[strum(to_string = "train", serialize = "training")]
    Train,
    /// Validation: checkpoints and soups are selected on it.
    #[strum(
        to_string = "val",
        serialize = "valid",
        serialize = "validation",
        serialize = "validate",
        serialize = "dev",
        serialize = "development",
        serialize = "eval",
        serialize = "evaluation"
    )]
    Val,
    /// Test: only evaluation reads it.
    #[strum(to_string = "test", serialize = "testing")]
    Test,
}

impl Split {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Returns `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses the name of a folder or of a table's cell, ignoring case and surrounding blanks:
    /// `train` and `training`; `val`, `valid`, `validation`, `validate`, `dev`, `development`,
    /// `eval` and `evaluation`; `test` and `testing`; each also before `set`, as in `Test_Set`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let name = name.strip_suffix("set").map_or(&*name, |name| name.trim_end_matches([' ', '_', '-']));
        name.parse().ok()
    }
}

/// The name and ground truth of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Unique within the dataset and stable across machines: a path relative to the root, with `/`.
    pub id: String,
    /// The ground truth.
    pub target: Target,
    /// The group, usually the patient; its samples belong in one split.
    pub group: Option<String>,
    /// The split that the dataset prescribes.
    pub split: Option<Split>,
}

/// BLAKE3 hash of an image's file or pixels.
pub type Content = [u8; 32];

/// Everything that is known of a dataset without decoding its images.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The prediction task.
    pub task: Task,
    /// The samples of all splits; the position of a sample here is its index.
    pub samples: Vec<Sample>,
    /// BLAKE3 hash of each image's file or pixels, in the order of the samples. `None` if images
    /// are generated.
    pub contents: Option<Vec<Content>>,
    /// What was chosen or left out when the dataset was opened, as text.
    pub notes: Vec<String>,
    /// Further facts on each image, such as sex, age or scanner. They are not part of the digest:
    /// nothing is trained or selected by them.
    pub attributes: Vec<Attribute>,
    /// Hex BLAKE3 over ids, targets, splits, groups and contents: equal digests mean equal data.
    pub digest: String,
}

/// A fact on each image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name, such as `sex`.
    pub name: String,
    /// The value of each sample, in the order of the samples; `None` where it is unknown.
    pub values: Vec<Option<String>>,
}

impl Inventory {
    /// Creates an inventory without contents, notes and attributes.
    pub fn new(task: Task, samples: Vec<Sample>, digest: impl Into<String>) -> Self {
        let (contents, notes, attributes) = Default::default();
        Self { task, samples, contents, notes, attributes, digest: digest.into() }
    }
}

/// Images with targets. The inventory is in memory; images are decoded on demand.
///
/// To add a dataset of your own, implement [`inventory`](Self::inventory) and
/// [`image`](Self::image). Keep the other methods as provided: datasets that wrap another rely on
/// them.
pub trait Dataset: Send + Sync {
    /// Returns everything that is known without decoding an image.
    fn inventory(&self) -> &Inventory;

    /// Decodes the image of a sample, at its original size.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Image`], naming the file.
    ///
    /// # Panics
    /// If `index` is not below `samples().len()`.
    fn image(&self, index: usize) -> Result<Image, Error>;

    /// Returns [`Inventory::digest`], or another digest if the images are not those of the
    /// inventory. This is so if they are resized.
    fn digest(&self) -> &str {
        &self.inventory().digest
    }

    /// Returns [`Inventory::task`].
    fn task(&self) -> &Task {
        &self.inventory().task
    }

    /// Returns [`Inventory::samples`].
    fn samples(&self) -> &[Sample] {
        &self.inventory().samples
    }

    /// Returns [`Inventory::contents`].
    fn contents(&self) -> Option<&[Content]> {
        self.inventory().contents.as_deref()
    }

    /// Returns [`Inventory::notes`].
    fn notes(&self) -> &[String] {
        &self.inventory().notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_names_have_aliases() {
        for name in ["val", "Valid", " VALIDATION ", "validate", "dev", "Eval", "Evaluation_Set"] {
            assert_eq!(Split::from_name(name), Some(Split::Val), "{name}");
        }
        for name in ["Training", "train set", "TRAINSET"] {
            assert_eq!(Split::from_name(name), Some(Split::Train), "{name}");
        }
        for name in ["Testing", "Test-Set"] {
            assert_eq!(Split::from_name(name), Some(Split::Test), "{name}");
        }
        for name in ["0", "1", "2", "", "set", "dataset", "tr", "fold 1", "tests", "trainable"] {
            assert_eq!(Split::from_name(name), None, "{name}");
        }
        for split in Split::ALL {
            assert_eq!(Split::from_name(split.name()), Some(split));
        }
    }
}
