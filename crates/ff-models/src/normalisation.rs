//! The normalisation of images.

use serde::{Deserialize, Serialize};

/// What is subtracted from the pixels of an image, and what then divides them: RGB, for pixels from
/// 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// The mean.
    pub mean: [f32; 3],
    /// The standard deviation, above 0.
    pub std: [f32; 3],
}

impl Normalisation {
    /// That of ImageNet's pixels, which torchvision's and most of timm's networks have.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// Returns true if images can be normalised: finite means, deviations above 0.
    pub fn is_valid(&self) -> bool {
        let means = self.mean.iter().all(|mean| mean.is_finite());
        means && self.std.iter().all(|std| std.is_finite() && *std > 0.0)
    }
}
