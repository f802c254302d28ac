//! Compares the batched operations with a plain loop over the kernels.

use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::merger::Merger;
use crate::stats::MergeStats;

/// Runs Algorithm 1 kernel by kernel in 64 bits; returns the new kernels and the number of merges.
fn oracle(kernels: &[Vec<f64>], plan: &MergePlan, config: &InMerge) -> (Vec<Vec<f64>>, u64) {
    let mut new = kernels.to_vec();
    let mut merged = 0;
    for (i, j) in plan.pairs() {
        let (own, other) = (&kernels[i], &kernels[j]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let norms = dot(own, own).sqrt() * dot(other, other).sqrt();
        let similarity = if norms == 0.0 { 0.0 } else { dot(own, other) / norms };
        let merge = match config.pairs {
            Pairs::Similar => similarity > config.similarity_threshold,
            Pairs::Dissimilar => similarity <= config.similarity_threshold,
        };
        if merge {
            let both = own.iter().zip(other);
            new[i] = both.map(|(x, y)| config.merge_weight * x + (1.0 - config.merge_weight) * y).collect();
            merged += 1;
        }
    }
    (new, merged)
}

fn kernels(weight: &Tensor) -> Vec<Vec<f64>> {
    let outputs = weight.size()[0];
    let flat = weight.detach().to_kind(Kind::Double).contiguous().view([outputs, -1]);
    (0..outputs).map(|at| Vec::try_from(flat.get(at)).unwrap()).collect()
}

/// Returns kernels of which many are similar: a few directions with noise, at the scale of a
/// trained layer.
fn realistic(shape: [i64; 4], seed: i64) -> Tensor {
    // libtorch's generator is global, so tests draw from it one at a time.
    static GENERATOR: Mutex<()> = Mutex::new(());
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed);
    let [outputs, inputs, height, width] = shape;
    let directions = Tensor::randn([outputs / 4 + 1, inputs, height, width], (Kind::Float, Device::Cpu));
    let which = Tensor::randint(outputs / 4 + 1, [outputs], (Kind::Int64, Device::Cpu));
    let noise = Tensor::randn(shape, (Kind::Float, Device::Cpu));
    (directions.index_select(0, &which) + noise * 0.8) * 0.02
}

fn channels_last(weight: &Tensor) -> Tensor {
    let mut out = Tensor::empty_permuted(weight.size(), [0i64, 2, 3, 1], (weight.kind(), weight.device()));
    out.copy_(weight);
    out
}

const PAPER: InMerge = InMerge { shallow_layers: 0, ..crate::config::PAPER };

/// Merges a copy of the weights with [`apply`] and another with the operations for a GPU, and
/// compares both with the loop. `tolerance` is relative to the largest weight.
fn check(weight: &Tensor, config: &InMerge, tolerance: f64) -> u64 {
    let plan = MergePlan::draw(weight.size()[0] as usize, config.merge_probability, 5, 9, 1);
    let (expected, merged) = oracle(&kernels(weight), &plan, config);
    let largest = weight.abs().nan_to_num(0.0, 0.0, 0.0).max().double_value(&[]);
    let close = |found: &Tensor| {
        for (found, expected) in kernels(found).iter().flatten().zip(expected.iter().flatten()) {
            let same = found == expected || (found - expected).abs() <= tolerance * largest;
            assert!(same || (found.is_nan() && expected.is_nan()), "{found} {expected}");
        }
    };
    let (own, mut counter) = (weight.copy(), Counter::default());
    let [both] = &pairs(std::slice::from_ref(&plan), weight.device())[..] else { panic!("one plan") };
    apply(&own, both, config, &mut counter);
    close(&own);
    let stats = counter.take(1);
    assert_eq!((stats.compared, stats.merged), (plan.kernels.len() as u64, merged));

    if !plan.kernels.is_empty() {
        let (mut rows, _) = rows(&weight.copy());
        let [kernels, partners] = both;
        let similarities = similarities(&rows, kernels, partners);
        let chosen = match config.pairs {
            Pairs::Similar => similarities.gt(config.similarity_threshold),
            Pairs::Dissimilar => similarities.le(config.similarity_threshold),
        };
        merge_masked(&mut rows, kernels, partners, &chosen, config.merge_weight);
        let mut other = weight.copy();
        let (view, shared) = super::rows(&other);
        if shared {
            view.shallow_clone().copy_(&rows)
        } else {
            other.copy_(&rows.view_as(&other))
        }
        close(&other);
    }
    merged
}

