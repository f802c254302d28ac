//! Why a soup cannot be made.

use ff_checkpoint::Digest;

/// Whatever a [`Scorer`](crate::Scorer) fails with.
pub type ScoreError = Box<dyn std::error::Error + Send + Sync>;

/// An error that names the ingredient.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to average.
    #[error(
        "a soup needs at least one ingredient, found none\nhint: every model may have diverged; the training records say so"
    )]
    Empty,
    /// Two ingredients of one name.
    #[error("two ingredients are named `{0}`; every ingredient needs a name of its own")]
    Duplicate(String),
    /// An ingredient whose keys, shapes or types differ from the first one's.
    #[error(
        "ingredient `{id}` does not fit `{first}`: {reason}\nhint: all ingredients must come from one architecture and one task"
    )]
    Mismatch {
        /// The ingredient.
        id: String,
        /// The one that it is compared with.
        first: String,
        /// Which key, what was expected, what was found.
        reason: String,
    },
    /// A NaN or an infinity would spoil the whole average.
    #[error("ingredient `{id}` holds a value that is not finite in `{tensor}`; leave it out")]
    NotFinite {
        /// The ingredient.
        id: String,
        /// The first such tensor.
        tensor: String,
    },
    /// A hierarchy over a field that an ingredient does not have.
    #[error("ingredient `{id}` has no field `{field}` to group by; it has {known}")]
    NoField {
        /// The ingredient.
        id: String,
        /// The field asked for.
        field: String,
        /// The fields it has.
        known: String,
    },
    /// A hierarchy whose numbers do not add up.
    #[error("a hierarchy of {levels} grouping levels needs {} policies (top first, the last for single models), found {policies}", levels + 1)]
    Policies {
        /// Grouping levels.
        levels: usize,
        /// Policies given.
        policies: usize,
    },
    /// The scorer failed or gave a NaN.
    #[error("cannot score {candidate}: {source}")]
    Score {
        /// What was being scored.
        candidate: String,
        /// The scorer's own word.
        source: ScoreError,
    },
    /// Three models that are all but one.
    #[error(
        "no plane goes through `{}`, `{}` and `{}`: they differ by {distance:.2e} at most, of a norm of {norm:.2e}, which is rounding\nhint: name three models that differ", models[0], models[1], models[2]
    )]
    Same {
        /// The models.
        models: [String; 3],
        /// The greatest distance between two.
        distance: f64,
        /// The norm of one.
        norm: f64,
    },
    /// Three models that lie on one line, or nearly.
    #[error(
        "no plane goes through `{}`, `{}` and `{}`: of the triangle that they make the height is {share:.2e} of the longest side, expected at least {least:.0e}\nhint: two of them may be the same weights, or one the mean of the others; name three models that differ", models[0], models[1], models[2]
    )]
    Collinear {
        /// The models.
        models: [String; 3],
        /// The triangle's height over its longest side, as a share of that.
        share: f64,
        /// What would do.
        least: f64,
    },
    /// A merge method that is not known, or settings that are none for it.
    #[error("merge method `{name}`: {reason}")]
    Method {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor that a merge method cannot merge.
    #[error("cannot merge `{tensor}`: {reason}")]
    Merge {
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// A mix that names an ingredient which is not there.
    #[error("the soup needs ingredient `{0}`, which is not among those given")]
    Missing(String),
    /// Rebuilding a soup gave other weights.
    #[error(
        "the soup is not the average of its ingredients: rebuilding it gives {found}, the file holds {expected}"
    )]
    Different {
        /// The digest of the file.
        expected: Digest,
        /// The digest of the average.
        found: Digest,
    },
    /// A file without the record of a soup.
    #[error("{0}")]
    NotASoup(String),
    /// A file could not be read.
    #[error(transparent)]
    Checkpoint(#[from] ff_checkpoint::Error),
}
