//! This crate reaches functions of libtorch that tch does not: the switches for TF32 and for
//! deterministic algorithms, fused update rules, and copies to a GPU beside the computation.
//!
//! As tch's own functions do, these panic with libtorch's text if it reports an error. Switches
//! hold for the whole process.
//!
//! ```
//! ff_torch_sys::set_tf32(true);
//! assert!(ff_torch_sys::tf32());
//! ```
#![allow(unsafe_code)] // each call passes tensors that live as long as it

mod call;
mod copy;
mod switches;
mod update;

pub use copy::{Sent, send};
pub use switches::{deterministic, set_deterministic, set_tf32, tf32};
pub use update::{AdamW, fused_adamw, fused_sgd};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