#[test]
fn real_shapes_merge_as_the_loop_does() {
    // The last convolutions of VGG16, ResNet34 and a bottleneck of ResNet50.
    for shape in [[512, 512, 3, 3], [512, 256, 3, 3], [2048, 512, 1, 1]] {
        let weight = realistic(shape, 3);
        let merged = check(&weight, &PAPER, 1e-6);
        assert!(merged > 0, "{shape:?}");
        assert_eq!(check(&channels_last(&weight), &PAPER, 1e-6), merged);
    }
}

#[test]
fn the_ends_of_every_range_merge_as_the_loop_does() {
    let weight = realistic([24, 6, 3, 3], 1);
    for p in [0.0, 0.3, 1.0] {
        for threshold in [-1.0, 0.0, 0.3, 1.0] {
            for merge_weight in [0.0, 0.5, 1.0] {
                for pairs in [Pairs::Similar, Pairs::Dissimilar] {
                    let config = InMerge {
                        merge_probability: p,
                        similarity_threshold: threshold,
                        merge_weight,
                        pairs,
                        ..PAPER
                    };
                    let merged = check(&weight, &config, 1e-6);
                    let none = p == 0.0
                        || (pairs == Pairs::Similar && threshold == 1.0)
                        || (pairs == Pairs::Dissimilar && threshold == -1.0);
                    assert_eq!(merged == 0, none, "{config:?}");
                }
            }
        }
    }
}

#[test]
fn settings_without_effect_change_no_bit() {
    for config in [
        InMerge { merge_weight: 1.0, merge_probability: 1.0, similarity_threshold: -1.0, ..PAPER },
        InMerge { merge_probability: 0.0, ..PAPER },
        InMerge { merge_probability: 1.0, similarity_threshold: 1.0, ..PAPER },
    ] {
        let weight = realistic([16, 3, 3, 3], 2);
        let before = weight.copy();
        let mut merger = Merger::new(config, 1, 1).unwrap();
        (1..=5).for_each(|step| merger.merge(step, [&weight]));
        assert!(weight.equal(&before), "{config:?}");
    }
}

#[test]
fn single_zero_and_nan_kernels_do_not_spread() {
    let all = InMerge { merge_probability: 1.0, ..PAPER };
    assert_eq!(check(&realistic([1, 4, 3, 3], 1), &all, 0.0), 0);

    let weight = realistic([12, 4, 3, 3], 1);
    let _ = weight.get(3).zero_();
    check(&weight, &all, 1e-6);
    // At τ below 0 a zero kernel, of similarity 0 to all, takes part.
    check(&weight, &InMerge { similarity_threshold: -0.5, ..all }, 1e-6);

    let _ = weight.get(7).fill_(f64::NAN);
    for threshold in [-1.0, 0.3] {
        check(&weight, &InMerge { similarity_threshold: threshold, ..all }, 1e-6);
        let merged = weight.copy();
        let mut merger = Merger::new(InMerge { similarity_threshold: threshold, ..all }, 0, 1).unwrap();
        (1..=20).for_each(|step| merger.merge(step, [&merged]));
        let rows_with_nan = merged.isnan().flatten(1, -1).any_dim(1, false).sum(Kind::Int64);
        assert_eq!(rows_with_nan.int64_value(&[]), 1, "NaN did not spread");
        // The mean is that of the other pairs.
        let mut others = Counter::default();
        let (similarities, none) =
            (Tensor::from_slice(&[0.5f32, f32::NAN, 0.25]), Tensor::zeros([3], (Kind::Bool, Device::Cpu)));
        others.add(&similarities, &none);
        assert_eq!((others.take(1).mean_similarity, merger.take_stats()[0].compared), (Some(0.375), 240));
    }
}

