//! Groups of samples: compared with Obuchowski's definition (tests/golden/eval/clustered.py) and
//! with results without groups, and properties.

use ff_eval::{
    AurocDifference, DeLong, Metric, Predictions, Targets, bootstrap, bootstrap_difference, delong,
};
use proptest::prelude::*;

use super::{assert_near, assert_same_test, pairs, read};

fn outcomes(baseline: &Predictions, other: &Predictions) -> Vec<DeLong> {
    delong(baseline, other).unwrap().into_iter().map(|of| of.outcome).collect()
}

#[test]
fn clustered_delong_matches_obuchowski() {
    let (mut tests, mut undefined) = (0, vec![]);
    for (name, [baseline, other], case) in pairs("clustered.json") {
        // All samples tied: its area is constant, so the difference has the other area's variance.
        let same = vec![0.0; baseline.logits().len()];
        let constant = Predictions::new(same, baseline.outputs(), baseline.targets().clone()).unwrap();
        let alone = [&baseline, &other].map(|model| outcomes(&constant, model));
        for (at, found) in outcomes(&baseline, &other).into_iter().enumerate() {
            let theirs = &case["delong"][at];
            let DeLong::Defined(found) = found else {
                assert!(theirs.is_null(), "{name}: {found:?}");
                undefined.push(found);
                continue;
            };
            tests += 1;
            assert_same_test(&found, theirs, &name);
            let jackknife = theirs["jackknife"].as_f64().unwrap();
            assert!((found.standard_error - jackknife).abs() < 0.15 * found.standard_error, "{name}");
            let errors: Vec<f64> = alone.iter().map(|of| standard_error(&of[at])).collect();
            assert_near(errors[0], &theirs["standard_errors"][0], &name);
            assert_near(errors[1], &theirs["standard_errors"][1], &name);
            let shared = (errors[0].powi(2) + errors[1].powi(2) - found.standard_error.powi(2)) / 2.0;
            assert_near(shared, &theirs["covariance"], &name);
        }
    }
    let why =
        "output 2: expected at least 2 groups with positive and 2 with negative samples, found 1 and 29";
    assert_eq!((tests, undefined), (3, vec![DeLong::Undefined(why.into())]));
}

fn standard_error(outcome: &DeLong) -> f64 {
    let DeLong::Defined(found) = outcome else { panic!("{outcome:?}") };
    found.standard_error
}

/// Results of a version without groups.
#[test]
fn bits_without_groups_are_unchanged() {
    let [baseline, other] = ["binary", "binary_other"].map(read);
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let singles = (0..baseline.len() as u32).map(|sample| 1000 - sample).collect::<Vec<_>>();
    let grouped = baseline.clone().with_groups(singles).unwrap();
    for baseline in [baseline, grouped] {
        let intervals = |metric| {
            let of = bootstrap(metric, &baseline, 200, 7).unwrap();
            let difference = bootstrap_difference(metric, &baseline, &other, 200, 7).unwrap().unwrap();
            let ends = difference.interval.unwrap();
            bits(&[of.low, of.high, difference.value, ends.low, ends.high])
        };
        assert_eq!(
            intervals(Metric::Accuracy),
            [
                0x3fe1e978d4fdf3b7,
                0x3fe75e353f7ced92,
                0x3fb9999999999998,
                0x3f947ae147ae1480,
                0x3fc70a3d70a3d70c
            ]
        );
        assert_eq!(
            intervals(Metric::Auroc),
            [
                0x3fe4031f8a0902de,
                0x3fea5280f113d92e,
                0x3fb8888888888888,
                0x3fa02d08bfe92bd9,
                0x3fc5c3972150749f
            ]
        );
        let DeLong::Defined(AurocDifference { baseline, other, difference, standard_error, .. }) =
            outcomes(&baseline, &other)[0]
        else {
            panic!()
        };
        assert_eq!(
            bits(&[baseline, other, difference, standard_error]),
            [0x3fe72c5f92c5f92c, 0x3fea3d70a3d70a3d, 0x3fb8888888888889, 0x3fa31aa86586c768]
        );
    }
}

