//! Settings that cannot work.

/// Why a network cannot be merged so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number out of its range.
    #[error("{name}: expected a number in [{low}, 1], found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// The least it may be; the most is 1.
        low: f64,
        /// What it is.
        found: f64,
    },
    /// There is nothing to merge.
    #[error("the network has no convolutions, and in-model merging merges their kernels")]
    NoConvolutions,
    /// Every convolution would be left alone.
    #[error(
        "shallow_layers: expected fewer than the network's {convolutions} convolutions, found {shallow_layers}"
    )]
    AllShallow {
        /// Convolutions to leave alone.
        shallow_layers: usize,
        /// Convolutions there are.
        convolutions: usize,
    },
    /// Counts of another network, from which a run cannot resume.
    #[error("expected counts of {expected} layers, found {found}")]
    Counts {
        /// Layers that merge.
        expected: usize,
        /// Layers counted.
        found: usize,
    },
}
