//! An ONNX graph while it is built.

use tch::{Kind, Tensor};

use super::proto::{AttributeProto, AttributeType, NodeProto};
use crate::parameters::Parameters;

/// An ONNX graph (operator set 17) under construction. Methods that add something to it return the
/// name of its value, and take such names as inputs.
///
/// ```
/// use ff_models::layers::Linear;
/// use ff_models::onnx::{Attribute, Graph};
///
/// /// A hidden layer with its ReLU, and the mean of its outputs.
/// fn mean_of_hidden(graph: &mut Graph, hidden: &Linear, x: &str) -> String {
///     let x = hidden.onnx(graph, x);
///     let x = graph.node("Relu", &[&x], &[]);
///     graph.node("ReduceMean", &[&x], &[("axes", Attribute::Ints(&[-1]))])
/// }
/// ```
pub struct Graph<'m> {
    parameters: &'m Parameters,
    pub(crate) nodes: Vec<NodeProto>,
    /// Names and values of the constants.
    pub(crate) constants: Vec<(String, Tensor)>,
}

/// The value of a node's attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// A number, such as `axis`.
    Int(i64),
    /// A list, such as `strides`.
    Ints(&'a [i64]),
    /// A real number, such as `epsilon`.
    Float(f32),
}

impl<'m> Graph<'m> {
    pub(crate) fn new(parameters: &'m Parameters) -> Self {
        Self { parameters, nodes: Vec::new(), constants: Vec::new() }
    }

    /// Adds a node with one output: an operator of ONNX, its inputs in order, its attributes by
    /// name. An optional input that is left out is `""`.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let name = format!("{operator}_{}", self.nodes.len());
        self.named_node(&name, operator, inputs, attributes)
    }

    /// Adds a node whose output has this name.
    pub(crate) fn named_node(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(|(name, value)| value.proto(name)).collect(),
        });
        name.to_owned()
    }

    /// Adds a constant: a parameter of the model, which has its name in the state dict and is stored
    /// once, or any other tensor, whose name is a number. The graph keeps a handle to the tensor and
    /// no copy.
    ///
    /// # Panics
    /// On a tensor of another type than fp32 or i64.
    pub fn constant(&mut self, value: &Tensor) -> String {
        // A view of a parameter shares its memory and is another value.
        let layout = |tensor: &Tensor| (tensor.data_ptr(), tensor.size(), tensor.stride());
        let of_model = self.parameters.iter().find(|parameter| layout(&parameter.tensor) == layout(value));
        match of_model {
            Some(parameter) => self.named_constant(&parameter.name, value),
            None => self.named_constant(&format!("constant_{}", self.constants.len()), value),
        }
    }

    /// Adds a constant of this name, once.
    pub(crate) fn named_constant(&mut self, name: &str, value: &Tensor) -> String {
        let kind = value.kind();
        assert!(matches!(kind, Kind::Float | Kind::Int64), "{name}: expected fp32 or i64, found {kind:?}");
        if self.constants.iter().all(|(other, _)| other != name) {
            self.constants.push((name.to_owned(), value.detach()));
        }
        name.to_owned()
    }
}

impl Attribute<'_> {
    fn proto(self, name: &str) -> AttributeProto {
        let mut proto = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
        match self {
            Self::Int(value) => (proto.i, proto.r#type) = (value, AttributeType::Int.into()),
            Self::Ints(values) => (proto.ints, proto.r#type) = (values.to_vec(), AttributeType::Ints.into()),
            Self::Float(value) => (proto.f, proto.r#type) = (value, AttributeType::Float.into()),
        }
        proto
    }
}
