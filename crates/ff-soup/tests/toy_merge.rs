//! A merge method and a selector outside this crate, in one file.

use std::collections::BTreeMap;

use ff_checkpoint::{OwnedTensor, StateDict};
use ff_soup::{
    Average, Candidate, Error, Ingredient, Ingredients, MergeKind, MergeMethod, Needs, Parts, ScoreError,
    Scorer, Selector, Soup, block_by_block, verify,
};
use serde_json::{Value, json};

/// The median of the parts, moved a fraction of the way to the base.
struct Median {
    towards_base: f64,
}

const MEDIAN: MergeKind = MergeKind {
    name: "median",
    about: "The median of the parts, moved towards the base",
    needs: Needs::Base,
    new: |settings| match settings["towards_base"].as_f64() {
        Some(towards_base) => Ok(Box::new(Median { towards_base })),
        None => Err("towards_base: expected a number".into()),
    },
};

impl MergeMethod for Median {
    fn name(&self) -> &str {
        MEDIAN.name
    }

    fn settings(&self) -> Value {
        json!({"towards_base": self.towards_base})
    }

    fn merge(&self, parts: &Parts<'_>) -> Result<StateDict, Error> {
        parts.base_for(MEDIAN.name)?;
        block_by_block(
            parts,
            |_| Ok(()),
            |(), block, out| {
                let models: Vec<Vec<f64>> = (0..parts.models.len()).map(|at| block.model(at)).collect();
                for (at, (out, base)) in out.iter_mut().zip(block.base()).enumerate() {
                    let mut values: Vec<f64> = models.iter().map(|model| model[at]).collect();
                    values.sort_by(f64::total_cmp);
                    let median = values[values.len() / 2];
                    *out = median + self.towards_base * (base - median);
                }
            },
        )
    }
}

/// Merges all ingredients.
struct Everything(Median);

impl Selector for Everything {
    fn select(&self, ingredients: &Ingredients, scorer: &mut dyn Scorer) -> Result<Soup, Error> {
        let average = ingredients.merged(&self.0)?;
        let weights = || ingredients.weights(&average);
        let score = Candidate::new(&average, &weights).score(scorer)?;
        Ok(Soup { average, score, decisions: vec![], fit: None })
    }
}

/// Scores weights by the first value.
struct First;

impl Scorer for First {
    fn score(&mut self, candidate: &Candidate<'_>) -> Result<f64, ScoreError> {
        Ok(values(&candidate.weights()?)[0])
    }
}

fn model(id: &str, values: [f32; 2]) -> Ingredient {
    let tensors = [
        ("w".to_owned(), OwnedTensor::f32([2], &values)),
        ("steps".to_owned(), OwnedTensor::i64([], &[values[0] as i64])),
    ];
    Ingredient { id: id.into(), weights: StateDict::from_tensors(tensors.into()), fields: BTreeMap::new() }
}

fn values(weights: &StateDict) -> Vec<f64> {
    weights.get("w").unwrap().to_f64().unwrap()
}

fn ingredients() -> Ingredients {
    let models = vec![model("a", [1.0, 8.0]), model("b", [2.0, -1.0]), model("c", [9.0, 0.0])];
    Ingredients::new(models).unwrap().with_base(model("base", [0.0, 4.0])).unwrap().with_method(MEDIAN)
}

#[test]
fn an_outside_method_is_selected_merged_and_verified() {
    let ingredients = ingredients();
    let soup = Everything(Median { towards_base: 0.25 }).select(&ingredients, &mut First).unwrap();
    assert_eq!((soup.score, soup.average.to_string().as_str()), (1.5, "median(base; a, b, c)"));
    let weights = ingredients.weights(&soup.average).unwrap();
    assert_eq!(values(&weights), [1.5, 1.0]);
    assert_eq!(weights.get("steps").unwrap().to_i64().unwrap(), [1], "integers are those of the first part");

    let text = serde_json::to_value(&soup.average).unwrap();
    assert_eq!(
        text,
        json!({"merged": {"method": "median", "settings": {"towards_base": 0.25}, "base": "base",
            "parts": [{"ingredient": "a"}, {"ingredient": "b"}, {"ingredient": "c"}]}})
    );
    assert_eq!(serde_json::from_value::<Average>(text).unwrap(), soup.average);
    let made = ingredients.provenance(&soup.average, Default::default(), None, "0").unwrap();
    let parents: Vec<_> = made.parents.iter().map(|parent| (parent.id.as_str(), parent.weight)).collect();
    let third = Some(1.0 / 3.0);
    assert_eq!(parents, [("a", third), ("b", third), ("c", third), ("base", None)]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soup.safetensors");
    weights.save(&path, Some(&made)).unwrap();
    let soup = StateDict::open(&path).unwrap();
    let files: Vec<_> = ingredients.iter().map(|one| one.weights.clone()).collect();
    let files = [files, vec![model("base", [0.0, 4.0]).weights]].concat();
    assert_eq!(verify(&soup, &files, &[MEDIAN]).unwrap(), Vec::<String>::new());
    assert!(verify(&soup, &files, &[]).unwrap_err().to_string().contains("`median`"));
}

#[test]
fn averages_nest_and_unknown_methods_are_refused() {
    let ingredients = ingredients();
    let parts = ["a", "b", "c"].map(|id| Average::Ingredient(id.into())).to_vec();
    let median = ingredients.merged(&Median { towards_base: 0.0 }).unwrap();
    let mean = Average::mean(vec![median.clone(), parts[0].clone()]);
    assert_eq!(values(&ingredients.weights(&mean).unwrap()), [1.5, 4.0]);

    let Average::Merged(mut without) = median else { unreachable!("a merge") };
    without.base = None;
    let without = Average::Merged(without);
    let error = ingredients.weights(&without).unwrap_err().to_string();
    assert_eq!(
        error,
        "merge method `median`: it needs a base: the weights that its parts were fine-tuned from"
    );
    let models = Ingredients::new(vec![model("a", [1.0, 8.0])]).unwrap();
    let error = models.weights(&without).unwrap_err().to_string();
    let known = "merge method `median`: unknown name, expected one of uniform, ";
    assert!(error.starts_with(known), "{error}");
    // A merged average with the method `uniform` equals a mean.
    let [by_name, plain] = [ingredients.merged(&ff_soup::Mean).unwrap(), Average::mean(parts)]
        .map(|average| *ingredients.weights(&average).unwrap().digest());
    assert_eq!(by_name, plain);
}
