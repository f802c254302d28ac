//! The error type of this crate.

use ff_checkpoint::Digest;

/// The error of a [`Scorer`](crate::Scorer): any error, or a text.
pub type ScoreError = Box<dyn std::error::Error + Send + Sync>;

/// An error of opening, averaging, selecting or verifying models. It names the ingredient.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no ingredient to average.
    #[error(
        "a soup needs at least one ingredient, found none\nhint: if every model has diverged, the records of training say so"
    )]
    Empty,
    /// Two ingredients have the same name, or a path is given twice.
    #[error("two ingredients are named `{0}`\nhint: give every ingredient once, with a name of its own")]
    Duplicate(String),
    /// An ingredient has other keys, shapes or types than the first one.
    #[error("ingredient `{id}` does not fit `{first}`: {reason}\nhint: {hint}")]
    Mismatch {
        /// The ingredient.
        id: String,
        /// The ingredient that it is compared with.
        first: String,
        /// The key, with what was expected and found.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// An ingredient holds a NaN or an infinity, which would make the average not finite.
    #[error("ingredient `{id}` holds a value that is not finite in `{tensor}`\nhint: leave it out")]
    NotFinite {
        /// The ingredient.
        id: String,
        /// The first tensor with such a value.
        tensor: String,
    },
    /// An ingredient does not have the field that a hierarchy groups by.
    #[error("ingredient `{id}` has no field `{field}` to group by; it has {known}")]
    NoField {
        /// The ingredient.
        id: String,
        /// The field asked for.
        field: String,
        /// The fields it has.
        known: String,
    },
    /// A hierarchy does not have one policy more than grouping levels.
    #[error("a hierarchy of {levels} grouping levels needs {} policies (top first, the last for single models), found {policies}", levels + 1)]
    Policies {
        /// The number of grouping levels.
        levels: usize,
        /// The number of policies.
        policies: usize,
    },
    /// The scorer failed or returned NaN.
    #[error("cannot score {candidate}: {source}")]
    Score {
        /// The candidate, in a few words.
        candidate: String,
        /// The error of the scorer.
        source: ScoreError,
    },
    /// Distances from the base need one.
    #[error(
        "distances from the start: expected the base, the weights that the models were fine-tuned from, found none"
    )]
    NoBase,
    /// The three models of a plane differ by rounding only.
    #[error(
        "no plane goes through `{}`, `{}` and `{}`: they differ by {distance:.2e} at most, of a norm of {norm:.2e}, which is rounding\nhint: name three models that differ", models[0], models[1], models[2]
    )]
    Same {
        /// The models.
        models: [String; 3],
        /// The largest L2 distance from the first.
        distance: f64,
        /// The L2 norm of the first.
        norm: f64,
    },
    /// The three models of a plane are on one line, or nearly so.
    #[error(
        "no plane goes through `{}`, `{}` and `{}`: the height of their triangle is {share:.2e} of its longest side, expected at least {least:.0e}\nhint: two of them may be the same weights, or one the mean of the others; name three models that differ", models[0], models[1], models[2]
    )]
    Collinear {
        /// The models.
        models: [String; 3],
        /// The height of the triangle, as a share of its longest side.
        share: f64,
        /// The smallest share that is accepted.
        least: f64,
    },
    /// A merge method is not known, or its settings or its base are not what it needs.
    #[error("merge method `{name}`: {reason}")]
    Method {
        /// The name of the method.
        name: String,
        /// The reason.
        reason: String,
    },
    /// A merge method cannot merge a tensor.
    #[error("cannot merge `{tensor}`: {reason}")]
    Merge {
        /// The tensor.
        tensor: String,
        /// The reason.
        reason: String,
    },
    /// An average names an ingredient that is not among those given.
    #[error("the soup needs ingredient `{0}`, which is not among those given")]
    Missing(String),
    /// Rebuilding a soup gives other weights than its file holds.
    #[error(
        "the soup is not the average of its ingredients: rebuilding it gives {found}, the file holds {expected}"
    )]
    Different {
        /// The digest of the weights in the file.
        expected: Digest,
        /// The digest of the rebuilt average.
        found: Digest,
    },
    /// A file has no record of a soup.
    #[error("{0}")]
    NotASoup(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ff_checkpoint::Error),
}
