//! Probabilities from logits.

/// Computes the probabilities of classes, which add up to 1.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    softmax_at(logits, 1.0)
}

/// Computes the probabilities of classes from logits divided by a temperature.
pub(crate) fn softmax_at(logits: &[f32], temperature: f64) -> Vec<f64> {
    let highest = f64::from(logits.iter().copied().fold(f32::MIN, f32::max));
    let power = |&logit: &f32| ((f64::from(logit) - highest) / temperature).exp();
    let powers: Vec<f64> = logits.iter().map(power).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Computes the probability of a positive label.
pub(crate) fn sigmoid(logit: impl Into<f64>) -> f64 {
    1.0 / (1.0 + (-logit.into()).exp())
}
