//! The choice of kernels to compare.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The pairs of one layer at one step: the kernels that are compared, each with its partner. It is
/// a function of (seed, step, layer) only, so that a resumed run draws the same pairs as an
/// uninterrupted one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MergePlan {
    /// Kernels that are compared, in rising order, each once.
    pub(crate) kernels: Vec<i64>,
    /// The partner of each: another kernel of the layer.
    pub(crate) partners: Vec<i64>,
}

impl MergePlan {
    /// Draws, for each of a layer's kernels, whether it is compared (with `probability`) and with
    /// which of the others (uniformly). A layer of one kernel has no others, so its plan is empty.
    pub(crate) fn draw(kernels: usize, probability: f64, seed: u64, step: u64, layer: usize) -> Self {
        let mut plan = Self::default();
        if kernels < 2 {
            return plan;
        }
        let mut rng = generator(seed, step, layer as u64);
        for kernel in 0..kernels {
            if rng.random::<f64>() < probability {
                let other = rng.random_range(0..kernels - 1);
                plan.kernels.push(kernel as i64);
                plan.partners.push((other + usize::from(other >= kernel)) as i64);
            }
        }
        plan
    }

    /// Iterates over the kernels that are compared and their partners.
    #[cfg(test)]
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.kernels.iter().zip(&self.partners).map(|(&kernel, &partner)| (kernel as usize, partner as usize))
    }
}

/// Returns ChaCha8, keyed by seed, step and layer.
fn generator(seed: u64, step: u64, layer: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (place, part) in key.chunks_exact_mut(8).zip([u64::from_le_bytes(*b"in-merge"), seed, step, layer]) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_draw_depends_on_seed_step_and_layer() {
        let draw = |seed, step, layer| MergePlan::draw(64, 0.5, seed, step, layer);
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        for other in [draw(0, 2, 3), draw(1, 3, 3), draw(1, 2, 4), draw(2, 1, 3)] {
            assert_ne!(draw(1, 2, 3), other);
        }
    }

    #[test]
    fn kernels_are_drawn_with_the_probability_and_partners_uniformly() {
        let (kernels, steps) = (5, 20_000);
        let mut met = [[0u32; 5]; 5];
        for step in 0..steps {
            for (kernel, partner) in MergePlan::draw(kernels, 0.3, 7, step, 0).pairs() {
                met[kernel][partner] += 1;
            }
        }
        for (kernel, row) in met.iter().enumerate() {
            for (partner, &times) in row.iter().enumerate() {
                // A binomial of mean 1,500 and standard deviation 38.
                let expected = if kernel == partner { 0.0 } else { steps as f64 * 0.3 / 4.0 };
                assert!((f64::from(times) - expected).abs() < 200.0, "{kernel} met {partner} {times} times");
            }
        }
    }

    proptest! {
        #[test]
        fn no_kernel_is_its_own_partner(kernels in 0usize..40, p in 0.0..=1.0, seed: u64, step: u64, layer in 0usize..60) {
            let plan = MergePlan::draw(kernels, p, seed, step, layer);
            let compared: Vec<_> = plan.pairs().map(|(kernel, _)| kernel).collect();
            prop_assert!(compared.is_sorted_by(|a, b| a < b));
            prop_assert!(plan.pairs().all(|(kernel, partner)| kernel != partner && kernel.max(partner) < kernels));
        }

        #[test]
        fn probabilities_0_and_1_draw_no_or_every_kernel(kernels in 2usize..40, seed: u64) {
            prop_assert!(MergePlan::draw(kernels, 0.0, seed, 1, 0).kernels.is_empty());
            prop_assert_eq!(MergePlan::draw(kernels, 1.0, seed, 1, 0).kernels.len(), kernels);
        }
    }
}