#[test]
fn every_memory_layout_and_type_is_changed_in_place() {
    let weight = realistic([32, 8, 3, 3], 4);
    let all = InMerge { merge_probability: 1.0, ..PAPER };
    check(&weight.to_kind(Kind::Double), &all, 1e-12);
    check(&weight.to_kind(Kind::BFloat16), &all, 8e-3);
    check(&weight.transpose(2, 3), &all, 1e-6); // neither contiguous nor channels-last
    check(&weight.flatten(2, 3), &all, 1e-6); // a one-dimensional convolution's
    // A view into a larger buffer, as an optimizer may keep them.
    let buffer = Tensor::zeros([2, 32, 8, 3, 3], (Kind::Float, Device::Cpu));
    buffer.get(1).copy_(&weight);
    Merger::new(all, 5, 1).unwrap().merge(9, [&buffer.get(1)]);
    let alone = weight.copy();
    Merger::new(all, 5, 1).unwrap().merge(9, [&alone]);
    assert!(buffer.get(1).equal(&alone) && !alone.equal(&weight));
    assert_eq!(buffer.get(0).abs().max().double_value(&[]), 0.0);
}

#[test]
fn sources_are_the_weights_before_the_step() {
    // Three equal directions of lengths 1, 2 and 4, all merged half and half: reading a partner
    // that is already merged would give other lengths.
    let weight = Tensor::from_slice(&[1f32, 2.0, 4.0]).view([3, 1, 1, 1]);
    let config = InMerge { merge_probability: 1.0, merge_weight: 0.5, ..PAPER };
    let mut merger = Merger::new(config, 3, 1).unwrap();
    let before = [1.0, 2.0, 4.0];
    let expected: Vec<f64> =
        MergePlan::draw(3, 1.0, 3, 1, 1).pairs().map(|(i, j)| (before[i] + before[j]) / 2.0).collect();
    merger.merge(1, [&weight]);
    assert_eq!(kernels(&weight).concat(), expected);
}

#[test]
fn shallow_layers_do_not_change_and_counts_add_up() {
    let layers: Vec<Tensor> = (0..4).map(|seed| realistic([16, 4, 3, 3], seed)).collect();
    let before: Vec<Tensor> = layers.iter().map(Tensor::copy).collect();
    let mut merger = Merger::new(InMerge { shallow_layers: 2, ..PAPER }, 0, 4).unwrap();
    (1..=10).for_each(|step| merger.merge(step, &layers));
    let changed: Vec<bool> = layers.iter().zip(&before).map(|(now, before)| !now.equal(before)).collect();
    assert_eq!(changed, [false, false, true, true]);
    let stats = merger.take_stats();
    assert_eq!(stats.iter().map(|layer| layer.layer).collect::<Vec<_>>(), [3, 4]);
    assert!(
        stats.iter().all(|layer| layer.merged > 0 && layer.merged <= layer.compared && layer.compared < 160)
    );
    assert!(stats.iter().all(|layer| layer.kernels == 16));
    let nothing = MergeStats { layer: 3, kernels: 0, compared: 0, merged: 0, mean_similarity: None };
    assert_eq!(merger.take_stats()[0], nothing);
}

#[test]
fn merged_weights_still_require_gradients() {
    let weight = realistic([16, 4, 3, 3], 0).set_requires_grad(true);
    let mut merger = Merger::new(PAPER, 0, 1).unwrap();
    merger.merge(1, [&weight]);
    weight.square().sum(Kind::Float).backward();
    assert!(weight.grad().equal(&(weight.detach() * 2.0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_layers_merge_as_the_loop_does(
        outputs in 1i64..40,
        inputs in 1i64..6,
        side in 1i64..4,
        seed in 0i64..1000,
        merge_weight in 0.0..=1.0,
        merge_probability in 0.0..=1.0,
        similarity_threshold in -1.0..=1.0,
        last in any::<bool>(),
    ) {
        let config = InMerge { merge_weight, merge_probability, similarity_threshold, ..PAPER };
        let weight = realistic([outputs, inputs, side, side], seed);
        let weight = if last { channels_last(&weight) } else { weight };
        // In 32 bits a cosine within 1e-6 of the threshold may fall on either side of it.
        let clear = |(i, j): (usize, usize)| {
            let all = kernels(&weight);
            let dot = |a: usize, b: usize| all[a].iter().zip(&all[b]).map(|(x, y)| x * y).sum::<f64>();
            (dot(i, j) / (dot(i, i) * dot(j, j)).sqrt() - similarity_threshold).abs() > 1e-6
        };
        prop_assume!(MergePlan::draw(outputs as usize, merge_probability, 5, 9, 1).pairs().all(clear));
        check(&weight, &config, 1e-6);
    }
}
