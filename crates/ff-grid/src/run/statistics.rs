//! Statistics of models on training images, which some merge methods need.

use std::path::Path;

use ff_checkpoint::{FileRef, Provenance, StateDict, remove_partial};
use ff_models::Model;
use ff_soup::{Ingredients, Statistics};
use ff_train::{Recalibration, fisher, gram};
use serde_json::json;

use crate::catalog::OpenDataset;
use crate::error::Error;
use crate::job::{Selection, VERSION};

/// Images at a time: the inputs of all layers for them are in memory.
pub(super) const BATCH: usize = 16;
/// Seed of the classes that Fisher information draws.
const SEED: u64 = 0;

/// The statistics to compute of each model.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// What they are.
    pub kind: Statistics,
    /// Training images to compute them on, evenly spread.
    pub images: usize,
    /// Inner products: the most inputs of a layer.
    pub max_width: usize,
}

impl Wanted {
    /// What a selection needs, if it needs statistics.
    pub fn of(select: &Selection) -> Option<Self> {
        match *select {
            Selection::Fisher { images } => Some(Self { kind: Statistics::Fisher, images, max_width: 0 }),
            Selection::Regmean { images, max_width } => {
                Some(Self { kind: Statistics::Gram, images, max_width })
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self.kind {
            Statistics::Fisher => "fisher",
            Statistics::Gram => "gram",
        }
    }

    fn settings(self) -> serde_json::Value {
        match self.kind {
            Statistics::Fisher => json!({"images": self.images, "seed": SEED}),
            Statistics::Gram => json!({"images": self.images, "max_width": self.max_width}),
        }
    }
}

/// Statistics with their name.
type Named = (String, StateDict);

/// Computes statistics of every ingredient on `images` with `model`, and writes them to
/// `FOLDER/statistics-NUMBER.safetensors`, counted from 1. A file that is there already with the same
/// model, images and settings is not computed again. Returns them, in order, with their names, and
/// their files, relative to the folder.
///
/// # Errors
/// Weights that do not fit the model, images that cannot be read, statistics that are not finite,
/// files that cannot be written, cancellation.
pub(super) fn statistics(
    wanted: Wanted,
    ingredients: &Ingredients,
    model: &mut Model,
    (images, data): (&Recalibration, &OpenDataset),
    folder: &Path,
) -> Result<(Vec<Named>, Vec<FileRef>), Error> {
    remove_partial(folder)?;
    let recipe = json!({
        "model": model.spec(),
        "split": data.identity.split,
        "settings": wanted.settings(),
    });
    let (mut found, mut files) = (Vec::new(), Vec::new());
    for (at, one) in ingredients.iter().enumerate() {
        let name = format!("statistics-{}.safetensors", at + 1);
        let path = folder.join(&name);
        let provenance = Provenance {
            kind: wanted.name().to_owned(),
            recipe: recipe.clone(),
            parents: vec![one.weights.as_parent(&one.id)],
            data: Some(data.identity.digest.clone()),
            code_version: VERSION.to_owned(),
        };
        // A damaged file is written again.
        let is_same = |file: &StateDict| file.provenance().is_ok_and(|found| *found == provenance);
        let statistics = match StateDict::open(&path).ok().filter(is_same) {
            Some(known) => known,
            None => {
                model.load_strict(&one.weights)?;
                let tensors = match wanted.kind {
                    Statistics::Fisher => fisher(model, images, SEED)?,
                    Statistics::Gram => gram(model, images, wanted.max_width)?,
                };
                StateDict::from_tensors(tensors).save(&path, Some(&provenance))?;
                StateDict::open(&path)?
            }
        };
        files.push(FileRef::new(name, *statistics.digest()));
        found.push((format!("{}, {}", one.id, wanted.name()), statistics));
    }
    Ok((found, files))
}

#[cfg(test)]
mod tests {
    use ff_checkpoint::OwnedTensor;
    use ff_data::datasets::PhantomConfig;
    use ff_data::{DatasetConfig, OnBadImage, SplitRule};
    use ff_models::{Architecture, Spec};
    use ff_soup::Ingredient;
    use tch::Device;

    use super::*;
    use crate::catalog::Catalog;
    use crate::job::DataSource;

    #[test]
    fn files_of_the_same_model_and_settings_are_used_again() {
        let catalog = Catalog::new(Path::new("data"), None, 0, OnBadImage::Error, 1 << 20);
        let config = PhantomConfig { train: 20, ..PhantomConfig::default() };
        let source = DatasetConfig::Phantom(config);
        let source = DataSource { source, split: Some(SplitRule::default()), shrink_px: None };
        let data = catalog.open(&source).unwrap();
        let outputs = data.dataset.task().outputs();
        let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, outputs) };
        let model = |seed: u64| Model::new(&spec, Device::Cpu, seed).unwrap();
        let one = |seed: u64| Ingredient {
            id: format!("seed {seed}"),
            weights: StateDict::from_tensors(model(seed).state_dict()),
            fields: Default::default(),
        };
        let ingredients = Ingredients::new(vec![one(1), one(2)]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let compute = |kind: Statistics, images: usize| {
            let wanted = Wanted { kind, images, max_width: 200 };
            let images = catalog.recalibration(&data, 16, BATCH, Some(images));
            statistics(wanted, &ingredients, &mut model(0), (&*images, &*data), folder.path()).unwrap().0
        };
        for (kind, name) in [(Statistics::Fisher, "fisher"), (Statistics::Gram, "gram")] {
            let first = compute(kind, 4);
            let names: Vec<&str> = first.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(names, [format!("seed 1, {name}"), format!("seed 2, {name}")]);
            assert_ne!(first[0].1.digest(), first[1].1.digest());
            // Other values under the same provenance are not computed again, a damaged file is.
            let path = |number: usize| folder.path().join(format!("statistics-{number}.safetensors"));
            let other = StateDict::from_tensors([("w".to_owned(), OwnedTensor::f32([1], &[0.5]))].into());
            other.save(path(1), Some(first[0].1.provenance().unwrap())).unwrap();
            let expected = *first[1].1.digest();
            std::fs::remove_file(path(2)).unwrap();
            std::fs::write(path(2), "damaged").unwrap();
            let second = compute(kind, 4);
            assert_eq!((second[0].1.digest(), *second[1].1.digest()), (other.digest(), expected));
            // Nor are other settings the same.
            assert_ne!(compute(kind, 5)[0].1.digest(), other.digest());
            let with_statistics = ingredients.clone().with_statistics(kind, second);
            assert!(with_statistics.is_ok());
        }
    }
}
