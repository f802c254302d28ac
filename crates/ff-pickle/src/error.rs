//! Why a pickle is not read.

/// Why a pickle is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It calls a function that the caller does not know: module and name.
    #[error("a call of `{0}`")]
    Call(String),
    /// It is truncated or malformed, has more than [`MAX_VALUES`](crate::MAX_VALUES) values, or uses an operation that
    /// no library writes to files (extension codes, buffers outside the pickle).
    #[error("{reason} at byte {at}")]
    Damaged {
        /// Offset of the operation.
        at: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}
