//! Dropout with masks that are functions of a seed, a layer's name and an element's number.
//!
//! libtorch's generator is global to the process, so with it two runs in one process would change
//! each other's masks. A mask is computed where the activations are, by integer arithmetic on
//! tensors, so the host neither draws nor copies it, and a GPU's masks are the CPU's.

use rand_chacha::rand_core::Rng;
use tch::{Device, Kind, Tensor};

use crate::backbone::Mode;
use crate::random::stream;

/// Applies dropout with probability 1/2 to `[N, C]`: each element takes a bit of a function of
/// (seed, `name`, its number in row-major order), and elements that stay are doubled. It is the
/// identity outside `Mode::Train`.
pub fn dropout_half(x: Tensor, mode: Mode, name: &str) -> Tensor {
    let Mode::Train { seed } = mode else { return x };
    let kept = mask(keys(seed, name), x.numel() as i64, x.device());
    &x * (kept.view(x.size().as_slice()).to_kind(x.kind()) * 2.0)
}

/// The keys of a layer's mask, 32 bits each.
fn keys(seed: u64, name: &str) -> [i64; 2] {
    let mut bits = stream(seed, "dropout", name);
    [bits.next_u32(), bits.next_u32()].map(i64::from)
}

/// Returns the bits of the first elements, u8 `[length]`. Word w has those of elements 32 w to
/// 32 w + 31, the lowest bit first.
fn mask([first, second]: [i64; 2], length: i64, device: Device) -> Tensor {
    let words = Tensor::arange((length + 31) / 32, (Kind::Int64, device));
    let words = mixed(&(mixed(&words.bitwise_xor(first)) + second).bitwise_and(LOW));
    // The low four bytes of a word are its first: every machine that libtorch supports is
    // little-endian.
    let bytes = words.view_dtype(Kind::Uint8).view([-1, 8]).narrow(1, 0, 4).reshape([-1, 1]);
    let bits = bytes.bitwise_right_shift(&Tensor::arange(8, (Kind::Uint8, device))).bitwise_and(1);
    bits.view(-1).narrow(0, 0, length)
}

/// Constants of [`mixed`]. They are below 2³¹, so the product with 32 bits does not overflow the 63
/// of a signed word.
const FACTORS: [i64; 2] = [0x21f0_aaad, 0x735a_2d97];

/// The low 32 bits of a word.
const LOW: i64 = 0xffff_ffff;

/// Mixes the low 32 bits of each word; the others are 0 before and after. It is a bijection in
/// which each bit of the input changes about half of the output's: the form is that of MurmurHash3's
/// finalizer, the constants are from Chris Wellons's hash-prospector.
fn mixed(words: &Tensor) -> Tensor {
    let x = words.bitwise_xor_tensor(&words.bitwise_right_shift_tensor_scalar(16));
    let x = (x * FACTORS[0]).bitwise_and(LOW);
    let x = x.bitwise_xor_tensor(&x.bitwise_right_shift_tensor_scalar(15));
    let x = (x * FACTORS[1]).bitwise_and(LOW);
    x.bitwise_xor_tensor(&x.bitwise_right_shift_tensor_scalar(15))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, element by element.
    fn bit([first, second]: [i64; 2], element: u32) -> u8 {
        let mixed = |x: u32| {
            let x = (x ^ x >> 16).wrapping_mul(0x21f0_aaad);
            let x = (x ^ x >> 15).wrapping_mul(0x735a_2d97);
            x ^ x >> 15
        };
        let word = mixed(mixed((element / 32) ^ first as u32).wrapping_add(second as u32));
        (word >> (element % 32) & 1) as u8
    }

    proptest! {
        #[test]
        fn masks_follow_the_definition(seed: u64, length in 0i64..3000) {
            let keys = keys(seed, "classifier.2");
            let expected: Vec<u8> = (0..length as u32).map(|element| bit(keys, element)).collect();
            prop_assert_eq!(Vec::<u8>::try_from(mask(keys, length, Device::Cpu)).unwrap(), expected);
        }

        #[test]
        fn masks_of_other_seeds_and_layers_agree_in_half_of_their_elements(seed: u64, step in 1u64..64) {
            let x = Tensor::ones([64, 512], (Kind::Float, Device::Cpu));
            let drop = |seed, name| dropout_half(x.shallow_clone(), Mode::Train { seed }, name);
            let mask = drop(seed, "classifier.2");
            let others = [(seed.wrapping_add(step), "classifier.2"), (seed ^ 1 << (step - 1), "classifier.2"), (seed, "classifier.5")];
            for (seed, name) in others {
                let equal = mask.eq_tensor(&drop(seed, name)).mean(Kind::Double).double_value(&[]);
                // Six standard deviations of 32,768 fair coins.
                prop_assert!((equal - 0.5).abs() < 0.017, "{equal}");
            }
            // Neighbours, and the same element of neighbouring images.
            for shifted in [mask.roll([1], [1]), mask.roll([1], [0])] {
                let equal = mask.eq_tensor(&shifted).mean(Kind::Double).double_value(&[]);
                prop_assert!((equal - 0.5).abs() < 0.017, "{equal}");
            }
        }
    }

    #[test]
    fn dropout_doubles_half_and_depends_only_on_seed_and_name() {
        let x = Tensor::ones([20, 501], (Kind::Float, Device::Cpu));
        let drop = |seed, name| dropout_half(x.shallow_clone(), Mode::Train { seed }, name);
        let (a, b) = (drop(7, "classifier.2"), drop(7, "classifier.2"));
        assert!(a.equal(&b));
        assert!(!a.equal(&drop(8, "classifier.2")) && !a.equal(&drop(7, "classifier.5")));
        assert!((a.mean(Kind::Double).double_value(&[]) - 1.0).abs() < 0.05);
        assert_eq!(a.eq(0.0).logical_or(&a.eq(2.0)).sum(Kind::Int64).int64_value(&[]), 20 * 501);
        assert!(dropout_half(x.shallow_clone(), Mode::Eval, "classifier.2").equal(&x));
    }
}
