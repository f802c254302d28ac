//! Average pooling to a map of a fixed size.

use tch::Tensor;

use crate::onnx::{Attribute, Graph};

/// Averages `[N, C, H, W]` over cells to `[N, C, side, side]`, as PyTorch's `AdaptiveAvgPool2d`
/// does. On a GPU, libtorch's own gradient of it is not deterministic, so rows and then columns are
/// averaged there.
pub fn adaptive_average(x: &Tensor, side: i64) -> Tensor {
    match x.size()[2..] {
        [height, width] if height == side && width == side => x.shallow_clone(),
        _ if x.device().is_cuda() => average_cells(&average_cells(x, 2, side), 3, side),
        _ => x.adaptive_avg_pool2d([side, side]),
    }
}

/// Adds [`adaptive_average`] of a map whose sides are `length` to an ONNX graph.
pub fn adaptive_average_onnx(graph: &mut Graph, x: &str, length: i64, side: i64) -> String {
    if length == side {
        return x.to_owned();
    }
    if length % side == 0 {
        let cell = Attribute::Ints(&[length / side; 2]);
        return graph.node("AveragePool", &[x], &[("kernel_shape", cell), ("strides", cell)]);
    }
    let rows = average_cells_onnx(graph, x, 2, length, side);
    average_cells_onnx(graph, &rows, 3, length, side)
}

/// Averages a dimension over cells.
fn average_cells(x: &Tensor, dim: i64, count: i64) -> Tensor {
    let cells = cells(x.size()[dim as usize], count);
    let means = cells.map(|[start, end]| x.narrow(dim, start, end - start).mean_dim(dim, true, x.kind()));
    Tensor::cat(&means.collect::<Vec<_>>(), dim)
}

/// Adds [`average_cells`] of a dimension of this length to an ONNX graph.
fn average_cells_onnx(graph: &mut Graph, x: &str, dim: i64, length: i64, count: i64) -> String {
    let axes = graph.constant(&Tensor::from_slice(&[dim]));
    let mean = |[start, end]: [i64; 2]| {
        let [start, end] = [start, end].map(|at| graph.constant(&Tensor::from_slice(&[at])));
        let cell = graph.node("Slice", &[x, &start, &end, &axes], &[]);
        graph.node("ReduceMean", &[&cell], &[("axes", Attribute::Ints(&[dim]))])
    };
    let means: Vec<String> = cells(length, count).map(mean).collect();
    let means: Vec<&str> = means.iter().map(String::as_str).collect();
    graph.node("Concat", &means, &[("axis", Attribute::Int(dim))])
}

/// Cuts a length into cells that may overlap, as start and end: cell i begins at ⌊i L / count⌋ and
/// ends before ⌈(i + 1) L / count⌉ of the length L.
fn cells(length: i64, count: i64) -> impl Iterator<Item = [i64; 2]> {
    (0..count).map(move |i| [i * length / count, ((i + 1) * length + count - 1) / count])
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn averages_of_cells_are_those_of_adaptive_pooling() {
        for [height, width, side] in [[2, 2, 7], [7, 7, 7], [14, 9, 7], [1, 3, 2], [5, 5, 1], [13, 13, 4]] {
            let x = Tensor::arange(2 * 3 * height * width, (Kind::Float, Device::Cpu));
            let x = x.sin().view([2, 3, height, width]);
            let expected = x.adaptive_avg_pool2d([side, side]);
            for found in [average_cells(&average_cells(&x, 2, side), 3, side), adaptive_average(&x, side)] {
                let off = (&found - &expected).abs().max().double_value(&[]);
                assert!(off < 1e-6, "{height} × {width} to {side}: off by {off}");
            }
        }
    }
}
