//! Corrupted copies of another dataset's images.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::augment::resize;
use crate::corrupt::Corruption;
use crate::dataset::{Attribute, Dataset, Inventory, Sample, Split};
use crate::datasets::DatasetConfig;
use crate::datasets::about::{Access, DatasetKind};
use crate::datasets::hashes::FileHashes;
use crate::error::Error;
use crate::image::Image;
use crate::random::stream;
use crate::split::SplitRule;

/// Corrupted copies of another dataset's images, as in ImageNet-C: one of each image and corruption.
///
/// N images and four corruptions make 4 N copies: severities are spread evenly over the images, each
/// in an equal share of each corruption's copies, in place of five copies more. A copy is called
/// `ID#gaussian-noise-3` and has the target, split and attributes of its original. Copies of an image
/// are a group, or in the group (patient) of the image, so that bootstraps keep them together.
///
/// An image is resized to a square as in evaluation, then corrupted. Lengths in pixels are
/// ImageNet-C's at 224 px and scale with the size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Corrupted {
    /// The dataset whose images are corrupted.
    pub of: Box<DatasetConfig>,
    /// Rule that splits `of`, such as the one of the dataset that a model was trained on, so that
    /// only its test images are tested on. Absent: the split that `of` has of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRule>,
    /// The corruptions: `gaussian-noise`, `defocus-blur`, `contrast` and `jpeg`.
    #[serde(default = "all_corruptions")]
    pub corruptions: Vec<Corruption>,
    /// The severities, 1 to 5.
    #[serde(default = "all_severities")]
    pub severities: Vec<u8>,
    /// Width and height of the copies, in pixels, 1 to 4096: those that the model sees.
    #[serde(default = "usual_size")]
    pub image_size: u32,
    /// Seed of the noise.
    #[serde(default)]
    pub seed: u64,
}

fn all_corruptions() -> Vec<Corruption> {
    Corruption::ALL.to_vec()
}

fn all_severities() -> Vec<u8> {
    (1..=5).collect()
}

fn usual_size() -> u32 {
    224
}

impl DatasetKind for Corrupted {
    const KIND: &'static str = "corrupted";
    const TITLE: &'static str = "corrupted copies of another dataset's images";
    const ACCESS: Access = Access::Drawn;

    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error> {
        self.check()?;
        let originals = self.of.open(data_root, hashes)?;
        let mut splits: Vec<Option<Split>> = originals.samples().iter().map(|sample| sample.split).collect();
        if let Some(rule) = &self.split {
            let given = rule.split(&*originals, data_root)?;
            splits.fill(None);
            for split in Split::ALL {
                given.get(split).iter().for_each(|&index| splits[index] = Some(split));
            }
        }
        Ok(Arc::new(Copies::new(originals, &splits, self)))
    }
}

impl Corrupted {
    fn check(&self) -> Result<(), Error> {
        let refused = |expected: &str, found: String| Err(Error::dataset(Self::KIND, expected, found));
        if self.corruptions.is_empty() || self.severities.is_empty() {
            return refused("at least one corruption and one severity", "none".to_owned());
        }
        if let Some(severity) = self.severities.iter().find(|severity| !(1..=5).contains(*severity)) {
            return refused("severities of 1 to 5", severity.to_string());
        }
        if let Some(twice) = repeated(&self.corruptions) {
            return refused("each corruption once", format!("`{twice}` twice"));
        }
        if let Some(twice) = repeated(&self.severities) {
            return refused("each severity once", format!("{twice} twice"));
        }
        if !(1..=4096).contains(&self.image_size) {
            return refused("an image_size of 1 to 4096", self.image_size.to_string());
        }
        Ok(())
    }
}

/// Returns the first value that is in the list before.
fn repeated<T: PartialEq>(values: &[T]) -> Option<&T> {
    values.iter().enumerate().find_map(|(at, value)| values[..at].contains(value).then_some(value))
}

/// The copies of the first image, one for each corruption, then those of the second, and so on.
struct Copies {
    originals: Arc<dyn Dataset>,
    corruptions: Vec<Corruption>,
    /// The severity of each copy.
    severities: Vec<u8>,
    image_size: u32,
    seed: u64,
    inventory: Inventory,
}

impl Copies {
    fn new(originals: Arc<dyn Dataset>, splits: &[Option<Split>], options: &Corrupted) -> Self {
        let &Corrupted { image_size, seed, .. } = options;
        let corruptions = options.corruptions.clone();
        let (mut samples, mut severities, mut contents) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen: BTreeMap<Option<Split>, usize> = BTreeMap::new();
        for (original, &split) in originals.samples().iter().zip(splits) {
            let position = seen.entry(split).or_default();
            let group = Some(original.group.as_ref().unwrap_or(&original.id).clone());
            for (number, corruption) in corruptions.iter().enumerate() {
                let severity = options.severities[(*position + number) % options.severities.len()];
                let id = format!("{}#{corruption}-{severity}", original.id);
                samples.push(Sample { id, split, group: group.clone(), ..original.clone() });
                severities.push(severity);
                contents.push(content(originals.digest(), image_size, seed));
            }
            *position += 1;
        }
        let of = originals.inventory();
        let repeat = |attribute: &Attribute| {
            let copies = |value: &Option<String>| std::iter::repeat_n(value.clone(), corruptions.len());
            Attribute {
                name: attribute.name.clone(),
                values: attribute.values.iter().flat_map(copies).collect(),
            }
        };
        let inventory = Inventory {
            contents: None,
            notes: of.notes.clone(),
            attributes: of.attributes.iter().map(repeat).collect(),
            ..Inventory::hashed(of.task.clone(), samples, contents)
        };
        Self { originals, corruptions, severities, image_size, seed, inventory }
    }
}

/// Hashes what determines the pixels of a copy, beside its id.
fn content(originals: &str, image_size: u32, seed: u64) -> [u8; 32] {
    // Raise the number whenever the same options give other pixels.
    let mut hasher = blake3::Hasher::new_derive_key("ff-data corrupted images 1");
    hasher.update(originals.as_bytes()).update(&image_size.to_le_bytes()).update(&seed.to_le_bytes());
    *hasher.finalize().as_bytes()
}

impl Dataset for Copies {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        let (original, number) = (index / self.corruptions.len(), index % self.corruptions.len());
        let mut image = resize(&self.originals.image(original)?, self.image_size, self.image_size);
        let corruption = self.corruptions[number];
        let mut rng = stream(self.seed, &format!("corrupt {corruption}"), &[original as u64]);
        corruption.apply(&mut image, self.severities[index], &mut rng);
        Ok(image)
    }
}
