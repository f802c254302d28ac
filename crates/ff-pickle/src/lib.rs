//! This crate reads Python pickles as data: nothing in them is executed.
//!
//! [`Pickle::parse`] runs the pickle machine of Python's `pickletools` over the bytes, for protocols
//! 0 to 5, and keeps every value as a node. A call is a node with the name of its function and its
//! arguments. The caller names the functions that it knows; any other call is refused
//! ([`Error::Call`]), which is how a pickle that would run code is found. An object is a node with
//! its class and state.
//!
//! Text and bytes are slices of the pickle. The memory for other values is bounded: at most
//! [`MAX_VALUES`] values.

mod machine;
mod value;

pub use machine::MAX_VALUES;
pub use value::{Object, Pickle, Value};

/// Why a pickle is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It calls a function that the caller does not know: module and name.
    #[error("a call of `{0}`")]
    Call(String),
    /// It is truncated or malformed, has more than [`MAX_VALUES`] values, or uses an operation that
    /// no library writes to files (extension codes, buffers outside the pickle).
    #[error("{reason} at byte {at}")]
    Damaged {
        /// Offset of the operation.
        at: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
