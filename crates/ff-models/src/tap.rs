//! The inputs of a model's layers, for statistics of them.

use std::cell::RefCell;

use tch::{Kind, Tensor};

/// The most elements of a convolution's unfolded input at a time: 128 MiB of 32-bit floats.
const UNFOLDED: i64 = 1 << 25;

/// The input of a linear layer or a convolution in a forward pass.
#[derive(Debug)]
pub struct LayerInput {
    /// The name of the layer's weight.
    pub weight: String,
    /// `[…, inputs]` of a linear layer, `[N, inputs, H, W]` of a convolution.
    input: Tensor,
    /// Elements of the weight for each output.
    width: i64,
    window: Option<Window>,
}

/// The places that a convolution multiplies with its kernel.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Height and width of the kernel.
    kernel: [i64; 2],
    stride: i64,
    padding: i64,
}

impl LayerInput {
    /// Computes `XᵀX`, f64 `[width, width]`, where the rows of X are what the layer multiplies with
    /// its weight, `[outputs, width]`: a row for each image or token of a linear layer, and for each
    /// place of a convolution's output (im2col). Products are in fp32, and their sums over parts of
    /// the images in fp64. Memory: the matrix, and at most 128 MiB or one image's rows.
    pub fn inner_products(&self) -> Tensor {
        let rows = match self.window {
            None => self.input.reshape([-1, self.width]),
            Some(_) => self.input.shallow_clone(),
        };
        let mut sum = Tensor::zeros([self.width, self.width], (Kind::Double, rows.device()));
        let count = rows.size()[0];
        // An output has no more places than the padded input.
        let places = self.window.map_or(1, |window| {
            rows.size()[2..].iter().map(|side| side + 2 * window.padding).product::<i64>()
        });
        let part = (UNFOLDED / (places * self.width).max(1)).max(1);
        for start in (0..count).step_by(part as usize) {
            let rows = rows.narrow(0, start, part.min(count - start)).to_kind(Kind::Float);
            let rows = match self.window {
                None => rows,
                Some(window) => self.unfold(&rows, window),
            };
            let _ = sum.g_add_(&rows.tr().matmul(&rows).to_kind(Kind::Double));
        }
        sum
    }

    /// Maps `[N, inputs, H, W]` to a row of the input's values for each place of the output.
    fn unfold(&self, x: &Tensor, window: Window) -> Tensor {
        let Window { kernel, stride, padding } = window;
        let columns = x.contiguous().im2col(kernel, [1, 1], [padding, padding], [stride, stride]);
        columns.transpose(1, 2).reshape([-1, self.width])
    }
}

thread_local! {
    /// The inputs that the layers on this thread record, while they do.
    static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
}

struct Record {
    max_width: i64,
    inputs: Vec<LayerInput>,
}

/// Ends a record, also if the forward pass panics: its thread may run other models.
struct Recording;

impl Drop for Recording {
    fn drop(&mut self) {
        RECORD.take();
    }
}

/// Returns the inputs, in order, of the layers that compute in `forward` on this thread and whose
/// weights have at most `max_width` elements for each output.
pub(crate) fn record(max_width: usize, forward: impl FnOnce()) -> Vec<LayerInput> {
    let max_width = i64::try_from(max_width).unwrap_or(i64::MAX);
    RECORD.set(Some(Record { max_width, inputs: Vec::new() }));
    let _recording = Recording;
    forward();
    RECORD.take().map_or_else(Vec::new, |record| record.inputs)
}

/// Keeps a layer's input if this thread records, under the name of the layer's weight.
/// `convolution` has the stride and the padding of one.
pub(crate) fn see(name: &str, input: &Tensor, weight: &Tensor, convolution: Option<[i64; 2]>) {
    RECORD.with_borrow_mut(|record| {
        let Some(record) = record else { return };
        let size = weight.size();
        let width: i64 = size[1..].iter().product();
        if width <= record.max_width {
            let kernel = |[stride, padding]: [i64; 2]| Window { kernel: [size[2], size[3]], stride, padding };
            let (weight, input) = (name.to_owned(), input.shallow_clone());
            record.inputs.push(LayerInput { weight, input, width, window: convolution.map(kernel) });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_the_record() {
        let panicked = std::panic::catch_unwind(|| record(1, || panic!("out of memory")));
        assert!(panicked.is_err() && RECORD.take().is_none());
    }
}
