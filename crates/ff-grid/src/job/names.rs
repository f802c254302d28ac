//! Names in records, folders and weights.

use std::collections::BTreeMap;
use std::path::Path;

use ff_data::Augment;
use ff_models::Spec;
use ff_soup::Ingredient;
use ff_train::{Sampling, TrainConfig};
use serde::Deserialize;
use tch::Device;

/// What the fine-tuning runs of a table differ in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunFields {
    /// The first learning rate.
    pub learning_rate: f64,
    /// Training augmentation.
    pub augment: Augment,
    /// The seed that tells it from runs with the same settings.
    pub seed: u64,
    /// Training images of an epoch.
    pub sample: Sampling,
    /// Side of the training images in pixels. `None`: the model's.
    pub image_size: Option<u32>,
}

impl RunFields {
    /// A run on all training images, at the model's size.
    pub fn new(learning_rate: f64, augment: Augment, seed: u64) -> Self {
        Self { learning_rate, augment, seed, sample: Sampling::All, image_size: None }
    }

    /// Returns the fields as jobs and provenance have them: `sample` and `image_size` only where
    /// they are not those of [`new`](Self::new), since older runs do not have them.
    pub fn to_map(self) -> BTreeMap<String, String> {
        let always = [
            ("learning_rate", format!("{:e}", self.learning_rate)),
            ("augmentation", self.augment.to_string()),
            ("seed", self.seed.to_string()),
        ];
        let sample = (!self.sample.is_all()).then(|| ("sample", self.sample.name().to_owned()));
        let image_size = self.image_size.map(|size| ("image_size", size.to_string()));
        let all = always.into_iter().chain(sample).chain(image_size);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns the name of the run's model.
    pub(crate) fn name(self) -> String {
        model_name(&self.to_map(), None)
    }
}

/// Adds the fields that runs record only where they differ from those of [`RunFields::new`].
pub(super) fn with_usual(
    mut fields: BTreeMap<String, String>,
    model: &Spec,
    train: &TrainConfig,
) -> BTreeMap<String, String> {
    fields.insert("sample".to_owned(), train.sample.name().to_owned());
    let image_size = train.image_size.unwrap_or(model.image_size);
    fields.insert("image_size".to_owned(), image_size.to_string());
    fields
}

/// The field that tells moving averages of weights from a run's other models, and its value for
/// them and for the others.
pub(crate) const AVERAGE: &str = "average";
pub(crate) const EMA: &str = "ema";
pub(crate) const NO_EMA: &str = "none";

/// The field of a model from a file with the file's name.
pub(crate) const FILE: &str = "file";
/// The field of a model from a file with the name of the folder that it is in.
const FOLDER: &str = "folder";

/// What the provenance of a model that a run saved says of the model's fields.
#[derive(Deserialize)]
struct Recorded {
    model: Spec,
    train: TrainConfig,
    average: Option<String>,
}

/// Returns the fields that a hierarchy can group a model from a file by: those that are recorded and,
/// if a run saved it, `sample`, `image_size` and `average`.
pub fn group_fields(one: &Ingredient) -> BTreeMap<String, String> {
    let made = one.weights.provenance().ok();
    match made.and_then(|made| Recorded::deserialize(&made.recipe).ok()) {
        Some(Recorded { model, train, average }) => {
            let mut fields = with_usual(one.fields.clone(), &model, &train);
            fields.insert(AVERAGE.to_owned(), average.unwrap_or_else(|| NO_EMA.to_owned()));
            fields
        }
        None => one.fields.clone(),
    }
}

/// Returns [`group_fields`] of a model whose id is its path, and `folder`: the name of the folder that
/// it is in, also where the path does not have it. A model that is a folder counts as a file.
pub fn file_fields(one: &Ingredient) -> BTreeMap<String, String> {
    let mut fields = group_fields(one);
    let whole = std::path::absolute(&one.id).unwrap_or_default();
    let folder = whole.parent().and_then(Path::file_name).unwrap_or_default();
    fields.insert(FOLDER.to_owned(), folder.to_string_lossy().into_owned());
    fields
}

/// Returns a model's name: the fields of its run, its number among the run's snapshots, from 1, and
/// `ema` if it is a moving average by its fields.
pub(crate) fn model_name(fields: &BTreeMap<String, String>, snapshot: Option<usize>) -> String {
    let field = |name: &str| fields.get(name).map_or("?", String::as_str);
    let mut name = format!("lr {} {} seed {}", field("learning_rate"), field("augmentation"), field("seed"));
    if let Some(sample) = fields.get("sample") {
        name += &format!(" {sample}");
    }
    if let Some(size) = fields.get("image_size") {
        name += &format!(" {size} px");
    }
    if let Some(number) = snapshot {
        name += &format!(" snapshot {number}");
    } else if fields.get(AVERAGE).is_some_and(|average| average == EMA) {
        name += &format!(" {EMA}");
    }
    name
}

/// The version in every record and file.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns a device's name in records and claims: `cpu`, `cuda(0)`.
pub fn device_name(device: Device) -> String {
    format!("{device:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::StateDict;

    use super::*;

    #[test]
    fn a_folder_has_a_name_where_the_path_has_none() {
        let current = std::env::current_dir().unwrap();
        let current = current.file_name().unwrap().to_str().unwrap();
        for (path, expected) in
            [("one/two/a.pth", "two"), ("two/model", "two"), ("a.pth", current), ("./a.pth", current)]
        {
            let one = Ingredient::of(Path::new(path), StateDict::from_tensors(BTreeMap::new()));
            assert_eq!(file_fields(&one)[FOLDER], expected, "{path}");
        }
    }
}
