//! Soups of tiny models, compared with simple reference implementations.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_soup::{
    Accept, Average, Candidate, Error, Hierarchy, Ingredient, Ingredients, Line, MergeAll, MergeMethod,
    NthBest, Policy, Pruned, ScoreError, Scorer, Selector, verify,
};
use proptest::prelude::*;

fn weights(values: &[f32]) -> StateDict {
    StateDict::from_tensors(BTreeMap::from([
        ("bn.num_batches_tracked".to_owned(), OwnedTensor::i64([], &[values[0] as i64])),
        ("fc.weight".to_owned(), OwnedTensor::f32([values.len()], values)),
    ]))
}

fn values(weights: &StateDict) -> Vec<f32> {
    weights.get("fc.weight").unwrap().to_f32().unwrap()
}

fn model(id: &str, rate: &str, values: &[f32]) -> Ingredient {
    let fields = BTreeMap::from([("learning_rate".to_owned(), rate.to_owned())]);
    Ingredient { id: id.to_owned(), weights: weights(values), fields }
}

fn named(models: &[&[f32]]) -> Ingredients {
    let name = |i: usize| format!("m{i}");
    Ingredients::new(models.iter().enumerate().map(|(i, v)| model(&name(i), "x", v)).collect()).unwrap()
}

/// Scores weights by minus their squared distance from a target.
struct Bowl(Vec<f32>);

impl Bowl {
    fn of(&self, values: &[f32]) -> f64 {
        -values.iter().zip(&self.0).map(|(v, t)| f64::from(v - t).powi(2)).sum::<f64>()
    }
}

impl Scorer for Bowl {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(self.of(&values(&candidate.weights()?)))
    }
}

fn mean(models: &[&Vec<f32>]) -> Vec<f32> {
    (0..models[0].len())
        .map(|i| (models.iter().map(|m| f64::from(m[i])).sum::<f64>() / models.len() as f64) as f32)
        .collect()
}

/// A reference greedy soup: every candidate's mean is computed from scratch.
fn reference_greedy(models: &[Vec<f32>], bowl: &Bowl) -> Vec<usize> {
    let mut order: Vec<usize> = (0..models.len()).collect();
    order.sort_by(|&a, &b| bowl.of(&models[b]).total_cmp(&bowl.of(&models[a])));
    let mut soup = vec![order[0]];
    for &next in &order[1..] {
        let score =
            |members: &[usize]| bowl.of(&mean(&members.iter().map(|&m| &models[m]).collect::<Vec<_>>()));
        let with: Vec<usize> = soup.iter().copied().chain([next]).collect();
        if score(&with) > score(&soup) {
            soup = with;
        }
    }
    soup
}

fn models() -> impl Strategy<Value = Vec<Vec<f32>>> {
    (1usize..5).prop_flat_map(|width| prop::collection::vec(prop::collection::vec(-4f32..4.0, width), 1..9))
}

