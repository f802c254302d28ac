//! Distances, angles, lines and planes of models, and the steps of greedy soups.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_soup::{
    Average, Candidate, Error, Hierarchy, Ingredient, Ingredients, Plane, ScoreError, Scorer, Selector,
    distances, geometry,
};
use proptest::prelude::*;

fn model(id: &str, values: &[f64], dtype: Dtype) -> Ingredient {
    let weights = StateDict::from_tensors(BTreeMap::from([
        ("bn.num_batches_tracked".to_owned(), OwnedTensor::i64([], &[id.len() as i64 + values.len() as i64])),
        ("bn.running_mean".to_owned(), OwnedTensor::rounded(dtype, &[1], &[100.0 * values[0]])),
        ("fc.weight".to_owned(), OwnedTensor::rounded(dtype, &[values.len()], values)),
    ]));
    let fields = BTreeMap::from([("group".to_owned(), id[..1].to_owned())]);
    Ingredient { id: id.to_owned(), weights, fields }
}

fn models(values: &[&[f64]]) -> Ingredients {
    let named = values.iter().enumerate().map(|(i, values)| model(&format!("m{i}"), values, Dtype::F64));
    Ingredients::new(named.collect()).unwrap()
}

fn values(weights: &StateDict) -> Vec<f64> {
    weights.get("fc.weight").unwrap().to_f64().unwrap()
}

fn weights_only(name: &str) -> bool {
    name != "bn.running_mean"
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * (1.0 + a.abs())
}

proptest! {
    #[test]
    fn ends_of_a_line_are_the_models_bit_for_bit(
        a in prop::collection::vec(prop_oneof![Just(-0.0f64), -1e30..1e30f64], 1..6000),
        seed in any::<u64>(),
        dtype in prop::sample::select(vec![Dtype::F32, Dtype::F64, Dtype::F16, Dtype::BF16]),
    ) {
        let a: Vec<f64> = if dtype == Dtype::F16 { a.iter().map(|v| v % 600.0).collect() } else { a };
        let b: Vec<f64> = a.iter().enumerate().map(|(i, v)| -v / (1.0 + (seed ^ i as u64) as f64)).collect();
        let (first, second) = (model("a", &a, dtype), model("bb", &b, dtype));
        let both = Ingredients::new(vec![first.clone(), second.clone()]).unwrap();
        prop_assert_eq!(*both.combine(&[1.0, 0.0]).digest(), *first.weights.digest());
        let other = both.combine(&[0.0, 1.0]);
        for name in ["bn.running_mean", "fc.weight"] {
            prop_assert_eq!(other.get(name).unwrap().data, second.weights.get(name).unwrap().data);
        }
        let integers = "bn.num_batches_tracked";
        prop_assert_eq!(other.get(integers), first.weights.get(integers));
    }

    #[test]
    fn halfway_is_the_mean(a in prop::collection::vec(-10.0..10.0f64, 5), b in prop::collection::vec(-10.0..10.0f64, 5)) {
        let both = models(&[&a, &b]);
        let mean = Average::Mean(vec![Average::Ingredient("m0".into()), Average::Ingredient("m1".into())]);
        // Halves and the sum of two are exact, so the bits are the same.
        prop_assert_eq!(*both.combine(&[0.5, 0.5]).digest(), *both.weights(&mean).unwrap().digest());
    }

    #[test]
    fn a_plane_has_its_models_at_its_corners(flat in prop::collection::vec(-5.0..5.0f64, 12), along in -1.0..2.0f64, up in -1.0..2.0f64) {
        let three = models(&[&flat[..4], &flat[4..8], &flat[8..]]);
        let Ok(plane) = Plane::through(three.clone(), weights_only) else { return Ok(()) };
        prop_assert_eq!(plane.corners()[0], ("m0", 0.0, 0.0), "the first model is the origin");
        for (name, x, y) in plane.corners() {
            prop_assert!((-1.0 - 1e-9..=1.0 + 1e-9).contains(&x), "{name} at {x}");
            let model = three.get(name).unwrap();
            let (found, expected) = (values(&plane.weights(x, y)), values(&model.weights));
            prop_assert!(found.iter().zip(&expected).all(|(a, b)| close(*a, *b)), "{found:?} {expected:?}");
            let place = plane.place(model).unwrap();
            prop_assert!(close(place.x, x) && close(place.y, y) && place.height < 1e-5, "{place:?}");
        }
        // The axes are orthogonal and of the reported lengths.
        let at = |x: f64, y: f64| values(&plane.weights(x, y));
        let minus = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
        let (u, v) = (minus(at(1.0, 0.0), at(0.0, 0.0)), minus(at(0.0, 1.0), at(0.0, 0.0)));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        prop_assert!(dot(&u, &v).abs() < 1e-7);
        let [length, height] = plane.lengths();
        prop_assert!(close(dot(&u, &u).sqrt(), length) && close(dot(&v, &v).sqrt(), height));
        prop_assert!(height <= length);
        // A point of the plane is placed at its own coordinates.
        let point = Ingredient { id: "p".into(), weights: plane.weights(along, up), fields: BTreeMap::new() };
        let place = plane.place(&point).unwrap();
        prop_assert!((place.x - along).abs() < 1e-5 && (place.y - up).abs() < 1e-5, "{place:?}");
    }
}

