//! The type of a row in the table of backbones.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use ff_checkpoint::StateDict;
use serde::{Serialize, Serializer};
use tch::Device;

use crate::backbone::Backbone;
use crate::builder::Builder;
use crate::error::Error;
use crate::names::Named;
use crate::normalisation::Normalisation;
use crate::parameters::Parameters;
use crate::precision::Precision;

/// A backbone architecture: its names, image sizes, normalisation and network. It is written and
/// read as its [`name`](Self::name) and compared by it.
///
/// The constants are the backbones that a recipe can name. To add your own, implement [`Backbone`],
/// write a function that declares its tensors on a [`Builder`], and make a value of this type. Only
/// the constants can be parsed from a name.
///
/// ```
/// use ff_models::Architecture;
/// assert_eq!("deit_base_patch16_224".parse::<Architecture>().unwrap(), Architecture::DEIT_BASE);
/// assert_eq!(Architecture::VGG16.to_string(), "vgg16");
/// ```
#[derive(Clone, Copy)]
pub struct Architecture {
    /// The name in recipes and reports: timm's or torchvision's where they have the architecture.
    pub name: &'static str,
    /// The name in timm, if timm has it.
    pub timm: Option<&'static str>,
    /// The Hugging Face id of timm's default weights trained on ImageNet, if there are any.
    pub pretrained: Option<&'static str>,
    /// Side, in pixels, of the images that the published weights were trained on; 32 for the
    /// architectures that only this project has.
    pub image_size: u32,
    /// The image sizes that it takes.
    pub sizes: ImageSizes,
    /// How the published weights' images are normalised.
    pub normalisation: Normalisation,
    /// Name of the last layer, whose weights are `<name>.weight` and `<name>.bias`.
    pub classifier: &'static str,
    /// timm's name for the last layer. It differs for VGG, whose weights have torchvision's names
    /// here.
    pub timm_classifier: &'static str,
    /// Whether it has BatchNorm, and so running statistics besides its weights.
    pub batch_norm: bool,
    /// Declares the tensors, in PyTorch's order, and returns the network that computes with them.
    pub build: fn(&mut Builder) -> Box<dyn Backbone>,
}

/// The image sizes, as the side in pixels, that an architecture takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSizes {
    /// This size and every larger one. The size may differ from batch to batch.
    AtLeast(u32),
    /// Multiples of the patch size. The weights are made for one size, so all images of a model
    /// have that size.
    MultipleOf(u32),
}

impl ImageSizes {
    /// Returns whether a model can be built for images of this size.
    pub fn contain(self, image_size: u32) -> bool {
        match self {
            Self::AtLeast(least) => image_size >= least,
            Self::MultipleOf(patch) => image_size > 0 && image_size.is_multiple_of(patch),
        }
    }
}

impl fmt::Display for ImageSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least} px"),
            Self::MultipleOf(patch) => write!(f, "a multiple of {patch} px"),
        }
    }
}

impl Architecture {
    /// Returns whether its weights are made for one image size.
    pub fn has_fixed_image_size(&self) -> bool {
        matches!(self.sizes, ImageSizes::MultipleOf(_))
    }

    /// Returns names and shapes of the convolutions' kernels, as [`Parameters::convolutions`] lists
    /// them. No weights are drawn.
    pub fn convolutions(&self) -> Vec<(String, [i64; 4])> {
        let outline = self.outline();
        let shape = |size: Vec<i64>| size.try_into().expect("kernels have four dimensions");
        let kernels = outline.convolutions();
        kernels.map(|kernel| (kernel.name.clone(), shape(kernel.tensor.size()))).collect()
    }

    /// Returns the number of outputs of weights of this architecture, under the names that
    /// [`Model::load_strict`](crate::Model::load_strict) takes; `None` if they have no such
    /// classifier.
    pub fn outputs_of(&self, weights: &StateDict) -> Option<usize> {
        let outline = self.outline();
        let named = Named::new(&outline, [self.name, self.classifier], weights).ok()?;
        named.outputs(self.classifier).filter(|&outputs| outputs > 0)
    }

    /// Returns the names in a file of weights of this architecture's tensors, by their own names.
    ///
    /// # Errors
    /// [`Error::Copies`].
    pub fn names_in(&self, weights: &StateDict) -> Result<HashMap<String, String>, Error> {
        let outline = self.outline();
        let named = Named::new(&outline, [self.name, self.classifier], weights)?;
        let names = outline.iter().map(|own| &own.name);
        Ok(names.filter_map(|own| Some((own.clone(), named.in_file(own)?.to_owned()))).collect())
    }

    /// Returns the tensors of a model with one output, without values.
    pub(crate) fn outline(&self) -> Parameters {
        let mut outline = Builder::new(self.image_size, 1, Precision::Fp32, Device::Cpu, None);
        (self.build)(&mut outline);
        outline.parameters
    }
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Architecture {}

impl Hash for Architecture {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl Serialize for Architecture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
