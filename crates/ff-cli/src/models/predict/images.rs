//! The images to predict, with their labels where there are any.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use ff_data::{Attribute, Dataset, ImageFiles, LabelledFiles, Target, Task};
use ff_train::{Classifier, TaskKind};

use super::rows::Truth;

/// Images in the order of their rows.
pub(super) struct Images {
    files: Vec<PathBuf>,
    labels: Option<Labels>,
}

/// The truth about each image.
struct Labels {
    targets: Vec<Target>,
    groups: Vec<Option<String>>,
    attributes: Vec<Attribute>,
}

impl Images {
    /// Finds the image files that paths name.
    ///
    /// # Errors
    /// Those of [`ImageFiles::find`].
    pub fn find(paths: &[PathBuf]) -> anyhow::Result<Self> {
        Ok(Self { files: ImageFiles::find_all(paths)?, labels: None })
    }

    /// Takes the images that a table lists with labels, and its `attributes`.
    ///
    /// # Errors
    /// Those of [`LabelledFiles::read`].
    pub fn of_table(path: &Path, attributes: &[String], classifier: &Classifier) -> anyhow::Result<Self> {
        let names = classifier.classes.clone();
        let task = match classifier.kind {
            TaskKind::Multiclass => Task::Multiclass { classes: names },
            TaskKind::Multilabel => Task::Multilabel { tasks: names },
        };
        Ok(Self::labelled(LabelledFiles::read(path, &task, attributes)?))
    }

    /// Takes the images below folders that are named by their class.
    ///
    /// # Errors
    /// Those of [`LabelledFiles::in_class_folders`], and a multilabel model.
    pub fn of_folders(path: &Path, classifier: &Classifier) -> anyhow::Result<Self> {
        if classifier.kind != TaskKind::Multiclass {
            bail!(
                "--class-folders: expected a model with one class for each image, found {}",
                classifier.kind
            );
        }
        Ok(Self::labelled(LabelledFiles::in_class_folders(path, &classifier.classes)?))
    }

    fn labelled(found: LabelledFiles) -> Self {
        let LabelledFiles { files, targets, groups, attributes } = found;
        Self { files, labels: Some(Labels { targets, groups, attributes }) }
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The path that an image's row names.
    pub fn path(&self, index: usize) -> String {
        self.files[index].display().to_string()
    }

    /// A dataset of the images of a range.
    pub fn chunk(&self, range: Range<usize>) -> (Arc<dyn Dataset>, Arc<[usize]>) {
        let count = range.len();
        (Arc::new(ImageFiles::new(self.files[range].to_vec())), (0..count).collect())
    }

    /// The truth about an image; `None` without labels.
    pub fn truth(&self, index: usize) -> Option<Truth> {
        let Labels { targets, groups, attributes } = self.labels.as_ref()?;
        let target = match &targets[index] {
            Target::Class(class) => vec![Some(*class)],
            Target::Labels(labels) => labels.iter().map(|label| label.map(usize::from)).collect(),
        };
        let attributes = attributes.iter().map(|of| of.values[index].clone().unwrap_or_default()).collect();
        Some(Truth { target, group: groups[index].clone(), attributes })
    }
}
