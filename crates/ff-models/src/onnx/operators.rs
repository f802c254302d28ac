//! The operators that networks add to a graph most often. Others are added with
//! [`Graph::node`].

use tch::Tensor;

use super::graph::{Attribute, Graph};

impl Graph<'_> {
    /// Adds `max(x, 0)`.
    pub fn relu(&mut self, x: &str) -> String {
        self.node("Relu", &[x], &[])
    }

    /// Adds the sum of two values, which broadcast.
    pub fn add(&mut self, x: &str, y: &str) -> String {
        self.node("Add", &[x, y], &[])
    }

    /// Adds the product of two values, which broadcast, element by element.
    pub fn mul(&mut self, x: &str, y: &str) -> String {
        self.node("Mul", &[x, y], &[])
    }

    /// Adds the matrix product of the last two dimensions.
    pub fn matmul(&mut self, x: &str, y: &str) -> String {
        self.node("MatMul", &[x, y], &[])
    }

    /// Adds max pooling of `[N, C, H, W]` with a square kernel.
    pub fn max_pool(&mut self, x: &str, kernel: i64, stride: i64, padding: i64) -> String {
        let attributes = [
            ("kernel_shape", Attribute::Ints(&[kernel; 2])),
            ("strides", Attribute::Ints(&[stride; 2])),
            ("pads", Attribute::Ints(&[padding; 4])),
        ];
        self.node("MaxPool", &[x], &attributes)
    }

    /// Adds a value of another shape. A size of 0 is the one of `x` at that place, and one of -1
    /// follows from the others, so that the shape holds for batches of any size.
    pub fn reshape(&mut self, x: &str, shape: &[i64]) -> String {
        let shape = self.constant(&Tensor::from_slice(shape));
        self.node("Reshape", &[x, &shape], &[])
    }

    /// Adds a value with its dimensions in another order.
    pub fn transpose(&mut self, x: &str, order: &[i64]) -> String {
        self.node("Transpose", &[x], &[("perm", Attribute::Ints(order))])
    }

    /// Adds the part of `x` at an index of a dimension, without that dimension.
    pub fn select(&mut self, x: &str, dim: i64, index: i64) -> String {
        let index = self.constant(&Tensor::from(index));
        self.node("Gather", &[x, &index], &[("axis", Attribute::Int(dim))])
    }

    /// Adds a number, fp32 of shape `[]`.
    pub fn number(&mut self, value: f64) -> String {
        self.constant(&Tensor::from(value as f32))
    }
}
