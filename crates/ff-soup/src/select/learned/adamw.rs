//! The optimizer of coefficients, in 64-bit floats.

/// PyTorch's constants: the decay rates of the moments, and what is added to the denominator.
const DECAY: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// The moments of one parameter's gradients (AdamW, Loshchilov and Hutter 2019). The weight decay
/// is not theirs.
#[derive(Clone, Copy, Default)]
pub(super) struct Moments {
    mean: f64,
    square: f64,
    steps: i32,
}

impl Moments {
    /// Adds a gradient, and returns the change of the parameter at a learning rate of 1.
    pub fn step(&mut self, gradient: f64) -> f64 {
        let [of_mean, of_square] = DECAY;
        self.steps = self.steps.saturating_add(1);
        self.mean = of_mean * self.mean + (1.0 - of_mean) * gradient;
        self.square = of_square * self.square + (1.0 - of_square) * gradient * gradient;
        let mean = self.mean / (1.0 - of_mean.powi(self.steps));
        let square = self.square / (1.0 - of_square.powi(self.steps));
        -mean / (square.sqrt() + EPSILON)
    }
}
