//! Merges by statistics against fusion_bench and NumPy (tests/golden/statistics/make.py).

mod golden;

use std::collections::BTreeMap;

use ff_soup::{
    Average, Fisher, Ingredient, Ingredients, MergeMethod, RegMean, StateDict, Statistics, verify,
};

const MODELS: usize = 3;

fn statistics(file: &StateDict, kind: &str) -> Vec<(String, StateDict)> {
    (0..MODELS).map(|at| (format!("{at}, {kind}"), golden::part(file, &format!("{kind}/{at}/")))).collect()
}

fn models(file: &StateDict) -> Ingredients {
    let model = |at: usize| {
        let weights = golden::part(file, &format!("model/{at}/"));
        Ingredient { id: at.to_string(), weights, fields: BTreeMap::new() }
    };
    Ingredients::new((0..MODELS).map(model).collect()).unwrap()
}

#[test]
fn weights_are_those_of_other_programs_and_records_rebuild_them() {
    let file = golden::open("statistics");
    let (fisher, gram) = (Statistics::Fisher, Statistics::Gram);
    let cases: [(&str, Statistics, &dyn MergeMethod); 4] = [
        ("fisher/0.1", fisher, &Fisher { floor: 0.1 }),
        ("fisher/1e-30", fisher, &Fisher { floor: 1e-30 }),
        ("regmean/1", gram, &RegMean { scale: 1.0 }),
        ("regmean/0.9", gram, &RegMean { scale: 0.9 }),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (case, kind, method) in cases {
        let name = if kind == fisher { "fisher" } else { "gram" };
        let models = models(&file).with_statistics(kind, statistics(&file, name)).unwrap();
        let average = models.merged(method).unwrap();
        let expected = golden::part(&file, &format!("merged/{case}/"));
        let found = models.weights(&average).unwrap();
        assert_eq!(expected.len(), found.len(), "{case}");
        for (name, expected) in expected.iter() {
            let tensor = found.get(name).unwrap();
            assert_eq!(tensor.shape, expected.shape, "{case}, {name}");
            let values = tensor.to_f64().unwrap().into_iter().zip(expected.to_f64().unwrap());
            for (at, (found, expected)) in values.enumerate() {
                let close = (found - expected).abs() < 1e-6;
                assert!(close, "{case}, element {at} of {name}: expected {expected}, found {found}");
            }
        }

        let text = serde_json::to_string(&average).unwrap();
        assert_eq!(serde_json::from_str::<Average>(&text).unwrap(), average, "{case}");
        let path = folder.path().join("soup.safetensors");
        models.build(&average).unwrap().save(&path).unwrap();
        let mut files: Vec<StateDict> =
            (0..MODELS).map(|at| golden::part(&file, &format!("model/{at}/"))).collect();
        files.extend((0..MODELS).map(|at| golden::part(&file, &format!("{name}/{at}/"))));
        let soup = StateDict::open(&path).unwrap();
        assert_eq!(verify(&soup, &files, &[]).unwrap(), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn the_other_statistics_are_refused() {
    let file = golden::open("statistics");
    let models = models(&file).with_statistics(Statistics::Gram, statistics(&file, "gram")).unwrap();
    let error = models.merged(&Fisher::default()).unwrap_err().to_string();
    assert_eq!(error, "merge method `fisher`: it needs the Fisher information of each part");
}
