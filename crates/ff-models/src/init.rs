//! Initial weights, drawn in Rust so that they are the same on every device.

use rand_chacha::rand_core::Rng;

use crate::random::stream;

/// The distribution of a tensor's initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// The same number everywhere.
    Constant(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform over (−bound, bound).
    Uniform(f64),
}

impl Init {
    /// Returns Kaiming's normal initialisation for ReLU over the fan-out of a convolution, as in
    /// timm's ResNet and torchvision's VGG.
    pub fn kaiming_fan_out(shape: [i64; 4]) -> Self {
        let [outputs, _, height, width] = shape;
        Self::Normal((2.0 / (outputs * height * width) as f64).sqrt())
    }

    /// Returns PyTorch's default for the weight and the bias of a linear layer or convolution:
    /// uniform within ±1/√fan-in.
    pub fn torch_default(fan_in: i64) -> Self {
        Self::Uniform(1.0 / (fan_in as f64).sqrt())
    }

    /// Returns timm's `trunc_normal_` with standard deviation 0.02. It truncates at ±2, a hundred
    /// standard deviations away, so it equals the plain normal.
    pub fn trunc_normal() -> Self {
        Self::Normal(0.02)
    }

    /// Draws `count` values for the parameter `name`.
    pub(crate) fn draw(self, count: usize, seed: u64, name: &str) -> Vec<f32> {
        let mut rng = stream(seed, "init", name);
        match self {
            Self::Constant(value) => vec![value; count],
            Self::Normal(std) => {
                let mut values = Vec::with_capacity(count + 1);
                while values.len() < count {
                    values.extend(normal_pair(rng.next_u64()).map(|z| (f64::from(z) * std) as f32));
                }
                values.truncate(count);
                values
            }
            Self::Uniform(bound) => (0..count)
                .map(|_| {
                    let centred = (f64::from(rng.next_u32()) + 0.5) / f64::from(1u32 << 31) - 1.0;
                    (centred * bound) as f32
                })
                .collect(),
        }
    }
}

/// Makes two standard normal numbers from 64 random bits (Box and Muller). It uses `libm` instead
/// of the platform's functions, so that the last bit does not depend on the C library.
fn normal_pair(bits: u64) -> [f32; 2] {
    let unit = |word: u32| (word as f32 + 0.5) * 2f32.powi(-32);
    let radius = (-2.0 * libm::logf(unit((bits >> 32) as u32))).max(0.0).sqrt();
    let (sin, cos) = libm::sincosf(std::f32::consts::TAU * unit(bits as u32));
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, standard deviation and kurtosis (fourth moment over the squared second).
    fn moments(values: &[f32]) -> (f64, f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let central = |power| values.iter().map(|&v| (f64::from(v) - mean).powi(power)).sum::<f64>() / n;
        (mean, central(2).sqrt(), central(4) / central(2).powi(2))
    }

    #[test]
    fn normal_has_normal_moments() {
        let (mean, std, kurtosis) = moments(&Init::Normal(0.5).draw(200_001, 3, "x"));
        assert!(
            mean.abs() < 0.005 && (std - 0.5).abs() < 0.005 && (kurtosis - 3.0).abs() < 0.08,
            "{mean} {std} {kurtosis}"
        );
    }

    #[test]
    fn uniform_has_uniform_moments_and_bounds() {
        let values = Init::torch_default(16).draw(200_000, 3, "x");
        let (mean, std, kurtosis) = moments(&values);
        assert!(values.iter().all(|v| v.abs() <= 0.25));
        assert!(
            mean.abs() < 0.002 && (std - 0.25 / 3f64.sqrt()).abs() < 0.002 && (kurtosis - 1.8).abs() < 0.02
        );
    }

    #[test]
    fn extremes_of_the_generator_are_finite() {
        for bits in [0, u64::MAX, u64::from(u32::MAX), u64::MAX << 32] {
            assert!(normal_pair(bits).iter().all(|z| z.is_finite()), "{bits:x}");
        }
    }

    #[test]
    fn kaiming_is_over_the_fan_out() {
        assert_eq!(Init::kaiming_fan_out([64, 3, 7, 7]), Init::Normal((2.0f64 / (64.0 * 49.0)).sqrt()));
    }
}
