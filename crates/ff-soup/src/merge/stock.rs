//! Model Stock: the mean, moved to the base by the angles between the models.

use ff_checkpoint::StateDict;

use super::blocks::Tensor;
use super::method::{MergeKind, MergeMethod, Needs, Parts};
use super::task_vectors::merge_trained;
use super::vector::{add_difference, dot, squared_distance};
use crate::error::Error;

/// The entry in [`METHODS`](super::METHODS).
pub(crate) const KIND: MergeKind = MergeKind {
    name: "stock",
    about: "Model Stock: the mean, moved to the base by the models' angles (Jang et al. 2024)",
    needs: Needs::Base,
    new: |settings| match settings.as_object() {
        Some(none) if none.is_empty() => Ok(Box::new(Stock)),
        _ => Err(format!("expected no settings, found {settings}")),
    },
};

/// The merge method Model Stock (arXiv 2403.19522): θ = t · mean + (1 − t)θ0 for each tensor.
///
/// t = K cos φ / (1 + (K − 1) cos φ), where K is the number of models and cos φ the mean cosine
/// between the task vectors of two of them. The paper derives it from the geometry of fine-tuned
/// weights, which are nearly at one distance from a centre: θ is the point nearest to the centre in
/// the plane of θ0 and the models. The more models, and the smaller their angles, the nearer it is
/// to the mean. The paper has one angle for all pairs; of angles that differ, mergekit takes the mean
/// cosine too. Running statistics are the mean of the models.
///
/// - A mean cosine below 0 counts as 0, which gives θ0. The models then have no direction in common
///   that training found. The formula would go beyond θ0, away from all of them, and without limit
///   as cos φ comes near its smallest value, −1/(K − 1). mergekit goes there.
/// - A task vector that is 0 has no angle. Its cosines count as 0, as in mergekit. A tensor that no
///   model changed, such as a frozen one, stays as it is.
/// - One model has no angles. It counts as models that agree, cos φ = 1, and is the result.
#[derive(Clone, Copy, Debug)]
pub struct Stock;

impl MergeMethod for Stock {
    fn name(&self) -> &str {
        KIND.name
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        let models = parts.models.len();
        merge_trained(
            KIND.name,
            parts,
            |tensor| share_of_mean(mean_cosine(tensor, models), models),
            |share, block, out| {
                block.mean_into(out);
                for (out, base) in out.iter_mut().zip(block.base()) {
                    *out = share * *out + (1.0 - share) * base;
                }
            },
        )
    }
}

/// Returns t, the share of the mean.
fn share_of_mean(cosine: f64, models: usize) -> f64 {
    let (cosine, count) = (cosine.clamp(0.0, 1.0), models as f64);
    count * cosine / (1.0 + (count - 1.0) * cosine)
}

/// Returns the mean cosine between the task vectors of two models.
///
/// The squared length of the sum of n unit vectors is n plus twice the sum of their cosines. So two
/// passes of one step a value do: one for the lengths, one for the sum.
fn mean_cosine(tensor: &Tensor<'_>, models: usize) -> f64 {
    if models == 1 {
        return 1.0;
    }
    let mut squares = vec![0.0f64; models];
    tensor.for_each_block(|block| {
        block.for_each_model(|at, values| squares[at] += squared_distance(values, block.base()));
    });
    let unit = |square: &f64| if *square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
    let scales: Vec<f64> = squares.iter().map(unit).collect();
    let mut square_of_sum = 0.0;
    let mut sum = Vec::new();
    tensor.for_each_block(|block| {
        sum.clear();
        sum.resize(block.len(), 0.0f64);
        block.for_each_model(|at, values| add_difference(&mut sum, scales[at], values, block.base()));
        square_of_sum += dot(&sum, &sum);
    });
    let changed = scales.iter().filter(|scale| **scale > 0.0).count() as f64;
    let count = models as f64;
    (square_of_sum - changed) / (count * (count - 1.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::merge::task_vectors::fixtures::{merge, merge_vectors, noise, values, weights};

    fn close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "expected {expected}, found {found}");
        }
    }

    #[test]
    fn the_share_of_the_mean_follows_from_the_angle() {
        // 60°: t = 2 · 0.5 / 1.5 = 2/3. The lengths do not count.
        let found = merge_vectors(&Stock, &[&[1.0, 0.0], &[1.0, 3f32.sqrt()]]);
        close(&found, &[2.0 / 3.0, 3f64.sqrt() / 3.0]);
        close(&merge_vectors(&Stock, &[&[1.0, 0.0], &[0.0, 5.0]]), &[0.0, 0.0]);
        let same: &[f32] = &[0.3, -0.7];
        close(&merge_vectors(&Stock, &[same, same, same]), &[0.3f32, -0.7].map(f64::from));
    }

    #[test]
    fn the_mean_cosine_is_that_of_all_pairs() {
        let vectors: Vec<Vec<f32>> = (0..5)
            .map(|seed| noise(9, 3000).iter().zip(noise(seed, 3000)).map(|(a, b)| a + b).collect())
            .collect();
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let mut expected = 0.0;
        for (at, a) in vectors.iter().enumerate() {
            for b in &vectors[..at] {
                expected += dot(a, b) / (dot(a, a) * dot(b, b)).sqrt() / 10.0;
            }
        }
        let base = weights(&[0.0; 3000], 1.0);
        let models: Vec<StateDict> = vectors.iter().map(|vector| weights(vector, 1.0)).collect();
        let models: Vec<&StateDict> = models.iter().collect();
        let parts = Parts { base: Some(&base), ..Parts::of(&models) };
        let found = Mutex::new(0.0);
        let keep = |tensor: &Tensor<'_>| *found.lock().unwrap() = mean_cosine(tensor, 5);
        merge_trained("stock", &parts, keep, |(), block, out| block.mean_into(out)).unwrap();
        let found = found.into_inner().unwrap();
        assert!((found - expected).abs() < 1e-12 && expected > 0.4, "expected {expected}, found {found}");
    }

    #[test]
    fn models_that_oppose_or_did_not_move_give_the_base() {
        assert_eq!(merge_vectors(&Stock, &[&[1.0, 0.0], &[-1.0, 0.5]]), [0.0, 0.0]);
        assert_eq!(merge_vectors(&Stock, &[&[0.0, 0.0], &[0.0, 0.0]]), [0.0, 0.0]);
        // Of three, one did not move: a cosine of 1 in three pairs, t = 1 / (1 + 2/3) = 0.6.
        close(&merge_vectors(&Stock, &[&[3.0], &[6.0], &[0.0]]), &[0.6 * 3.0]);
    }

    #[test]
    fn one_model_is_itself_and_statistics_are_averaged() {
        let (base, a, b) = (weights(&[0.5, 0.1], 9.0), weights(&[1.0, -2.0], 1.0), weights(&[2.0, 0.3], 3.0));
        assert_eq!(merge(&Stock, &[&a], Some(&base)).unwrap().digest(), a.digest());
        let merged = merge(&Stock, &[&a, &b], Some(&base)).unwrap();
        assert_eq!(values(&merged, "bn.running_var"), [2.0]);
        assert!(merge(&Stock, &[&a], None).is_err());
    }
}
