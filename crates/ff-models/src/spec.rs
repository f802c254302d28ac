//! The specification of a model: architecture, outputs, image size, precision.

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::error::Error;
use crate::normalisation::Normalisation;
use crate::precision::Precision;

/// The largest side of an image, in pixels. Beyond it even one image does not fit into memory.
pub const MAX_IMAGE_SIZE: u32 = 4096;

/// The specification of a model to build.
///
/// ```
/// use ff_models::{Architecture, Precision, Spec};
///
/// let spec = Spec { precision: Precision::Bf16, ..Spec::new(Architecture::DEIT_BASE, 7) };
/// assert_eq!(spec.image_size, 224);
/// let resized = Spec { image_size: 200, ..spec };
/// assert!(resized.check().is_err()); // not a multiple of 16 px
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Architecture of the backbone.
    pub architecture: Architecture,
    /// Number of logits, at least 1.
    pub outputs: usize,
    /// Side of the images in pixels: one of the architecture's [`sizes`](Architecture::sizes), up
    /// to [`MAX_IMAGE_SIZE`].
    #[serde(alias = "px")]
    pub image_size: u32,
    /// Type that the model computes in.
    pub precision: Precision,
    /// How its images are normalised. `None`: as the architecture's published weights have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
}

impl Spec {
    /// A model for images of the architecture's own size, in fp32.
    pub fn new(architecture: Architecture, outputs: usize) -> Self {
        Self {
            architecture,
            outputs,
            image_size: architecture.image_size,
            precision: Precision::Fp32,
            normalisation: None,
        }
    }

    /// Returns how its images are normalised.
    pub fn normalisation(&self) -> Normalisation {
        self.normalisation.unwrap_or(self.architecture.normalisation)
    }

    /// Checks that the architecture can be built with these values.
    ///
    /// # Errors
    /// [`Error::NoOutputs`] for 0 outputs; [`Error::ImageSize`] for a size that the architecture
    /// cannot take; [`Error::Normalisation`].
    pub fn check(&self) -> Result<(), Error> {
        let &Self {
            architecture: Architecture { name: architecture, sizes, .. }, outputs, image_size, ..
        } = self;
        if outputs == 0 {
            return Err(Error::NoOutputs { architecture });
        }
        if !self.normalisation().is_valid() {
            return Err(Error::Normalisation(self.normalisation()));
        }
        if image_size > MAX_IMAGE_SIZE {
            let expected = format!("at most {MAX_IMAGE_SIZE} px");
            return Err(Error::ImageSize { architecture, found: image_size, expected });
        }
        if !sizes.contain(image_size) {
            return Err(Error::ImageSize { architecture, found: image_size, expected: sizes.to_string() });
        }
        Ok(())
    }

    /// Checks that a model of this specification takes images of `image_size` pixels too.
    ///
    /// # Errors
    /// [`Error::ImageSize`] for a size that the architecture cannot take, and for every other size
    /// if its weights are made for one ([`Architecture::has_fixed_image_size`]).
    pub fn check_images(&self, image_size: u32) -> Result<(), Error> {
        let Self { architecture, image_size: own, .. } = *self;
        if architecture.has_fixed_image_size() && image_size != own {
            let expected = format!("{own} px, the size that its position embeddings are made for");
            return Err(Error::ImageSize { architecture: architecture.name, found: image_size, expected });
        }
        Self { image_size, ..*self }.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalisation_divides() {
        let error = |std| {
            let normalisation = Some(Normalisation { mean: [0.5; 3], std });
            Spec { normalisation, ..Spec::new(Architecture::RESNET_PICO, 2) }.check().err()
        };
        assert!(error([0.5; 3]).is_none());
        for wrong in [0.0, -1.0, f32::NAN] {
            assert!(error([0.5, wrong, 0.5]).unwrap().to_string().starts_with("normalisation: "));
        }
    }

    #[test]
    fn position_embeddings_have_one_size() {
        let error = |architecture, size| {
            let spec = Spec { image_size: 32, ..Spec::new(architecture, 2) };
            spec.check_images(size).err().map(|error| error.to_string())
        };
        for size in [1, 32, 48] {
            assert_eq!(error(Architecture::RESNET_PICO, size), None);
        }
        assert_eq!(error(Architecture::DEIT_PICO, 32), None);
        let other = error(Architecture::DEIT_PICO, 16).unwrap();
        assert!(other.starts_with("deit_pico_patch4: image size: expected 32 px, the size that"), "{other}");
        assert!(error(Architecture::VGG_PICO, 4).unwrap().contains("expected at least 8 px, found 4 px"));
        assert!(error(Architecture::RESNET_PICO, 0).unwrap().contains("expected at least 1 px"));
    }
}
