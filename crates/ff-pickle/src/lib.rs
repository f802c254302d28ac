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

mod error;
mod machine;
mod value;

pub use error::Error;
pub use machine::MAX_VALUES;
pub use value::{Object, Pickle, Value};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