proptest! {
    #[test]
    fn greedy_matches_the_reference(models in models()) {
        let bowl = Bowl(vec![0.5; models[0].len()]);
        let expected = reference_greedy(&models, &bowl);
        let ingredients = named(&models.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let soup = Hierarchy::greedy().select(&ingredients, &mut Bowl(bowl.0.clone())).unwrap();
        let ids: Vec<String> = expected.iter().map(|i| format!("m{i}")).collect();
        prop_assert_eq!(soup.average.shares().iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
        prop_assert_eq!(soup.decisions.len(), models.len());
        prop_assert!(soup.decisions.iter().all(|d| d.tried >= d.alone || !d.taken));
        let best = models.iter().map(|m| bowl.of(m)).fold(f64::MIN, f64::max);
        prop_assert!(soup.score >= best, "a greedy soup is at least the best single model");
    }

    #[test]
    fn bits_of_uniform_do_not_depend_on_the_order(models in models(), turn in 0usize..8) {
        let soup = |models: &[Vec<f32>]| {
            let ingredients = named(&models.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let soup = Hierarchy::uniform().select(&ingredients, &mut Bowl(vec![0.0; models[0].len()])).unwrap();
            values(&ingredients.weights(&soup.average).unwrap())
        };
        let mut turned = models.clone();
        turned.rotate_left(turn % models.len());
        prop_assert_eq!(soup(&models), soup(&turned));
        prop_assert_eq!(soup(&models), mean(&models.iter().collect::<Vec<_>>()));
    }
}

#[test]
fn a_soup_of_one_model_is_the_model() {
    let ingredients = named(&[&[1.5, 0.1]]);
    for method in [Hierarchy::uniform(), Hierarchy::greedy(), Hierarchy::greedy_of_greedy("learning_rate")] {
        let soup = method.select(&ingredients, &mut Bowl(vec![0.0, 0.0])).unwrap();
        assert_eq!(soup.average, Average::Ingredient("m0".into()));
        assert_eq!(
            ingredients.weights(&soup.average).unwrap().digest(),
            ingredients.iter().next().unwrap().weights.digest()
        );
    }
}

/// Two learning rates, three models each; the target is 0.
fn two_groups() -> Ingredients {
    Ingredients::new(vec![
        model("a0", "1e-3", &[4.0]),
        model("b0", "1e-4", &[-1.0]),
        model("a1", "1e-3", &[1.0]),
        model("b1", "1e-4", &[-2.0]),
        model("a2", "1e-3", &[-3.5]),
    ])
    .unwrap()
}

#[test]
fn greedy_of_uniform_gives_groups_equal_shares() {
    let soup =
        Hierarchy::greedy_of_uniform("learning_rate").select(&two_groups(), &mut Bowl(vec![0.0])).unwrap();
    // Local soups: a = (4 + 1 - 3.5) / 3 = 0.5, b = (-1 - 2) / 2 = -1.5. Their mean, -0.5, is no
    // better than a.
    let ids =
        |members: &[&str]| Average::Mean(members.iter().map(|&id| Average::Ingredient(id.into())).collect());
    assert_eq!(soup.average, ids(&["a0", "a1", "a2"]));
    assert_eq!(soup.score, -0.25);
    let top: Vec<_> = soup.decisions.iter().filter(|d| d.group.is_empty()).collect();
    assert_eq!(top.len(), 2);
    assert_eq!(
        (top[1].candidate.as_str(), top[1].tried, top[1].taken),
        ("learning_rate=1e-4", Some(-0.25), false)
    );

    let at_least = Hierarchy {
        policies: vec![Policy::Greedy { accept: Accept::AtLeast }, Policy::Uniform {}],
        ..Hierarchy::greedy_of_uniform("learning_rate")
    };
    let soup = at_least.select(&two_groups(), &mut Bowl(vec![0.0])).unwrap();
    assert_eq!(soup.average, Average::Mean(vec![ids(&["a0", "a1", "a2"]), ids(&["b0", "b1"])]));
    let shares: BTreeMap<_, _> = soup.average.shares().into_iter().collect();
    assert_eq!(shares["b0"], 0.25, "each local soup has a share of 1/2, whatever its size");
    assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn greedy_of_greedy_is_greedy_twice() {
    let soup =
        Hierarchy::greedy_of_greedy("learning_rate").select(&two_groups(), &mut Bowl(vec![0.0])).unwrap();
    // a: 1 alone; with -3.5: -1.25 worse; with 4: 2.5 worse. b: -1 alone; with -2 worse. Together:
    // 0.
    let expected = Average::Mean(vec![Average::Ingredient("a1".into()), Average::Ingredient("b0".into())]);
    assert_eq!(soup.average, expected);
    assert_eq!(soup.score, 0.0);
}

#[test]
fn deeper_hierarchies_nest() {
    let field = |aug: &str, rate: &str| {
        BTreeMap::from([("augmentation".into(), aug.into()), ("learning_rate".into(), rate.into())])
    };
    let models =
        [("h", "1"), ("h", "1"), ("h", "2"), ("m", "1")].iter().enumerate().map(|(i, (aug, rate))| {
            Ingredient { id: i.to_string(), weights: weights(&[i as f32]), fields: field(aug, rate) }
        });
    let ingredients = Ingredients::new(models.collect()).unwrap();
    let method = Hierarchy {
        levels: vec!["augmentation".into(), "learning_rate".into()],
        policies: vec![Policy::Uniform {}, Policy::Uniform {}, Policy::Uniform {}],
    };
    let soup = method.select(&ingredients, &mut Bowl(vec![0.0])).unwrap();
    assert_eq!(soup.average.to_string(), "mean(mean(mean(0, 1), 2), 3)");
    assert_eq!(soup.average.summary(), "the mean of 4 models (`0` first)");
    assert_eq!(values(&ingredients.weights(&soup.average).unwrap()), [(0.5 + 2.0) / 4.0 + 1.5]);
}

#[test]
fn ties_keep_the_order_given() {
    let ingredients = named(&[&[2.0], &[1.0], &[-1.0], &[1.0]]);
    let soup = Hierarchy::greedy().select(&ingredients, &mut Bowl(vec![0.0])).unwrap();
    let order: Vec<_> = soup.decisions.iter().map(|d| d.candidate.as_str()).collect();
    assert_eq!(order, ["m1", "m2", "m3", "m0"]);
    assert_eq!(soup.average.to_string(), "mean(m1, m2)");
}

#[test]
fn the_best_is_the_first_of_the_highest() {
    let soup = NthBest(1).select(&named(&[&[2.0], &[1.0], &[-1.0]]), &mut Bowl(vec![0.0])).unwrap();
    assert_eq!((soup.average, soup.score), (Average::Ingredient("m1".into()), -1.0));
    assert_eq!(soup.decisions.iter().map(|d| d.taken).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn ranks_count_from_the_best_and_end_with_the_worst() {
    let models = named(&[&[2.0], &[1.0], &[-1.0]]);
    let ranked =
        |rank: usize| NthBest(rank).select(&models, &mut Bowl(vec![0.0])).unwrap().average.to_string();
    assert_eq!([1, 2, 3, 9].map(ranked), ["m1", "m2", "m0", "m0"]);
}

#[test]
fn integer_buffers_are_the_first_ingredients() {
    let ingredients = named(&[&[3.0], &[9.0]]);
    let mean = ingredients
        .weights(&Average::Mean(vec![Average::Ingredient("m0".into()), Average::Ingredient("m1".into())]))
        .unwrap();
    assert_eq!(mean.get("bn.num_batches_tracked").unwrap().to_i64().unwrap(), [3]);
    assert_eq!(values(&mean), [6.0]);
}

#[test]
fn other_types_are_averaged_in_their_own_type() {
    for (dtype, bytes) in [
        (Dtype::BF16, [1.0f32, 2.0].map(|v| half::bf16::from_f32(v).to_le_bytes().to_vec())),
        (Dtype::F16, [1.0f32, 2.0].map(|v| half::f16::from_f32(v).to_le_bytes().to_vec())),
        (Dtype::F64, [1.0f64, 2.0].map(|v| v.to_le_bytes().to_vec())),
    ] {
        let models = bytes.into_iter().enumerate().map(|(i, data)| Ingredient {
            id: i.to_string(),
            weights: StateDict::from_tensors(BTreeMap::from([(
                "fc.weight".to_owned(),
                OwnedTensor { dtype, shape: vec![1], data },
            )])),
            fields: BTreeMap::new(),
        });
        let ingredients = Ingredients::new(models.collect()).unwrap();
        let soup = Hierarchy::uniform().select(&ingredients, &mut Bowl(vec![0.0])).unwrap();
        let mean = ingredients.weights(&soup.average).unwrap();
        assert_eq!((mean.get("fc.weight").unwrap().dtype, values(&mean)), (dtype, vec![1.5]));
    }
}

#[test]
fn a_saved_soup_verifies_and_a_changed_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let ingredients = two_groups();
    let soup =
        Hierarchy::greedy_of_greedy("learning_rate").select(&ingredients, &mut Bowl(vec![0.0])).unwrap();
    let provenance = ingredients.provenance(&soup.average, Default::default(), None, "0.1.0").unwrap();
    let path = folder.path().join("soup.safetensors");
    ingredients.weights(&soup.average).unwrap().save(&path, Some(&provenance)).unwrap();

    let files: Vec<StateDict> = ingredients.iter().map(|i| i.weights.clone()).collect();
    let opened = StateDict::open(&path).unwrap();
    assert!(verify(&opened, &files, &[]).unwrap().is_empty());
    assert!(matches!(verify(&opened, &files[..1], &[]), Err(Error::Missing(_))));

    weights(&[0.125]).save(&path, Some(&provenance)).unwrap();
    assert!(matches!(verify(&StateDict::open(&path).unwrap(), &files, &[]), Err(Error::Different { .. })));
    // Tensors that were recomputed after averaging are named and not compared.
    let recomputed = |names: &[&str]| {
        let recipe = serde_json::json!({"recomputed": names}).as_object().cloned().unwrap();
        let provenance = ingredients.provenance(&soup.average, recipe, None, "0.1.0").unwrap();
        weights(&[0.125]).save(&path, Some(&provenance)).unwrap();
        verify(&StateDict::open(&path).unwrap(), &files, &[])
    };
    let both = ["bn.num_batches_tracked", "fc.weight"];
    assert_eq!(recomputed(&both).unwrap(), both);
    assert!(matches!(recomputed(&both[..1]), Err(Error::Different { .. })));

    weights(&[0.125]).save(&path, None).unwrap();
    assert!(verify(&StateDict::open(&path).unwrap(), &files, &[]).is_err());
}

#[test]
fn verify_recomputes_the_digests_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let ingredients = named(&[&[1.0], &[2.0]]);
    let soup = Hierarchy::uniform().select(&ingredients, &mut Bowl(vec![0.0])).unwrap();
    let provenance = ingredients.provenance(&soup.average, Default::default(), None, "0.1.0").unwrap();
    let mut soup = ingredients.weights(&soup.average).unwrap();
    let path = folder.path().join("soup.safetensors");
    soup.save(&path, Some(&provenance)).unwrap();
    soup = StateDict::open(&path).unwrap();

    // Other weights under the digest of the first ingredient, with a seal that fits.
    let first = ingredients.iter().next().unwrap().weights.digest().to_string();
    let path = folder.path().join("other.safetensors");
    let other = weights(&[7.0]);
    other.save(&path, None).unwrap();
    let replace = |from: &str, to: &str| {
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&path, bytes).unwrap();
    };
    replace(&other.digest().to_string(), &first);
    let Err(ff_checkpoint::Error::DamagedHeader { expected, found, .. }) = StateDict::open(&path) else {
        panic!("the seal fits no other digest")
    };
    replace(&expected.to_string(), &found.to_string());
    let last = ingredients.iter().last().unwrap().weights.clone();
    let error = verify(&soup, &[StateDict::open(&path).unwrap(), last], &[]).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(ff_checkpoint::Error::Damaged { .. })), "{error}");
}

#[test]
fn errors_name_the_ingredient() {
    let error = |models: Vec<Ingredient>| Ingredients::new(models).unwrap_err().to_string();
    assert!(error(vec![]).contains("at least one ingredient"));
    assert!(
        error(vec![model("a", "x", &[1.0]), model("a", "x", &[2.0])])
            .contains("two ingredients are named `a`")
    );
    let text = error(vec![model("a", "x", &[1.0]), model("b", "x", &[1.0, 2.0])]);
    assert!(text.contains("`b` does not fit `a`: `fc.weight`: expected shape [1], found [2]"), "{text}");
    let text = error(vec![model("a", "x", &[1.0]), model("b", "x", &[f32::NAN])]);
    assert!(text.contains("`b` holds a value that is not finite in `fc.weight`"), "{text}");
    let other = Ingredient {
        weights: StateDict::from_tensors(BTreeMap::from([(
            "head".to_owned(),
            OwnedTensor::f32([1], &[0.0]),
        )])),
        ..model("c", "x", &[0.0])
    };
    let text = error(vec![model("a", "x", &[1.0]), other]);
    assert!(
        text.contains("it has `head`") && text.contains("hint: all ingredients must come from one "),
        "{text}"
    );
    // These may be of one architecture.
    let of = |prefix: &str, weight: OwnedTensor| Ingredient {
        weights: StateDict::from_tensors(BTreeMap::from([
            (format!("{prefix}bn.num_batches_tracked"), OwnedTensor::i64([], &[1])),
            (format!("{prefix}fc.weight"), weight),
        ])),
        ..model("c", "x", &[0.0])
    };
    let wrapped = || of("module.", OwnedTensor::f32([1], &[0.0]));
    let names = "hint: save both with the same names";
    let text = error(vec![model("a", "x", &[1.0]), wrapped()]);
    assert!(text.contains("its names begin with `module.`, ") && text.contains(names), "{text}");
    let text = error(vec![wrapped(), model("a", "x", &[1.0])]);
    assert!(text.contains("its names do not begin with `module.`, ") && text.contains(names), "{text}");
    let half = of("", OwnedTensor::rounded(Dtype::F16, &[1], &[0.0]));
    let text = error(vec![model("a", "x", &[1.0]), half]);
    assert!(text.contains("expected type F32, found F16\nhint: save both in one type"), "{text}");

    let ingredients = named(&[&[1.0]]);
    let text =
        Hierarchy::greedy_of_uniform("augment").select(&ingredients, &mut Bowl(vec![0.0])).unwrap_err();
    assert!(text.to_string().contains("no field `augment` to group by; it has learning_rate"), "{text}");
    let bad = Hierarchy { levels: vec!["x".into()], policies: vec![Policy::Uniform {}] };
    let text = bad.select(&ingredients, &mut Bowl(vec![0.0])).unwrap_err().to_string();
    assert!(text.contains("needs 2 policies"), "{text}");
    let text = Hierarchy::greedy().select(&ingredients, &mut Bowl(vec![f32::NAN])).unwrap_err().to_string();
    assert!(text.contains("m0"), "{text}");
}

/// Notes which candidates are announced, and which are scored without having been.
#[derive(Default)]
struct Noting {
    announced: Vec<String>,
    alone: Vec<String>,
}

impl Scorer for Noting {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        let name = candidate.average().to_string();
        if !self.announced.contains(&name) {
            self.alone.push(name);
        }
        Bowl(vec![0.5]).score(candidate)
    }

    fn announce(&mut self, candidates: &[Candidate<'_>]) -> Result<(), ScoreError> {
        for candidate in candidates {
            candidate.weights()?;
            self.announced.push(candidate.average().to_string());
        }
        Ok(())
    }
}

#[test]
fn lists_of_candidates_are_announced() {
    let models = [("a", "1", -1.0), ("b", "1", 2.0), ("c", "2", 0.0), ("d", "2", 3.0)];
    let models = models.map(|(id, rate, value)| model(id, rate, &[value]));
    let models = Ingredients::new(models.into()).unwrap().with_base(model("base", "", &[0.0])).unwrap();
    let noted = |selector: &dyn Selector| {
        let mut noting = Noting::default();
        selector.select(&models, &mut noting).unwrap();
        noting.announced.dedup();
        (noting.announced.join(" "), noting.alone.join(" "))
    };
    let line = |alpha| -> Box<dyn MergeMethod> { Box::new(Line { alpha }) };
    let merge = MergeAll { methods: vec![line(1.0), line(0.5)], ..MergeAll::default() };
    // Only the steps of a greedy or pruned soup depend on scores before them.
    let (announced, alone) = noted(&merge);
    assert_eq!(
        (announced.matches("line").count(), alone.as_str()),
        (1, ""),
        "both have one name: {announced}"
    );
    assert_eq!(noted(&NthBest(1)), ("a b c d".to_owned(), String::new()));
    let (announced, alone) = noted(&Hierarchy::greedy());
    assert!(announced.starts_with("a b c d") && alone.starts_with("mean(c, a)"), "{announced}; {alone}");
    let gou = noted(&Hierarchy::greedy_of_uniform("learning_rate"));
    assert_eq!(gou.0, "mean(a, b) mean(c, d)");
    let (announced, _) = noted(&Hierarchy::greedy_of_greedy("learning_rate"));
    assert!(announced.starts_with("a b c d a b"), "{announced}");
    let (announced, alone) = noted(&Pruned::default());
    assert_eq!(announced, "a b c d mean(a, b, c, d)");
    assert!(!alone.is_empty() && !alone.contains("mean(a, b, c, d)"), "{alone}");
}
