//! What a selector may ask of a network beside scores.

use ff_checkpoint::StateDict;

use crate::error::ScoreError;

/// A network with images, for a selector that fits coefficients by gradients.
///
/// The images are those of the validation split: one part to fit on, in batches, and one that is
/// held out to stop by. BatchNorm works as it does in the scores: with the statistics of the
/// weights, or with those of the batch where the scorer recomputes them.
pub trait Network {
    /// Returns the number of batches to fit on, at least 1.
    fn batches(&self) -> usize;

    /// Computes the log loss of a batch, with logits divided by `temperature`, and its gradients.
    ///
    /// # Errors
    /// Images that cannot be read, weights that do not fit.
    fn gradient(
        &mut self,
        weights: &StateDict,
        temperature: f64,
        batch: usize,
    ) -> Result<Gradient, ScoreError>;

    /// Computes the mean log loss on the part that is held out.
    ///
    /// # Errors
    /// Those of [`gradient`](Self::gradient).
    fn held_out_loss(&mut self, weights: &StateDict, temperature: f64) -> Result<f64, ScoreError>;
}

/// The log loss of a batch, and its gradients.
pub struct Gradient {
    /// The mean log loss.
    pub loss: f64,
    /// The derivative by the logarithm of the temperature.
    pub temperature: f64,
    /// The derivatives by the trained weights: 32-bit floats under their names.
    pub weights: StateDict,
}
