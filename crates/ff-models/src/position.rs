//! Resampling of DeiT's position embedding to another image size.

use tch::Tensor;

/// Returns side of the grid and width of a position embedding with one class token,
/// `[1, 1 + side², width]`; `None` for any other shape.
pub(crate) fn grid(shape: &[usize]) -> Option<(usize, usize)> {
    let &[1, tokens, width] = shape else { return None };
    let side = tokens.checked_sub(1)?.isqrt();
    (side > 0 && side * side + 1 == tokens).then_some((side, width))
}

/// Resizes the grid of a position embedding as an image and keeps the class token's embedding, as
/// timm's `resample_abs_pos_embed` does.
pub(crate) fn resample(flat: &Tensor, from: usize, to: usize) -> Tensor {
    let (from, to) = (from as i64, to as i64);
    let embedding = flat.view([1, 1 + from * from, -1]);
    let (class, patches) = (embedding.narrow(1, 0, 1), embedding.narrow(1, 1, from * from));
    let picture = patches.reshape([1, from, from, -1]).permute([0, 3, 1, 2]);
    let picture = picture.internal_upsample_bicubic2d_aa([to, to], false, None::<f64>, None::<f64>);
    let patches = picture.permute([0, 2, 3, 1]).reshape([1, to * to, -1]);
    Tensor::cat(&[class, patches], 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_a_square_and_a_class_token() {
        assert_eq!(grid(&[1, 197, 768]), Some((14, 768)));
        assert_eq!(grid(&[1, 196, 768]), None);
        assert_eq!(grid(&[2, 197, 768]), None);
        assert_eq!(grid(&[1, 1, 768]), None);
        assert_eq!(grid(&[1, 0, 768]), None);
    }

    #[test]
    fn resampling_keeps_constants_and_the_class_token() {
        let ones = Tensor::ones([1 + 16, 2], (tch::Kind::Float, tch::Device::Cpu));
        let _ = ones.narrow(0, 0, 1).fill_(5.0);
        let resized = resample(&ones.flatten(0, -1), 4, 7);
        assert_eq!(resized.size(), [1, 50, 2]);
        assert_eq!(resized.double_value(&[0, 0, 1]), 5.0);
        assert!((resized.narrow(1, 1, 49) - 1.0).abs().max().double_value(&[]) < 1e-6);
    }
}
