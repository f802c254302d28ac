//! Phantoms: procedural images, one kind for each kind of task in FissionFusion's Table 1, with
//! which the whole pipeline runs without data.

mod canvas;
mod chest;
mod findings;
mod forms;
mod grades;
mod lesions;
mod look;
mod opacity;
mod shapes;
mod source;

use canvas::Canvas;
use look::photograph;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Inventory, Sample, Split, Target, Task};
use crate::error::Error;
use crate::image::Image;
use crate::random::stream;

/// Part of the digest. Raise it whenever the same configuration gives other images.
const VERSION: u64 = 1;

/// What phantoms show. Each kind varies position, size, rotation, colour, exposure, blur and noise.
/// Near the boundaries between classes the labels are uncertain, as those of a human reader are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::VariantArray)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum PhantomKind {
    /// Six geometric forms, balanced. For accuracy, in place of CIFAR.
    Shapes,
    /// Five ordinal grades by number and size of spots on a retina, long-tailed. For macro F1, in
    /// place of APTOS.
    Grades,
    /// Seven kinds of skin lesion by colour, border and texture, long-tailed. For macro recall, in
    /// place of HAM10000.
    Lesions,
    /// Two classes: lungs clear, or with a faint opacity. For macro F1, in place of RSNA.
    Opacity,
    /// Thirteen findings in a chest, any number at once, about 15 % of their labels unknown. For
    /// AUROC, in place of CheXpert.
    Findings,
    /// Twelve forms and textures, balanced. A source domain for pretraining, in place of ImageNet.
    Source,
}

impl PhantomKind {
    /// Returns the prediction task of the images.
    pub fn task(self) -> Task {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match self {
            Self::Findings => Task::Multilabel { tasks: names(&findings::TASKS.map(|task| task.name)) },
            Self::Shapes => Task::Multiclass { classes: names(&shapes::CLASSES) },
            Self::Grades => Task::Multiclass { classes: names(&grades::CLASSES) },
            Self::Lesions => Task::Multiclass { classes: names(&lesions::KINDS.map(|kind| kind.name)) },
            Self::Opacity => Task::Multiclass { classes: names(&opacity::CLASSES) },
            Self::Source => Task::Multiclass { classes: names(&source::CLASSES) },
        }
    }

    /// Returns the purpose of its random streams.
    fn purpose(self, shifted: bool) -> String {
        format!("phantom {self}{}", if shifted { " shifted" } else { "" })
    }

    /// Returns the frequency of each class, up to a factor.
    fn weights(self) -> Vec<f64> {
        match self {
            Self::Grades => grades::WEIGHTS.to_vec(),
            Self::Lesions => lesions::KINDS.iter().map(|kind| kind.weight).collect(),
            Self::Opacity => opacity::WEIGHTS.to_vec(),
            Self::Shapes | Self::Source | Self::Findings => vec![1.0; self.task().outputs()],
        }
    }
}

/// A dataset of phantoms. An image is a function of kind, twin, seed, split and position in the
/// split, so a longer training set begins with the images of a shorter one.
pub struct Phantom {
    kind: PhantomKind,
    image_size: u32,
    seed: u64,
    shifted: bool,
    counts: [usize; 3],
    /// The factor of the size of spots, and of the light of patches and findings.
    visibility: f32,
    inventory: Inventory,
}

impl Phantom {
    /// Creates a dataset with `counts` training, validation and test images. Images have
    /// `image_size` x `image_size` pixels.
    ///
    /// # Errors
    /// [`Error::Dataset`] if all counts are 0, or if `image_size` is below 8 or above 4096.
    pub fn new(
        kind: PhantomKind,
        image_size: u32,
        counts: [usize; 3],
        seed: u64,
        shifted: bool,
    ) -> Result<Self, Error> {
        let purpose = kind.purpose(shifted);
        if !(8..=4096).contains(&image_size) {
            return Err(Error::dataset(purpose, "an image_size of 8 to 4096", image_size.to_string()));
        }
        if counts == [0; 3] {
            return Err(Error::dataset(purpose, "at least one image in train, val or test", "none"));
        }
        let mut samples = Vec::new();
        let mut contents = Vec::new();
        for (number, split) in Split::ALL.into_iter().enumerate() {
            let targets = targets(kind, seed, shifted, number, counts[number]);
            for (position, target) in targets.into_iter().enumerate() {
                let id = format!("{}/{position:05}", split.name());
                samples.push(Sample { id, target, group: None, split: Some(split) });
                // These numbers determine the image, so they replace its pixels in the digest.
                let numbers = [VERSION, u64::from(image_size), seed, number as u64, position as u64];
                let mut hasher = blake3::Hasher::new_derive_key(&purpose);
                for number in numbers {
                    hasher.update(&number.to_le_bytes());
                }
                contents.push(*hasher.finalize().as_bytes());
            }
        }
        let inventory = Inventory { contents: None, ..Inventory::hashed(kind.task(), samples, contents) };
        Ok(Self { kind, image_size, seed, shifted, counts, visibility: 1.0, inventory })
    }

