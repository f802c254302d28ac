//! Log loss: minus the logarithm of the probability that a model gives the truth.

use crate::predictions::{Predictions, Targets, argmax};
use crate::value::Value;

/// The relative rounding error that a loss stays below: that of differences, `exp` and `ln`.
const ROUNDING: f64 = 1e-12;

/// The log losses of samples, with the numbers of their known targets.
///
/// Sums are over samples in their order, and each step is rounded to nearest. So a sum with lower
/// losses is never a higher float.
#[derive(Debug)]
pub(crate) struct Losses {
    /// The loss of each sample, at least 0, in nats; of labels, summed over the known ones.
    of_sample: Vec<f64>,
    /// The number of known labels of each sample; 1 for a class.
    known: Vec<u32>,
}

impl Losses {
    /// The losses of predictions.
    pub(crate) fn of(predictions: &Predictions) -> Losses {
        let mut losses = Losses::lowest(predictions.targets(), predictions.outputs());
        for sample in 0..predictions.len() {
            losses.observe(predictions.targets(), sample, predictions.row(sample));
        }
        losses
    }

    /// The lowest losses that are possible: 0 for each sample.
    pub(crate) fn lowest(targets: &Targets, outputs: usize) -> Losses {
        let known: Vec<u32> = match targets {
            Targets::Classes(classes) => vec![1; classes.len()],
            Targets::Labels(labels) => {
                let of_row = |row: &[f32]| row.iter().map(|label| u32::from(!label.is_nan())).sum();
                labels.chunks_exact(outputs).map(of_row).collect()
            }
        };
        Losses { of_sample: vec![0.0; known.len()], known }
    }

    /// Sets the loss of a sample to that of its logits.
    pub(crate) fn observe(&mut self, targets: &Targets, sample: usize, logits: &[f32]) {
        self.of_sample[sample] = match targets {
            Targets::Classes(classes) => cross_entropy(logits, classes[sample]),
            Targets::Labels(labels) => {
                let labels = &labels[sample * logits.len()..][..logits.len()];
                let known = logits.iter().zip(labels).filter(|(_, label)| !label.is_nan());
                known.map(|(&logit, &label)| softplus(if label == 1.0 { -logit } else { logit })).sum()
            }
        };
    }

    /// Lowers the loss of a sample to one that no logits within ±`room` fall below.
    ///
    /// The loss of a known target is `ln Σ exp(z)` less a logit, or a softplus. Neither moves by
    /// more than `2·room`, as no term moves by more than `room`.
    pub(crate) fn lower(&mut self, sample: usize, room: f32) {
        let loss = &mut self.of_sample[sample];
        let change = 2.0 * f64::from(room) * f64::from(self.known[sample]);
        *loss = (*loss * (1.0 - ROUNDING) - change).max(0.0);
    }

    /// Computes minus the mean loss over known targets when sample `i` occurs `times[i]` times.
    pub(crate) fn score(&self, times: &[u32]) -> Value {
        let (mut sum, mut count) = (0.0, 0);
        for ((loss, &known), &times) in self.of_sample.iter().zip(&self.known).zip(times) {
            sum += f64::from(times) * loss;
            count += u64::from(times) * u64::from(known);
        }
        match count {
            0 if times.iter().all(|&times| times == 0) => Value::Undefined("no samples".to_owned()),
            0 => Value::Undefined("no known label".to_owned()),
            // Not a negation, which would give −0.
            _ => Value::Defined(0.0 - sum / count as f64),
        }
    }

    /// The loss of each sample; of labels, summed over the known ones.
    pub(crate) fn of_sample(&self) -> &[f64] {
        &self.of_sample
    }
}

/// Minus the logarithm of the softmax probability of a class.
///
/// All exponents are at most 0, and the highest term is left out of the sum, so the result is exact
/// to some relative 10⁻¹³ also near 0.
fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let highest = argmax(logits);
    let below = |output: usize| f64::from(logits[output]) - f64::from(logits[highest]);
    let others = (0..logits.len()).filter(|&output| output != highest);
    others.map(|output| below(output).exp()).sum::<f64>().ln_1p() - below(class)
}

/// `ln(1 + exp(x))`: minus the logarithm of the sigmoid probability of −x.
fn softplus(x: f32) -> f64 {
    let x = f64::from(x);
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    fn score(logits: &[f32], outputs: usize, targets: Targets) -> Value {
        Metric::LogLoss.evaluate(&Predictions::new(logits.to_vec(), outputs, targets).unwrap())
    }

    #[track_caller]
    fn assert_near(ours: &Value, expected: f64) {
        let ours = ours.value().unwrap();
        assert!((ours - expected).abs() <= 1e-12 * expected.abs(), "{ours}, not {expected}");
    }

    #[test]
    fn losses_are_those_of_the_probabilities() {
        // Probabilities of 1/2 and 1/4.
        let halves = [2f32.ln(), 0.0, 0.0, 0.0, 2f32.ln(), 0.0];
        let found = score(&halves, 3, Targets::Classes(vec![0, 2])).value().unwrap();
        assert!((found + (2f64.ln() + 4f64.ln()) / 2.0).abs() < 1e-7, "{found}");
        // Each known label counts once: the mean over samples, or over tasks, is another.
        let labels = Targets::Labels(vec![1.0, f32::NAN, 0.0, 1.0]);
        let found = score(&[0.0, 9.0, 0.0, 3f32.ln()], 2, labels).value().unwrap();
        assert!((found + (2.0 * 2f64.ln() + (4.0f64 / 3.0).ln()) / 3.0).abs() < 1e-7, "{found}");
    }

    #[test]
    fn certain_models_have_finite_losses() {
        assert_near(&score(&[1e5, -1e5], 2, Targets::Classes(vec![1])), -2e5);
        assert_near(&score(&[0.0, -50.0], 2, Targets::Classes(vec![0])), -(-50f64).exp());
        assert_near(&score(&[f32::MAX], 1, Targets::Labels(vec![0.0])), -f64::from(f32::MAX));
        assert_near(&score(&[50.0], 1, Targets::Labels(vec![1.0])), -(-50f64).exp());
        let right = score(&[1e5, -1e5], 2, Targets::Classes(vec![0])).value().unwrap();
        assert_eq!(right.to_bits(), 0f64.to_bits(), "0, not −0");
    }

    #[test]
    fn without_known_labels_nothing_is_defined() {
        let unknown = score(&[1.0, 2.0], 1, Targets::Labels(vec![f32::NAN; 2]));
        assert_eq!(unknown, Value::Undefined("no known label".to_owned()));
        assert_eq!(score(&[], 2, Targets::Classes(vec![])), Value::Undefined("no samples".to_owned()));
    }
}
