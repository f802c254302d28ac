//! This crate reads and writes weights: safetensors files with a digest, checksums and provenance.
//! It also reads PyTorch's own files.
//!
//! A [`StateDict`] is a set of named tensors, memory-mapped from a file or held in memory. Every
//! file that this crate writes carries three things:
//!
//! - the [`Digest`] of its tensors, which is its identity; [`StateDict::verify`] recomputes it;
//! - checksums of its blocks, which [`StateDict::open`] checks at the speed of memory;
//! - its [`Provenance`]: the recipe and the parents that the weights were made from.
//!
//! Files are written atomically. A file of another program (timm, the Hugging Face hub, `torch.save`)
//! has none of the three and opens all the same, in shards too; [`StateDict::saved_with`] has what is
//! in it beside the tensors. [`models_below`] finds the models in a folder.
//!
//! ```
//! use ff_checkpoint::{OwnedTensor, Provenance, StateDict, serde_json::json};
//!
//! # let folder = tempfile::tempdir()?;
//! # let [path, halved] = ["a", "b"].map(|name| folder.path().join(name));
//! # let bias = ("fc.bias".to_owned(), OwnedTensor::f32([2], &[0.5, -0.5]));
//! # StateDict::from_tensors([bias].into()).save(&path, None)?;
//! let weights = StateDict::open(&path)?;
//! let bias = weights.get("fc.bias").and_then(|tensor| tensor.to_f32()).ok_or("no fc.bias")?;
//! assert_eq!(bias, [0.5, -0.5]);
//!
//! let half: Vec<f32> = bias.iter().map(|value| value / 2.0).collect();
//! let tensors = [("fc.bias".to_owned(), OwnedTensor::f32([half.len()], &half))];
//! let provenance = Provenance {
//!     parents: vec![weights.as_parent("a")],
//!     ..Provenance::new("scaled", json!({"factor": 0.5}))
//! };
//! StateDict::from_tensors(tensors.into()).save(&halved, Some(&provenance))?;
//! assert_eq!(StateDict::open(&halved)?.provenance()?.parents[0].digest, *weights.digest());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`write_atomic`], [`write_json`] and [`write_sealed`] write other files the same way, [`read_small`]
//! reads one that anybody may have made, and [`FileRef`] names a file of weights in a record. The crate is pure Rust and needs no libtorch.

mod atomic;
mod blocks;
mod digest;
mod error;
mod file_name;
mod file_ref;
mod form;
mod metadata;
mod provenance;
mod read;
mod scan;
mod sealed;
mod search;
mod state_dict;
mod tensor;
mod threads;
mod torch;
mod trained_on;

pub use atomic::{entries, is_partial, remove_partial, write_atomic, write_json};
pub use digest::Digest;
pub use error::Error;
pub use file_name::{MODEL_FILES, is_index_name, is_weights_name};
pub use file_ref::FileRef;
pub use form::Form;
pub use provenance::{Parent, Provenance};
pub use read::read_small;
pub use safetensors::Dtype;
pub use sealed::{read_sealed, write_sealed};
pub use search::models_below;
pub use state_dict::StateDict;
pub use tensor::{OwnedTensor, TensorRef, write_rounded};
pub use threads::{cores, map_on_cores, on_threads};
pub use trained_on::{note_trained_on, trained_on};

/// The version of serde_json whose values are in recipes.
pub use serde_json;
/// The file that [`write_atomic`] passes to its closure.
pub use tempfile::NamedTempFile;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
