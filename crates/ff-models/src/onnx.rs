//! ONNX: a model as a file that runs without this software.
//!
//! [`Model::to_onnx`](crate::Model::to_onnx) makes a [`File`] of a model and a [`Head`]. A network of
//! your own adds itself to a [`Graph`], in [`Backbone::onnx`](crate::Backbone::onnx).

mod file;
mod graph;
mod head;
mod operators;
mod proto;

pub use file::File;
pub use graph::{Attribute, Graph};
pub use head::{Head, Probabilities};
pub(crate) use proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto};
