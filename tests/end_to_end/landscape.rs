//! Error surfaces, paths between models, and the steps of greedy soups.

use serde_json::Value;

use crate::place::{JOBS, Place, RUN, SHAPES, assert_has, table};

/// Returns the tiny table, whose grid has 2 learning rates and 2 augmentations, with every
/// evaluation of its error landscape.
fn with_landscape() -> String {
    let sections = r#"
[landscape]
grid = { from = 0.0, to = 1.0, points = 5 }
bn = "averaged"
plane = [{ name = "grid", pool = "grid", models = { kind = "best" }, soups = ["Uniform Soup", "GS (best)"] }]

[connectivity]
bn = "averaged"
points = 5
curves = { kind = "each-field" }
matrix_points = 3

[greedy_barriers]
points = 3
methods = ["Greedy Soup", "GoG"]
"#;
    table(SHAPES) + sections
}

/// Jobs of the landscape: a plane, its rows and the whole; two curves and six pairs; two soups.
const LANDSCAPE_JOBS: usize = 1 + 5 + 1 + 2 + 6 + 2;

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn a_table_gets_its_figures() {
    let place = Place::with_table(SHAPES);
    let plain = place.run(RUN).ok();
    place.write("tiny.toml", &with_landscape());
    let said = format!("{LANDSCAPE_JOBS} jobs done, {JOBS} already done");
    assert_eq!(place.run(RUN).ok_saying(&said), plain, "the table is unchanged");

    let files = place.files(&place.other_table());
    for name in [
        "surface-grid",
        "connectivity-augmentation",
        "connectivity-learning-rate",
        "barriers",
        "greedy-barriers-gog",
    ] {
        for kind in ["svg", "csv"] {
            assert!(files.contains(&format!("{name}.{kind}")), "{name}.{kind} in {files:?}");
        }
        assert!(place.read(&format!("{}/{name}.svg", place.other_table())).ends_with("</svg>\n"), "{name}");
    }
    surface_corners_are_its_models(&place);
    paths_end_at_trained_models(&place);
    greedy_steps_agree_with_the_soup(&place);
    missing_records_are_computed_again(&place);
}

/// Returns the validation score of a fine-tuned model.
fn score(place: &Place, name: &str) -> f64 {
    let record = place.record("finetune", name);
    record["output"]["training"]["kept"]["validation"].as_f64().unwrap()
}

fn surface_corners_are_its_models(place: &Place) {
    let surface = place.json(&format!("{}/surface-grid.json", place.other_table()));
    let [w0, w2, w1] = [0, 1, 2].map(|at| &surface["plane"]["corners"][at]);
    let at = |row: usize, column: usize| surface["errors"][row][column].as_f64().unwrap();
    for (corner, row, column) in [(w0, 0, 0), (w2, 0, 4)] {
        let error = 1.0 - score(place, corner["model"].as_str().unwrap());
        assert_eq!(corner["error"], error);
        // At a corner the plane has the model's own weights, to the bit.
        assert_eq!(at(row, column), error, "{corner}");
    }
    assert_eq!(w1["y"], 1.0);
    let soups = surface["soups"].as_array().unwrap();
    assert_eq!(soups.len(), 2);
    // The mean of four models is not in the plane through three; the best of them is one of its
    // corners.
    assert!(soups[0]["height"].as_f64().unwrap() > 1e-3, "{soups:?}");
    assert!(soups[1]["height"].as_f64().unwrap() < 1e-3, "{soups:?}");
    let values = place.read(&format!("{}/surface-grid.csv", place.other_table()));
    assert_eq!(values.lines().count(), 1 + 25);
    assert!(
        place
            .read(&format!("{}/surfaces.csv", place.other_table()))
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("grid,")
    );
}

