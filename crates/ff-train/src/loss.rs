//! The loss of training and validation.

use ff_eval::Predictions;
use tch::{Device, Kind, Reduction, Tensor};

/// The loss, with the weight of each task of multilabel data.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    /// `[C]`; `None`: all are 1.
    weights: Option<Vec<f32>>,
    /// The same weights on the model's device.
    on_device: Option<Tensor>,
}

impl Loss {
    pub(crate) fn new(weights: Option<Vec<f32>>, device: Device) -> Self {
        let on_device = weights.as_ref().map(|weights| Tensor::from_slice(weights).to_device(device));
        Self { weights, on_device }
    }

    /// Computes cross entropy for class numbers `[N]` i64; for labels `[N, C]` f32, binary cross entropy over the known
    /// ones, times the weight of their task. Logits are f32.
    pub(crate) fn of_batch(&self, logits: &Tensor, targets: &Tensor) -> Tensor {
        if targets.kind() == Kind::Int64 {
            return logits.cross_entropy_loss::<Tensor>(targets, None, Reduction::Mean, -100, 0.0);
        }
        let known = targets.isnan().logical_not().to_kind(Kind::Float);
        let labels = targets.nan_to_num(0.0, None, None);
        let weights = self.on_device.as_ref();
        let each =
            logits.binary_cross_entropy_with_logits(&labels, weights, None::<&Tensor>, Reduction::None);
        // A batch without a known label has loss 0, not 0 / 0.
        (each * &known).sum(Kind::Float) / known.sum(Kind::Float).clamp_min(1.0)
    }

    /// Computes the same loss over predictions, accumulated in 64 bits.
    pub(crate) fn of_predictions(&self, predictions: &Predictions) -> f64 {
        let outputs = predictions.outputs();
        let rows = predictions.logits().chunks_exact(outputs);
        match predictions.targets() {
            ff_eval::Targets::Classes(classes) => {
                let each =
                    rows.zip(classes).map(|(logits, &class)| log_sum_exp(logits) - f64::from(logits[class]));
                each.sum::<f64>() / classes.len() as f64
            }
            ff_eval::Targets::Labels(labels) => {
                let known = predictions.logits().iter().zip(labels).enumerate();
                let known = known.filter(|(_, (_, label))| !label.is_nan());
                let (sum, count) = known.fold((0.0, 0usize), |(sum, count), (at, (&logit, &label))| {
                    let (logit, label) = (f64::from(logit), f64::from(label));
                    let weight =
                        self.weights.as_ref().map_or(1.0, |weights| f64::from(weights[at % outputs]));
                    let loss = logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p();
                    (sum + weight * loss, count + 1)
                });
                sum / count.max(1) as f64
            }
        }
    }
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    highest + logits.iter().map(|&logit| (f64::from(logit) - highest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use ff_data::Targets;

    use super::*;
    use crate::upload::send_targets;

    fn target_tensor(targets: &Targets, outputs: usize) -> Tensor {
        send_targets(targets, outputs, Device::Cpu).receive()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }

    #[test]
    fn losses_of_batches_and_predictions_agree() {
        let logits = [0.5f32, -1.0, 2.0, 0.0, 3.0, -3.0];
        let trained = Loss::default().of_batch(
            &Tensor::from_slice(&logits).view([2, 3]),
            &target_tensor(&Targets::Classes(vec![2, 0]), 3),
        );
        let predictions =
            Predictions::new(logits.to_vec(), 3, ff_eval::Targets::Classes(vec![2, 0])).unwrap();
        close(trained.double_value(&[]), Loss::default().of_predictions(&predictions));
    }

    #[test]
    fn unknown_labels_have_no_effect() {
        let (logits, labels) = ([0.5f32, -1.0, 2.0, 9.0], [1.0f32, 0.0, 0.0, f32::NAN]);
        let tensor = Tensor::from_slice(&logits).view([2, 2]).set_requires_grad(true);
        let trained = Loss::default().of_batch(&tensor, &target_tensor(&Targets::Labels(labels.to_vec()), 2));
        let predictions =
            Predictions::new(logits.to_vec(), 2, ff_eval::Targets::Labels(labels.to_vec())).unwrap();
        let by_hand = [(0.5f64, 1.0), (-1.0, 0.0), (2.0, 0.0)].map(|(z, y): (f64, f64)| {
            -(y * (1.0 / (1.0 + (-z).exp())).ln() + (1.0 - y) * (1.0 / (1.0 + z.exp())).ln())
        });
        close(trained.double_value(&[]), by_hand.iter().sum::<f64>() / 3.0);
        close(Loss::default().of_predictions(&predictions), by_hand.iter().sum::<f64>() / 3.0);
        trained.backward();
        let loss = Loss::new(Some(vec![0.5, 2.0]), Device::Cpu);
        let weighted = loss.of_batch(&tensor, &target_tensor(&Targets::Labels(labels.to_vec()), 2));
        let expected = (0.5 * by_hand[0] + 2.0 * by_hand[1] + 0.5 * by_hand[2]) / 3.0;
        close(weighted.double_value(&[]), expected);
        close(loss.of_predictions(&predictions), expected);
        assert_eq!(tensor.grad().double_value(&[1, 1]), 0.0);
    }

    #[test]
    fn a_batch_without_known_labels_has_no_loss() {
        let trained = Loss::default().of_batch(
            &Tensor::from_slice(&[1f32]).view([1, 1]),
            &Tensor::from_slice(&[f32::NAN]).view([1, 1]),
        );
        assert_eq!(trained.double_value(&[]), 0.0);
    }
}
