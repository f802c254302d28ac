//! Weights on disk: safetensors with a content digest and provenance, written atomically.
//!
//! A [`StateDict`] is a set of named tensors, memory-mapped from a file or held in memory. Every
//! file this crate writes carries the [`Digest`] of its content, which is its identity; checksums
//! of blocks of it, which [`StateDict::open`] checks at the speed of memory; and a [`Provenance`]:
//! how the weights came to be. [`StateDict::verify`] recomputes the digest. A file from elsewhere
//! (timm, the Hugging Face hub) has none of these and opens all the same.
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use ff_checkpoint::{OwnedTensor, StateDict};
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("weights.safetensors");
//! let weights = BTreeMap::from([("fc.bias".to_owned(), OwnedTensor::f32([2], &[0.5, -0.5]))]);
//! let saved = StateDict::from_tensors(weights);
//! saved.save(&path, None).unwrap();
//! let opened = StateDict::open(&path).unwrap();
//! assert_eq!(opened.get("fc.bias").unwrap().to_f32().unwrap(), [0.5, -0.5]);
//! assert_eq!(opened.digest(), saved.digest());
//! ```

mod atomic;
mod blocks;
mod digest;
mod error;
mod file_ref;
mod metadata;
mod provenance;
mod scan;
mod sealed;
mod state_dict;
mod tensor;
mod threads;
mod trained_on;

pub use atomic::{entries, is_partial, remove_partial, write_atomic, write_json};
pub use digest::Digest;
pub use error::Error;
pub use file_ref::FileRef;
pub use provenance::{Parent, Provenance};
pub use safetensors::Dtype;
pub use sealed::{read_sealed, write_sealed};
pub use state_dict::StateDict;
pub use tensor::{OwnedTensor, TensorRef, write_rounded};
pub use threads::{cores, map_on_cores, on_threads};
pub use trained_on::{note_trained_on, trained_on};
