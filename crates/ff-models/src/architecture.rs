//! Which backbones there are, and what timm keeps beside each: mean, std, classifier, image size.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A backbone that a recipe can name; written and parsed as [`name`](Self::name).
///
/// ```
/// use ff_models::Architecture;
/// assert_eq!("deit_base_patch16_224".parse::<Architecture>().unwrap(), Architecture::DeitBase);
/// assert_eq!(Architecture::Vgg16.to_string(), "vgg16");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Architecture {
    /// Ours, for tests and demonstrations: three stages of one basic block, 32 px, 0.1 million weights.
    ResnetPico,
    /// ResNet-18 (He et al. 2016), timm's `resnet18`.
    Resnet18,
    /// ResNet-34 (He et al. 2016), timm's `resnet34`.
    Resnet34,
    /// ResNet-50 with the stride in the 3×3 convolution, timm's `resnet50`.
    Resnet50,
    /// Ours, for tests and demonstrations: DeiT with patches of 4 px, width 64, three blocks, 32 px.
    DeitPico,
    /// DeiT-Ti/16 (Touvron et al. 2021) without distillation, timm's `deit_tiny_patch16_224`.
    DeitTiny,
    /// DeiT-S/16, timm's `deit_small_patch16_224`.
    DeitSmall,
    /// DeiT-B/16, timm's `deit_base_patch16_224`.
    DeitBase,
    /// Ours, for tests and demonstrations: four convolutions and a small classifier, 32 px.
    VggPico,
    /// Ours, for studies on small images: VGG-16's 13 convolutions at a quarter of their width and a small classifier, 32 px,
    /// about a million weights.
    Vgg16Quarter,
    /// VGG-16 (configuration D of Simonyan and Zisserman 2015) without BatchNorm, torchvision's `vgg16`.
    Vgg16,
    /// VGG-19 (configuration E) without BatchNorm, torchvision's `vgg19`.
    Vgg19,
}

impl Architecture {
    /// Every architecture, by family and size.
    pub const ALL: &[Self] = &[
        Self::ResnetPico,
        Self::Resnet18,
        Self::Resnet34,
        Self::Resnet50,
        Self::DeitPico,
        Self::DeitTiny,
        Self::DeitSmall,
        Self::DeitBase,
        Self::VggPico,
        Self::Vgg16Quarter,
        Self::Vgg16,
        Self::Vgg19,
    ];

    /// The name in recipes and reports; timm's or torchvision's where they have the architecture.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResnetPico => "resnet_pico",
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::DeitPico => "deit_pico_patch4",
            Self::DeitTiny => "deit_tiny_patch16_224",
            Self::DeitSmall => "deit_small_patch16_224",
            Self::DeitBase => "deit_base_patch16_224",
            Self::VggPico => "vgg_pico",
            Self::Vgg16Quarter => "vgg16_quarter",
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// The name of the architecture in timm; `None` for our own, which timm does not have.
    pub fn timm(self) -> Option<&'static str> {
        match self {
            Self::ResnetPico | Self::DeitPico | Self::VggPico | Self::Vgg16Quarter => None,
            _ => Some(self.name()),
        }
    }

    /// Whether its weights are made for one size of images.
    pub fn has_fixed_px(self) -> bool {
        matches!(self, Self::DeitPico | Self::DeitTiny | Self::DeitSmall | Self::DeitBase)
    }

    /// Mean of the pixels, RGB in 0..1, which is taken off the input: ImageNet's, for every architecture.
    pub fn mean(self) -> [f32; 3] {
        [0.485, 0.456, 0.406]
    }

    /// Standard deviation of the pixels, RGB in 0..1, which divides the input: ImageNet's, for every architecture.
    pub fn std(self) -> [f32; 3] {
        [0.229, 0.224, 0.225]
    }

    /// Name of the last layer, whose weights are `<name>.weight` and `<name>.bias`.
    pub fn classifier(self) -> &'static str {
        match self {
            Self::ResnetPico | Self::Resnet18 | Self::Resnet34 | Self::Resnet50 => "fc",
            Self::DeitPico | Self::DeitTiny | Self::DeitSmall | Self::DeitBase => "head",
            Self::VggPico | Self::Vgg16Quarter | Self::Vgg16 | Self::Vgg19 => "classifier.6",
        }
    }

    /// Whether it has BatchNorm, and so running statistics besides its weights.
    pub fn has_batch_norm(self) -> bool {
        matches!(self, Self::ResnetPico | Self::Resnet18 | Self::Resnet34 | Self::Resnet50)
    }

    /// Side in pixels of the images that the published weights were trained on; 32 for the pico sizes.
    pub fn default_px(self) -> u32 {
        match self {
            Self::ResnetPico | Self::DeitPico | Self::VggPico | Self::Vgg16Quarter => 32,
            _ => 224,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|a| a.name() == text).ok_or_else(|| Error::Unknown {
            what: "architecture",
            found: text.to_owned(),
            expected: Self::ALL.iter().map(|a| a.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl TryFrom<String> for Architecture {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> String {
        architecture.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for &architecture in Architecture::ALL {
            assert_eq!(architecture.to_string().parse::<Architecture>().unwrap(), architecture);
            let json = serde_json::to_string(&architecture).unwrap();
            assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), architecture);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = "resnet".parse::<Architecture>().unwrap_err().to_string();
        assert!(
            error.starts_with("unknown architecture `resnet`: expected one of resnet_pico, resnet18"),
            "{error}"
        );
    }
}