#[test]
fn height_is_the_distance_from_the_plane() {
    let three = models(&[&[0.0, 0.0, 0.0], &[3.0, 3.0, 0.0], &[4.0, 0.0, 0.0]]);
    let plane = Plane::through(three, weights_only).unwrap();
    // m1, at √18, is further from m0 than m2; the running mean, 100 times as large, is not counted.
    assert_eq!(plane.corners().map(|corner| corner.0), ["m0", "m1", "m2"]);
    let above = model("above", &[4.0, 0.0, 2.0], Dtype::F64);
    let place = plane.place(&above).unwrap();
    assert!(close(place.height, 2.0), "{place:?}");
}

#[test]
fn three_models_on_a_line_are_refused_by_name() {
    for third in [[2.0, 2.0], [0.0, 0.0], [0.5, 0.500_1]] {
        let error = Plane::through(models(&[&[0.0, 0.0], &[1.0, 1.0], &third]), weights_only).err().unwrap();
        let text = error.to_string();
        assert!(text.contains("`m0`, `m1` and `m2`") && text.contains("hint"), "{text}");
        assert!(matches!(error, Error::Collinear { .. }));
    }
    let same =
        Plane::through(models(&[&[1.0, 0.0], &[1.0, 1e-30], &[1.0, 3e-30]]), weights_only).err().unwrap();
    assert!(same.to_string().contains("differ by 3.00e-30 at most, of a norm of 1.00e0"), "{same}");
    assert!(matches!(
        Plane::through(models(&[&[0.0], &[0.0], &[0.0]]), weights_only).err().unwrap(),
        Error::Same { .. }
    ));
}

#[test]
fn distances_are_from_the_first_model_over_counted_tensors() {
    let three = models(&[&[0.0, 0.0], &[3.0, 4.0], &[0.0, -2.0]]);
    assert_eq!(distances(&three, weights_only), [5.0, 2.0]);
    assert!(distances(&three, |_| true)[0] > 300.0);
}