fn paths_end_at_trained_models(place: &Place) {
    let mut paths = 0;
    for file in place.files("runs/jobs").into_iter().filter(|file| file.starts_with("path-")) {
        let record = place.json(&format!("runs/jobs/{file}"));
        let path = &record["output"]["path"];
        let (lambdas, errors) = (numbers(&path["lambdas"]), numbers(&path["errors"]));
        let (b, a) =
            record["label"].as_str().unwrap().split_once(" from ").unwrap().1.split_once(" to ").unwrap();
        let ends = [b, a].map(|name| 1.0 - score(place, name));
        assert_eq!([errors[0], errors[errors.len() - 1]], ends);
        let above = lambdas.iter().zip(&errors).map(|(l, e)| e - (l * ends[1] + (1.0 - l) * ends[0]));
        let barrier = above.fold(0.0, f64::max);
        assert!((barrier - path["barrier"].as_f64().unwrap()).abs() < 1e-12);
        assert!(path["distance"].as_f64().unwrap() > 0.0);
        paths += 1;
    }
    assert_eq!(paths, 2 + 6);
    let matrix = place.read(&format!("{}/barriers.csv", place.other_table()));
    assert_eq!(matrix.lines().count(), 1 + 4);
}

fn greedy_steps_agree_with_the_soup(place: &Place) {
    for (name, soup) in [("greedy-barriers-greedy-soup", "Greedy Soup"), ("greedy-barriers-gog", "GoG")] {
        let steps = place.json(&format!("{}/{name}.json", place.other_table()));
        let record = place.record("soup", soup);
        let decisions = record["output"]["soup"]["soup"]["decisions"].as_array().unwrap();
        let evaluated: Vec<&Value> =
            decisions.iter().filter(|decision| !decision["before"].is_null()).collect();
        let steps = steps.as_array().unwrap();
        assert_eq!(steps.iter().map(|one| &one["decision"]).collect::<Vec<_>>(), evaluated);
        assert!(!steps.is_empty(), "{name}");
        for one in steps {
            let with = one["with"].as_f64().unwrap();
            match one["decision"]["tried"].as_f64() {
                Some(found) => assert!((with - found).abs() < 1e-12, "{one}"),
                None => assert!(with <= one["decision"]["at_most"].as_f64().unwrap() + 1e-12, "{one}"),
            }
            let distance = one["path"]["distance"].as_f64().unwrap();
            let relative = one["relative_distance"].as_f64().unwrap();
            assert!((distance / one["from_probe"].as_f64().unwrap() - relative).abs() < 1e-12);
        }
    }
}

fn missing_records_are_computed_again(place: &Place) {
    let before = place.json(&format!("{}/surface-grid.json", place.other_table()));
    std::fs::remove_file(place.job("plane-row", "row 3 of 5").join("record.json")).unwrap();
    std::fs::remove_file(place.job("surface", "whole").join("record.json")).unwrap();
    place.run(RUN).ok_saying("2 jobs done");
    assert_eq!(place.json(&format!("{}/surface-grid.json", place.other_table())), before);

    // With recomputed statistics the plane is the same; its rows are not.
    place.run(&format!("{RUN} --set landscape.bn=recalibrate --set name=again")).ok_saying("6 jobs done");
    let recomputed = place.json("runs/tables/again/surface-grid.json");
    assert_eq!(recomputed["plane"], before["plane"]);
    assert_ne!(recomputed["errors"], before["errors"]);
}

#[test]
fn models_that_span_no_plane_are_named() {
    let place = Place::new();
    place.write("tiny.toml", &with_landscape());
    // At these rates no weight changes: the four models have nearly the same weights and other
    // running statistics.
    let still = "--set grid.learning_rates=[1e-30,2e-30]";
    let said =
        place.run(&format!("{RUN} {still}")).refused(1, &["plane grid: no plane goes through `lr 1e-30"]);
    assert_has(&said, &["which is rounding", "hint: name three models that differ"]);
    // The plane's rows are not run. The paths between the same models are, and have no barrier.
    assert_has(&said, &["1 job failed, 6 jobs skipped"]);
    assert!(place.path("runs/tables/tiny/barriers.svg").is_file());
}
