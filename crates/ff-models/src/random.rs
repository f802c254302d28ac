//! Randomness as a function of seed, purpose and name: no state, the same on any device.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Returns the generator for (seed, purpose, name): ChaCha8, keyed by BLAKE3.
pub(crate) fn stream(seed: u64, purpose: &str, name: &str) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("FissionFusion ff-models stream 1");
    hasher.update(&seed.to_le_bytes());
    // The length keeps ("ab", "c") and ("a", "bc") apart.
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    hasher.update(name.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::Rng;

    #[test]
    fn streams_depend_on_every_argument() {
        let first = |seed, purpose, name| stream(seed, purpose, name).next_u64();
        assert_eq!(first(1, "init", "fc.weight"), first(1, "init", "fc.weight"));
        assert_ne!(first(1, "init", "fc.weight"), first(2, "init", "fc.weight"));
        assert_ne!(first(1, "init", "fc.weight"), first(1, "dropout", "fc.weight"));
        assert_ne!(first(1, "init", "fc.weight"), first(1, "initf", "c.weight"));
    }
}