    /// Draws the same images with spots, patches and findings that are as visible as this, in percent of
    /// those of [`Phantom::new`].
    ///
    /// # Errors
    /// [`Error::Dataset`] for a percentage below 1 or above 1000.
    pub fn with_visibility(self, percent: u32) -> Result<Self, Error> {
        if !(1..=1000).contains(&percent) {
            let purpose = self.kind.purpose(self.shifted);
            return Err(Error::dataset(purpose, "a visibility of 1 to 1000", percent.to_string()));
        }
        let digest = blake3::hash(format!("{} visibility {percent}", self.inventory.digest).as_bytes());
        let inventory = Inventory { digest: digest.to_hex().to_string(), ..self.inventory };
        Ok(Self { visibility: percent as f32 / 100.0, inventory, ..self })
    }

    fn random(&self, index: usize) -> ChaCha8Rng {
        let number = self.samples()[index].split.expect("every phantom has a split") as usize;
        let position = index - self.counts[..number].iter().sum::<usize>();
        stream(self.seed, &self.kind.purpose(self.shifted), &[number as u64, position as u64])
    }
}

/// Returns the targets of one split.
fn targets(kind: PhantomKind, seed: u64, shifted: bool, split: usize, count: usize) -> Vec<Target> {
    let purpose = kind.purpose(shifted);
    if kind == PhantomKind::Findings {
        let known = |position| {
            // The image's own stream begins with the ground truth; the gaps are independent of the
            // image.
            let mut truth = stream(seed, &purpose, &[split as u64, position]);
            let mut gaps = stream(seed, &purpose, &[split as u64, position, 1]);
            Target::Labels(findings::known(&mut truth, &mut gaps))
        };
        return (0..count as u64).map(known).collect();
    }
    let mut classes = apportion(count, &kind.weights());
    classes.shuffle(&mut stream(seed, &purpose, &[split as u64]));
    classes.into_iter().map(Target::Class).collect()
}

/// Returns `count` classes in proportion to their weights, each at least once if possible.
fn apportion(count: usize, weights: &[f64]) -> Vec<usize> {
    let mut given = vec![0; weights.len()];
    for number in 0..count {
        // The class with the largest deficit (Sainte-Laguë), but every class once before any twice.
        let behind = |class: &usize| weights[*class] / (2 * given[*class] + 1) as f64;
        let unseen = (0..weights.len())
            .filter(|&class| given[class] == 0)
            .max_by(|a, b| behind(a).total_cmp(&behind(b)));
        let next = (0..weights.len()).max_by(|a, b| behind(a).total_cmp(&behind(b)));
        let class = if number < weights.len() { unseen } else { next };
        given[class.expect("a kind has classes")] += 1;
    }
    given.iter().enumerate().flat_map(|(class, &count)| std::iter::repeat_n(class, count)).collect()
}

impl Dataset for Phantom {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn image(&self, index: usize) -> Result<Image, Error> {
        let rng = &mut self.random(index);
        let mut canvas = Canvas::new(self.image_size);
        match self.samples()[index].target {
            Target::Labels(_) => findings::draw(&mut canvas, self.shifted, self.visibility, rng),
            Target::Class(class) => match self.kind {
                PhantomKind::Grades => grades::draw(&mut canvas, class, self.shifted, self.visibility, rng),
                PhantomKind::Opacity => opacity::draw(&mut canvas, class, self.shifted, self.visibility, rng),
                PhantomKind::Lesions => lesions::draw(&mut canvas, class, self.shifted, rng),
                PhantomKind::Source => source::draw(&mut canvas, class, self.shifted, rng),
                _ => shapes::draw(&mut canvas, class, self.shifted, rng),
            },
        }
        let grey = matches!(self.kind, PhantomKind::Opacity | PhantomKind::Findings);
        Ok(photograph(&canvas, self.shifted, grey, rng))
    }
}

#[cfg(test)]
mod tests;
