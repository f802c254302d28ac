//! The backbones that a recipe can name, one row each.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::architecture::Architecture;
use crate::architecture::ImageSizes::{AtLeast, MultipleOf};
use crate::deit::DeitLayout;
use crate::error::Error;
use crate::normalisation::Normalisation;
use crate::resnet::BlockKind::{Basic, Bottleneck};
use crate::resnet::ResnetLayout;
use crate::vgg::VggLayout;

const IMAGENET: Normalisation = Normalisation::IMAGENET;

/// Makes a constant of each row, and the list of all constants.
macro_rules! table {
    ($($(#[$doc:meta])+ $constant:ident = $row:expr;)+) => {
        impl Architecture {
            $($(#[$doc])+ pub const $constant: Self = $row;)+

            /// Every architecture that a recipe can name, by family and size.
            pub const ALL: &[Self] = &[$(Self::$constant),+];
        }
    };
}

table! {
    /// A small ResNet for tests and demonstrations, not in timm: three stages of one basic block,
    /// 0.1 million weights.
    RESNET_PICO = Architecture {
        name: "resnet_pico", timm: None, pretrained: None, image_size: 32, sizes: AtLeast(1), normalisation: IMAGENET,
         classifier: "fc", timm_classifier: "fc", batch_norm: true,
        build: |b| ResnetLayout {
            block: Basic, stem: (3, 2, false), widths: &[16, 32, 80], depths: &[1, 1, 1],
        }.build(b),
    };
    /// A narrow ResNet for experiments on a CPU at 32 to 64 px, not in timm: four stages of one basic
    /// block, 0.7 million weights.
    RESNET_NANO = Architecture {
        name: "resnet_nano", timm: None, pretrained: None, image_size: 64, sizes: AtLeast(1), normalisation: IMAGENET,
         classifier: "fc", timm_classifier: "fc", batch_norm: true,
        build: |b| ResnetLayout {
            block: Basic, stem: (3, 2, false), widths: &[24, 48, 96, 192], depths: &[1, 1, 1, 1],
        }.build(b),
    };
    /// ResNet-18 (He et al. 2016).
    RESNET18 = Architecture {
        name: "resnet18", timm: Some("resnet18"), pretrained: Some("timm/resnet18.a1_in1k"), image_size: 224, sizes: AtLeast(1), normalisation: IMAGENET,
         classifier: "fc", timm_classifier: "fc", batch_norm: true,
        build: |b| ResnetLayout::imagenet(Basic, &[2, 2, 2, 2]).build(b),
    };
    /// ResNet-34 (He et al. 2016).
    RESNET34 = Architecture {
        name: "resnet34", timm: Some("resnet34"), pretrained: Some("timm/resnet34.a1_in1k"), image_size: 224, sizes: AtLeast(1), normalisation: IMAGENET,
         classifier: "fc", timm_classifier: "fc", batch_norm: true,
        build: |b| ResnetLayout::imagenet(Basic, &[3, 4, 6, 3]).build(b),
    };
    /// ResNet-50 with the stride in the 3×3 convolution.
    RESNET50 = Architecture {
        name: "resnet50", timm: Some("resnet50"), pretrained: Some("timm/resnet50.a1_in1k"), image_size: 224, sizes: AtLeast(1), normalisation: IMAGENET,
         classifier: "fc", timm_classifier: "fc", batch_norm: true,
        build: |b| ResnetLayout::imagenet(Bottleneck, &[3, 4, 6, 3]).build(b),
    };
    /// A small DeiT for tests and demonstrations, not in timm: patches of 4 px, width 64, three
    /// blocks.
    DEIT_PICO = Architecture {
        name: "deit_pico_patch4", timm: None, pretrained: None, image_size: 32, sizes: MultipleOf(4), normalisation: IMAGENET,
         classifier: "head", timm_classifier: "head", batch_norm: false,
        build: |b| DeitLayout { patch: 4, width: 64, depth: 3, heads: 4 }.build(b),
    };
    /// DeiT-Ti/16 (Touvron et al. 2021) without distillation.
    DEIT_TINY = Architecture {
        name: "deit_tiny_patch16_224", timm: Some("deit_tiny_patch16_224"), pretrained: Some("timm/deit_tiny_patch16_224.fb_in1k"), image_size: 224,
        sizes: MultipleOf(16), normalisation: IMAGENET,  classifier: "head",
        timm_classifier: "head", batch_norm: false,
        build: |b| DeitLayout { patch: 16, width: 192, depth: 12, heads: 3 }.build(b),
    };
    /// DeiT-S/16.
    DEIT_SMALL = Architecture {
        name: "deit_small_patch16_224", timm: Some("deit_small_patch16_224"), pretrained: Some("timm/deit_small_patch16_224.fb_in1k"), image_size: 224,
        sizes: MultipleOf(16), normalisation: IMAGENET,  classifier: "head",
        timm_classifier: "head", batch_norm: false,
        build: |b| DeitLayout { patch: 16, width: 384, depth: 12, heads: 6 }.build(b),
    };
    /// DeiT-B/16.
    DEIT_BASE = Architecture {
        name: "deit_base_patch16_224", timm: Some("deit_base_patch16_224"), pretrained: Some("timm/deit_base_patch16_224.fb_in1k"), image_size: 224,
        sizes: MultipleOf(16), normalisation: IMAGENET,  classifier: "head",
        timm_classifier: "head", batch_norm: false,
        build: |b| DeitLayout { patch: 16, width: 768, depth: 12, heads: 12 }.build(b),
    };
    /// A small VGG for tests and demonstrations, not in timm: four convolutions and a small
    /// classifier.
    VGG_PICO = Architecture {
        name: "vgg_pico", timm: None, pretrained: None, image_size: 32, sizes: AtLeast(8), normalisation: IMAGENET,
         classifier: "classifier.6", timm_classifier: "head.fc", batch_norm: false,
        build: |b| VggLayout { stages: &[&[16], &[32], &[64, 64]], pool: 2, hidden: Some(128) }.build(b),
    };
    /// A small VGG-16 for experiments on small images, not in timm: its 13 convolutions at a
    /// quarter of their width and a small classifier, about a million weights.
    VGG16_QUARTER = Architecture {
        name: "vgg16_quarter", timm: None, pretrained: None, image_size: 32, sizes: AtLeast(32), normalisation: IMAGENET,
         classifier: "classifier.6", timm_classifier: "head.fc", batch_norm: false,
        build: |b| VggLayout {
            stages: &[&[16; 2], &[32; 2], &[64; 3], &[128; 3], &[128; 3]], pool: 1, hidden: Some(128),
        }.build(b),
    };
    /// The convolutions of VGG-16 and a linear layer on the mean of their map, not in timm: 15 million
    /// weights in place of 138, for small images and few classes.
    VGG16_TRUNK = Architecture {
        name: "vgg16_trunk", timm: None, pretrained: None, image_size: 64, sizes: AtLeast(32), normalisation: IMAGENET,
         classifier: "classifier.6", timm_classifier: "head.fc", batch_norm: false,
        build: |b| VggLayout {
            stages: &[&[64; 2], &[128; 2], &[256; 3], &[512; 3], &[512; 3]], pool: 1, hidden: None,
        }.build(b),
    };
    /// VGG-16 (configuration D of Simonyan and Zisserman 2015) without BatchNorm.
    VGG16 = Architecture {
        name: "vgg16", timm: Some("vgg16"), pretrained: Some("timm/vgg16.tv_in1k"), image_size: 224, sizes: AtLeast(32), normalisation: IMAGENET,
         classifier: "classifier.6", timm_classifier: "head.fc", batch_norm: false,
        build: |b| VggLayout {
            stages: &[&[64; 2], &[128; 2], &[256; 3], &[512; 3], &[512; 3]], pool: 7, hidden: Some(4096),
        }.build(b),
    };
    /// VGG-19 (configuration E) without BatchNorm.
    VGG19 = Architecture {
        name: "vgg19", timm: Some("vgg19"), pretrained: Some("timm/vgg19.tv_in1k"), image_size: 224, sizes: AtLeast(32), normalisation: IMAGENET,
         classifier: "classifier.6", timm_classifier: "head.fc", batch_norm: false,
        build: |b| VggLayout {
            stages: &[&[64; 2], &[128; 2], &[256; 4], &[512; 4], &[512; 4]], pool: 7, hidden: Some(4096),
        }.build(b),
    };
}

impl Architecture {
    /// Returns the names of all architectures, in the table's order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|architecture| architecture.name)
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|architecture| architecture.name == name);
        found.copied().ok_or_else(|| Error::unknown("architecture", name, Self::names()))
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Architecture {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Architecture".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "enum": Self::names().collect::<Vec<_>>() })
    }
}

impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
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
            assert!(architecture.sizes.contain(architecture.image_size), "{architecture}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = "resnet".parse::<Architecture>().unwrap_err().to_string();
        assert!(
            error.starts_with(
                "unknown architecture `resnet`: expected one of resnet_pico, resnet_nano, resnet18"
            ),
            "{error}"
        );
    }
}