#[test]
fn one_group_has_no_interval() {
    let grouped = |groups: Vec<u32>| {
        let classes = Targets::Classes(vec![0, 1, 0, 1]);
        Predictions::new(vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 2, classes)
            .unwrap()
            .with_groups(groups)
    };
    let (one, two) = (grouped(vec![5; 4]).unwrap(), grouped(vec![5, 5, 6, 6]).unwrap());
    assert_eq!(bootstrap(Metric::Accuracy, &one, 100, 0), None);
    let difference = bootstrap_difference(Metric::Accuracy, &one, &one, 100, 0).unwrap().unwrap();
    assert_eq!((difference.value, difference.interval), (0.0, None));
    // One group is all correct, one all wrong: the accuracy of a resample is 0, one half or 1.
    let interval = bootstrap(Metric::Accuracy, &two, 100, 0).unwrap();
    assert_eq!((interval.low, interval.high), (0.0, 1.0));
    let error = bootstrap_difference(Metric::Accuracy, &one, &two, 100, 0).unwrap_err().to_string();
    assert!(error.contains("found other groups"), "{error}");
}

/// Two models of one task on samples in at most 8 groups; logits with many ties, labels with
/// unknown ones.
fn models() -> impl Strategy<Value = ([Predictions; 2], Vec<u32>)> {
    let label = prop_oneof![3 => Just(0.0), 3 => Just(1.0), 1 => Just(f32::NAN)];
    prop::collection::vec((label, -3i8..4, -3i8..4, 0u32..8), 1..60).prop_map(|rows| {
        let labels: Vec<f32> = rows.iter().map(|row| row.0).collect();
        let model = |logits: Vec<f32>| Predictions::new(logits, 1, Targets::Labels(labels.clone())).unwrap();
        let one = model(rows.iter().map(|row| f32::from(row.1)).collect());
        let other = model(rows.iter().map(|row| f32::from(row.2)).collect());
        ([one, other], rows.iter().map(|row| row.3).collect())
    })
}

fn grouped(models: &[Predictions; 2], groups: &[u32]) -> [Predictions; 2] {
    models.clone().map(|model| model.with_groups(groups.to_vec()).unwrap())
}

proptest! {
    #[test]
    fn numbers_of_groups_do_not_matter((models, groups) in models(), seed: u64) {
        let renamed: Vec<u32> = groups.iter().map(|group| u32::MAX - 3 * group).collect();
        let ([one, other], [same, same_other]) = (grouped(&models, &groups), grouped(&models, &renamed));
        prop_assert_eq!(bootstrap(Metric::Auroc, &one, 20, seed), bootstrap(Metric::Auroc, &same, 20, seed));
        prop_assert_eq!(delong(&one, &other).unwrap(), delong(&same, &same_other).unwrap());
        // It does not matter either which of the two models has them.
        let of = |one, other| bootstrap_difference(Metric::Auroc, one, other, 20, seed).unwrap();
        let expected = of(&one, &other);
        for (one, other) in [(&one, &same_other), (&one, &models[1]), (&models[0], &other)] {
            prop_assert_eq!(of(one, other), expected);
        }
    }

    #[test]
    fn groups_of_one_sample_change_nothing((models, _) in models(), seed: u64) {
        let groups: Vec<u32> = (0..models[0].len() as u32).map(|sample| sample * 7 % 1009).collect();
        prop_assume!(groups.len() > 1);
        let [one, other] = grouped(&models, &groups);
        prop_assert_eq!(bootstrap(Metric::Auroc, &one, 20, seed), bootstrap(Metric::Auroc, &models[0], 20, seed));
        prop_assert_eq!(delong(&one, &other).unwrap(), delong(&models[0], &models[1]).unwrap());
    }

    #[test]
    fn delong_does_not_depend_on_the_order((models, groups) in models()) {
        let backwards = models.clone().map(|model| {
            let Targets::Labels(labels) = model.targets() else { unreachable!() };
            let labels = labels.iter().rev().copied().collect();
            let logits = model.logits().iter().rev().copied().collect();
            Predictions::new(logits, 1, Targets::Labels(labels)).unwrap()
        });
        let turned: Vec<u32> = groups.iter().rev().copied().collect();
        let of = |[one, other]: [Predictions; 2]| outcomes(&one, &other).remove(0);
        match (of(grouped(&models, &groups)), of(grouped(&backwards, &turned))) {
            (DeLong::Defined(one), DeLong::Defined(other)) => {
                prop_assert!((one.difference - other.difference).abs() < 1e-12);
                // A variance of 0 may be one of 1e-17 after rounding.
                let variance = |of: AurocDifference| of.standard_error.powi(2);
                prop_assert!((variance(one) - variance(other)).abs() < 1e-12);
            }
            (one, other) => prop_assert_eq!(one, other),
        }
    }
}
