//! Merge methods against mergekit. tests/golden/merging/make.py made the files, and says where they
//! follow a paper instead.

use std::collections::BTreeMap;

use ff_soup::{
    Average, Dare, DareRule, Ingredient, Ingredients, LayerCoefficients, Line, Linear, METHODS, MergeMethod,
    StateDict, Stock, TaskArithmetic, Ties, verify,
};

fn golden(name: &str) -> StateDict {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/merging");
    StateDict::open(format!("{folder}/{name}.safetensors")).unwrap()
}

fn model(id: &str) -> Ingredient {
    Ingredient { id: id.to_owned(), weights: golden(id), fields: BTreeMap::new() }
}

fn models() -> Ingredients {
    Ingredients::new(["a", "b", "c"].map(model).into()).unwrap().with_base(model("base")).unwrap()
}

fn linear(coefficients: &[(&str, [f64; 3])]) -> Linear {
    let entry = |(layer, values): &(&str, [f64; 3])| LayerCoefficients {
        layer: (*layer).to_owned(),
        values: values.to_vec(),
    };
    Linear::new(coefficients.iter().map(entry).collect())
}

/// The cases of make.py.
fn cases() -> Vec<(&'static str, Box<dyn MergeMethod>)> {
    fn case(name: &'static str, method: impl MergeMethod + 'static) -> (&'static str, Box<dyn MergeMethod>) {
        (name, Box::new(method))
    }
    vec![
        case("linear", linear(&[("", [0.5, -0.2, 0.6])])),
        case("linear-by-layer", linear(&[("", [0.4, 0.5, 0.0]), ("fc", [0.1, 0.2, 0.7])])),
        case("line", Line { alpha: 0.3 }),
        case("task-arithmetic", TaskArithmetic { lambda: 0.4 }),
        case("stock", Stock),
        case("ties", Ties::default()),
        case("ties-dense", Ties { density: 0.7, lambda: 0.6 }),
        case("dare", Dare { drop: 0.4, lambda: 0.5, seed: 3, rule: DareRule::Linear }),
        case("dare-ties", Dare { drop: 0.75, lambda: 0.8, seed: 3, rule: DareRule::Ties }),
    ]
}

#[test]
fn weights_are_those_of_mergekit() {
    let (models, expected) = (models(), golden("expected"));
    let mut compared = 0;
    for (case, method) in cases() {
        let merged = models.weights(&models.merged(&*method).unwrap()).unwrap();
        for (name, tensor) in merged.iter().filter(|(_, tensor)| tensor.is_float()) {
            let expected = expected.get(&format!("{case}/{name}")).unwrap();
            assert_eq!(tensor.shape, expected.shape);
            let (found, expected) = (tensor.to_f64().unwrap(), expected.to_f64().unwrap());
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let close = (found - expected).abs() < 1e-6;
                assert!(close, "{case}, element {at} of {name}: expected {expected}, found {found}");
            }
            compared += 1;
        }
        let steps = merged.get("bn.num_batches_tracked").unwrap().to_i64().unwrap();
        assert_eq!(steps, [100], "{case}: integers are those of the first model");
    }
    assert_eq!(compared, expected.len(), "every tensor that make.py wrote is compared");
}

#[test]
fn a_record_names_the_method_and_rebuilds_its_bits() {
    let models = models();
    let files: Vec<StateDict> = ["a", "b", "c", "base"].map(golden).into();
    let folder = tempfile::tempdir().unwrap();
    for (case, method) in cases() {
        let average = models.merged(&*method).unwrap();
        let text = serde_json::to_string(&average).unwrap();
        assert_eq!(serde_json::from_str::<Average>(&text).unwrap(), average, "{case}");
        let kind = METHODS.iter().find(|kind| kind.name == method.name()).unwrap();
        assert_eq!((kind.new)(&method.settings()).unwrap().settings(), method.settings(), "{case}");

        let path = folder.path().join(format!("{case}.safetensors"));
        models.build(&average).unwrap().save(&path).unwrap();
        let soup = StateDict::open(&path).unwrap();
        assert_eq!(verify(&soup, &files, &[]).unwrap(), Vec::<String>::new(), "{case}");
    }
}
