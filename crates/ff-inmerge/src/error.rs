//! Errors of in-model merging.

/// An error in the settings or the counts of in-model merging.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number out of its range.
    #[error("{name}: expected a number in [{low}, 1], found {found}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// The lowest value allowed; the highest is 1.
        low: f64,
        /// The value found.
        found: f64,
    },
    /// The network has no convolutions.
    #[error(
        "the network has no convolutions, whose kernels in-model merging merges\nhint: choose a convolutional network, such as resnet34 or vgg16"
    )]
    NoConvolutions,
    /// No convolution would be merged.
    #[error(
        "shallow_layers: expected fewer than the network's {convolutions} convolutions, found {shallow_layers}"
    )]
    AllShallow {
        /// Convolutions that are not merged.
        shallow_layers: usize,
        /// Convolutions of the network.
        convolutions: usize,
    },
    /// Counts of a network with another number of layers, from which a run cannot resume.
    #[error("merge counts: expected {expected} layers, found {found}")]
    Counts {
        /// Layers that merge.
        expected: usize,
        /// Layers in the counts.
        found: usize,
    },
}