#[test]
fn geometry_is_that_of_task_vectors() {
    // The larger models are in several runs of blocks.
    for count in [3, 300_001] {
        let vector = |seed: u64| -> Vec<f64> {
            (0..count)
                .map(|at| ((at * 48_271 + seed * 40_503) % 1009) as f64 / 1009.0 - 0.2 * seed as f64)
                .collect()
        };
        let (base, vectors) = (vector(4), [vector(1), vector(2), vector(3)]);
        let all = models(&vectors.each_ref().map(Vec::as_slice));
        let all = all.with_base(model("base", &base, Dtype::F64)).unwrap();
        let found = geometry(&all, None, weights_only).unwrap();
        // Those with one model are the same, and the others are not computed.
        let of_one = geometry(&all, Some(1), weights_only).unwrap();
        for of in 0..3 {
            assert_eq!(of_one.from_base(of), found.from_base(of));
            assert_eq!(of_one.distance(of, 1), found.distance(of, 1));
        }
        assert!(std::panic::catch_unwind(|| of_one.distance(0, 2)).is_err());
        let change = |of: usize| vectors[of].iter().zip(&base).map(|(value, base)| value - base);
        let dot = |a: usize, b: usize| change(a).zip(change(b)).map(|(a, b)| a * b).sum::<f64>();
        for (a, b) in [(0, 0), (0, 1), (1, 0), (2, 0), (1, 2), (2, 2)] {
            let [of_a, of_b] = [a, b].map(|of| dot(of, of).sqrt());
            assert!(close(found.from_base(a), of_a), "{a}");
            let apart = change(a).zip(change(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!((found.distance(a, b) - apart).abs() < 1e-6 * of_a, "{a} and {b}");
            let cosine = dot(a, b) / (of_a * of_b);
            assert!(close(found.cosine(a, b).unwrap(), cosine), "{a} and {b}");
            // Near 0° the angle changes much with the last bits of the cosine.
            let angle = cosine.min(1.0).acos().to_degrees();
            assert!((found.angle(a, b).unwrap() - angle).abs() < 1e-4, "{a} and {b}");
        }
    }
}

#[test]
fn angles_need_a_base_and_a_change() {
    let two = models(&[&[3.0, 4.0], &[0.0, 1.0]]);
    assert!(matches!(geometry(&two, None, weights_only), Err(Error::NoBase)));
    let two = two.with_base(model("base", &[0.0, 1.0], Dtype::F64)).unwrap();
    let found = geometry(&two, None, weights_only).unwrap();
    assert_eq!((found.from_base(0), found.from_base(1)), (18f64.sqrt(), 0.0));
    assert_eq!((found.angle(0, 1), found.distance(0, 1)), (None, 18f64.sqrt()));
    let across = models(&[&[2.0, 0.0], &[0.0, -1.0], &[-4.0, 0.0]]);
    let across = across.with_base(model("base", &[0.0, 0.0], Dtype::F64)).unwrap();
    let found = geometry(&across, None, weights_only).unwrap();
    assert_eq!([found.angle(0, 0), found.angle(0, 1), found.angle(0, 2)], [0.0, 90.0, 180.0].map(Some));
}

/// Scores weights by minus their squared distance from a target.
struct Bowl([f64; 2]);

impl Bowl {
    fn of(&self, weights: &StateDict) -> f64 {
        -values(weights).iter().zip(self.0).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
    }
}

impl Scorer for Bowl {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(self.of(&candidate.weights()?))
    }
}

#[test]
fn greedy_steps_match_the_recorded_scores() {
    let points =
        [("a1", [0.0, 1.0]), ("a2", [1.0, 0.0]), ("a3", [9.0, 9.0]), ("b1", [2.0, 2.0]), ("b2", [-1.0, 0.0])];
    let ingredients =
        Ingredients::new(points.iter().map(|(id, at)| model(id, at, Dtype::F64)).collect()).unwrap();
    for hierarchy in
        [Hierarchy::greedy(), Hierarchy::greedy_of_greedy("group"), Hierarchy::greedy_of_uniform("group")]
    {
        let mut bowl = Bowl([0.4, 0.6]);
        let soup = hierarchy.select(&ingredients, &mut bowl).unwrap();
        let greedy_steps = soup.greedy_steps();
        assert_eq!(greedy_steps.len(), soup.decisions.iter().filter(|d| d.before.is_some()).count());
        assert!(!greedy_steps.is_empty());
        for step in &greedy_steps {
            let [candidate, before] =
                [&step.candidate, &step.before].map(|average| ingredients.weights(average).unwrap());
            assert!(close(bowl.of(&before), step.decision.before.unwrap()), "{step:?}");
            assert!(close(bowl.of(&candidate), step.decision.alone.unwrap()), "{step:?}");
            let ends = [("candidate", candidate), ("before", before)];
            let ends =
                ends.map(|(id, weights)| Ingredient { id: id.into(), weights, fields: BTreeMap::new() });
            let line = Ingredients::new(ends.to_vec()).unwrap();
            let share = 1.0 / (step.parts + 1) as f64;
            let with = bowl.of(&line.combine(&[share, 1.0 - share]));
            assert!(close(with, step.decision.tried.unwrap()), "{step:?}");
        }
    }
    assert_eq!(Hierarchy::uniform().select(&ingredients, &mut Bowl([0.0; 2])).unwrap().greedy_steps(), []);
}
