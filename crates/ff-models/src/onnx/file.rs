//! An ONNX model as a file.

use std::io::{self, BufWriter, Write};

use prost::{Message, encode_length_delimiter, length_delimiter_len};
use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use super::proto::{DataType, GRAPH, GraphProto, INITIALIZER, ModelProto, RAW_DATA, TensorProto};

/// The most values that are copied at a time.
const PART: i64 = 1 << 20;

/// A model in ONNX's form, with handles to its weights: [`write`](Self::write) it before the model
/// is trained further.
pub struct File {
    /// Without the graph.
    pub(crate) model: ModelProto,
    /// Without the constants.
    pub(crate) graph: GraphProto,
    pub(crate) constants: Vec<(String, Tensor)>,
}

impl File {
    /// Returns the number of bytes that [`write`](Self::write) writes.
    pub fn size(&self) -> usize {
        self.model.encoded_len() + field_size(self.graph_size())
    }

    /// Writes the file: protobuf, with the weights inside. At most one tensor is in memory a second
    /// time.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        out.write_all(&self.model.encode_to_vec())?;
        begin_field(&mut out, GRAPH, self.graph_size())?;
        out.write_all(&self.graph.encode_to_vec())?;
        for (name, value) in &self.constants {
            let header = header(name, value);
            begin_field(&mut out, INITIALIZER, tensor_size(&header, value))?;
            out.write_all(&header.encode_to_vec())?;
            begin_field(&mut out, RAW_DATA, raw_size(value))?;
            write_raw(&mut out, value)?;
        }
        out.flush()
    }

    fn graph_size(&self) -> usize {
        let constant =
            |(name, value): &(String, Tensor)| field_size(tensor_size(&header(name, value), value));
        self.graph.encoded_len() + self.constants.iter().map(constant).sum::<usize>()
    }
}

/// Returns a tensor's message without its values.
fn header(name: &str, value: &Tensor) -> TensorProto {
    let data_type = match value.kind() {
        Kind::Int64 => DataType::Int64,
        _ => DataType::Float,
    };
    TensorProto { dims: value.size(), data_type: data_type.into(), name: name.to_owned() }
}

fn tensor_size(header: &TensorProto, value: &Tensor) -> usize {
    header.encoded_len() + field_size(raw_size(value))
}

fn raw_size(value: &Tensor) -> usize {
    value.numel() * value.kind().elt_size_in_bytes()
}

/// Returns the size of a message or of bytes as a field: a byte for its number, its length, itself.
fn field_size(length: usize) -> usize {
    1 + length_delimiter_len(length) + length
}

/// Writes what precedes a message or bytes of this length: the field's number, below 16, with the
/// wire type 2, and the length.
fn begin_field(out: &mut impl Write, number: u8, length: usize) -> io::Result<()> {
    let mut start = vec![number << 3 | 2];
    encode_length_delimiter(length, &mut start).expect("a vector grows");
    out.write_all(&start)
}

/// Writes values row by row, little-endian.
fn write_raw(out: &mut impl Write, value: &Tensor) -> io::Result<()> {
    for part in value.to_device(Device::Cpu).reshape(-1).split(PART, 0) {
        let bytes: Vec<u8> = match part.kind() {
            Kind::Int64 => read::<i64>(&part).into_iter().flat_map(i64::to_le_bytes).collect(),
            _ => read::<f32>(&part).into_iter().flat_map(f32::to_le_bytes).collect(),
        };
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn read<T: Element + Default + Clone>(part: &Tensor) -> Vec<T> {
    let mut values = vec![T::default(); part.numel()];
    part.copy_data(&mut values, part.numel());
    values
}
