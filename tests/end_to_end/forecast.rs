//! Forecasts of which models average: in a table, whose rows they filter, and of files.

use ff_checkpoint::{OwnedTensor, StateDict};
use serde_json::{Value, json};

use crate::place::{Place, RUN, SHAPES, assert_has, table};

/// Returns the tiny table with a learning rate that takes models far away, and forecasts.
fn with_forecasts() -> String {
    let rates = "[grid]\nlearning_rates = [1e-2, 1e-3";
    table(SHAPES).replace(rates, &format!("{rates}, 0.3")) + "\n[forecast]\n"
}

fn row(name: &str, rest: &str) -> String {
    format!("\n[[method]]\nname = \"{name}\"\npool = \"grid\"\n{rest}\n")
}

/// Returns the distance of the models that are not the best, and their names, the furthest first.
fn distances(forecast: &Value) -> Vec<(f64, String)> {
    let models = forecast["models"].as_array().unwrap().iter();
    let others = models.filter(|of| of["model"] != forecast["best"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found: Vec<_> = others.map(|of| (of["distance"].as_f64().unwrap(), text(&of["model"]))).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found
}

#[test]
fn a_forecast_filters_the_pools_of_rows() {
    let place = Place::new();
    place.write("tiny.toml", &with_forecasts());
    let plan = place.json_of("ff-grid plan --config tiny.toml --json");
    let planned = plan["jobs"].as_array().unwrap();
    let planned = planned.iter().find(|job| job["label"] == "shapes pico: forecast of grid").unwrap();
    place.run(RUN).ok_saying("of 5 models are worth trying with lr ");

    let record = place.record("forecast", "forecast of grid");
    assert_eq!((&record["id"], &record["cost"]), (&planned["id"], &planned["cost"]));
    // Halfway to each of the others, 8 validation images, and 24 training images for BatchNorm.
    assert_eq!(
        (&record["cost"]["evaluations"], &record["cost"]["evaluated_images"]),
        (&json!(5), &json!(160))
    );
    let forecast = &record["output"]["forecast"];
    let models = forecast["models"].as_array().unwrap();
    assert_eq!((models.len(), forecast["left_out"].as_array().unwrap().len()), (6, 0));
    let of = |model: &Value, key: &str| model[key].as_f64().unwrap_or_else(|| panic!("{key} of {model}"));
    let is_far = |model: &&Value| model["model"].as_str().unwrap().starts_with("lr 3e-1");
    let (far, near): (Vec<&Value>, Vec<&Value>) = models.iter().partition(is_far);
    let least = far.iter().map(|model| of(model, "from_start")).fold(f64::INFINITY, f64::min);
    assert!(near.iter().all(|model| 3.0 * of(model, "from_start") < least), "{forecast}");
    for model in models {
        assert!((0.0..=180.0).contains(&of(model, "angle")) && of(model, "barrier").abs() <= 1.0, "{model}");
        let score = place.record("finetune", model["model"].as_str().unwrap());
        assert_eq!(model["score"], score["output"]["training"]["kept"]["validation"]);
    }
    let best = models.iter().find(|model| model["model"] == forecast["best"]).unwrap();
    assert_eq!((of(best, "distance"), of(best, "barrier")), (0.0, 0.0));
    assert!(models.iter().all(|model| of(model, "score") <= of(best, "score")));

    rows_leave_out_the_furthest(&place, forecast);
    let report = "ff-grid report --config tiny.toml --output report.html";
    place.run(report).ok();
    assert_has(
        &place.read("report.html"),
        &["Which models average", "Pool grid", "Pool fgg", "Greedy Soup took "],
    );
}

fn rows_leave_out_the_furthest(place: &Place, forecast: &Value) {
    let order = distances(forecast);
    let limit = f64::midpoint(order[0].0, order[1].0);
    let filter = |select: &str| format!("select = {{ kind = \"{select}\" }}\nmax_distance = {limit}");
    // No barrier is as low as −2.
    let alone = "select = { kind = \"uniform\" }\nmax_barrier = -2";
    let rows = [
        row("Near", &filter("uniform")),
        row("Stock", &filter("stock")),
        row("Ensemble", &filter("ensemble")),
        row("Alone", alone),
    ];
    place.write("tiny.toml", &(with_forecasts() + &rows.concat()));
    let printed = place.run(RUN).ok();
    assert_has(&printed, &["1 of 6 models filtered", "5 of 6 models filtered"]);
    for name in ["Near", "Stock", "Ensemble"] {
        let record = place.record("soup", &format!(": {name}"));
        let soup = &record["output"]["soup"];
        assert_eq!(
            (&soup["candidates"], soup["filtered"].as_array().unwrap().len()),
            (&json!(5), 1),
            "{name}"
        );
        let fitted = soup["cross_fitted"]["score"]["why"].as_str();
        assert_eq!(fitted, Some("the pool was filtered by all validation images"), "{name}");
        let why = soup["filtered"][0].as_str().unwrap();
        assert!(why.starts_with(&format!("{}: distance ", order[0].1)) && why.contains(" above "), "{why}");
        let average = soup["soup"]["average"].to_string();
        assert!(!average.contains(&order[0].1) && average.contains(&order[1].1), "{average}");
    }
    // An ensemble predicts test images with the models that are left.
    assert_eq!(place.record("predict", ": Ensemble")["cost"]["evaluations"], 5);
    let file = place.job("soup", ": Stock").join("soup.safetensors");
    assert_has(&place.run(&format!("ff-soup verify {} runs", file.display())).ok(), &["bit for bit"]);
    // The best model always stays.
    let alone = &place.record("soup", ": Alone")["output"]["soup"];
    assert_eq!(
        (&alone["soup"]["average"]["ingredient"], &alone["candidates"]),
        (&forecast["best"], &json!(1))
    );
}

#[test]
fn a_forecast_of_files_shows_the_one_that_is_unlike_the_others() {
    let place = Place::new();
    let save = |name: &str, values: [f32; 3]| {
        let tensors = [
            ("fc.weight".to_owned(), OwnedTensor::f32([3], &values)),
            ("bn.running_mean".to_owned(), OwnedTensor::f32([1], &[100.0 * values[0]])),
        ];
        StateDict::from_tensors(tensors.into())
            .save(place.path(&format!("{name}.safetensors")), None)
            .unwrap();
    };
    save("base", [1.0, 1.0, 1.0]);
    save("a", [2.0, 1.0, 1.0]);
    save("b", [2.0, 2.0, 1.0]);
    save("c", [1.0, 1.0, -8.0]);
    let line = "ff-soup forecast a.safetensors b.safetensors c.safetensors --base base.safetensors";
    let text = place.run(line).ok();
    assert_has(&text, &["file", "a.safetensors      1.0000      5.0277          45°     68°       90°"]);
    assert_has(&text, &["c.safetensors      9.0000      9.0829          90°     90°       90°"]);
    let found = place.json_of(&format!("{line} --json"));
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!((found[2]["file"].as_str(), number(&found[2]["from_base"])), (Some("c.safetensors"), 9.0));
    assert!((number(&found[0]["angles"]["least"]) - 45.0).abs() < 1e-9, "{found}");
    assert!((number(&found[0]["to_others"]) - f64::midpoint(1.0, 82f64.sqrt())).abs() < 1e-9, "{found}");

    let one = place.json_of("ff-soup forecast a.safetensors --base base.safetensors --json");
    assert_eq!((number(&one[0]["from_base"]), &one[0]["angles"]), (1.0, &Value::Null));
    // Without a base, lengths are those of the weights.
    let alone = place.json_of("ff-soup forecast a.safetensors c.safetensors --json");
    assert!((number(&alone[0]["from_base"]) - 6f64.sqrt()).abs() < 1e-9, "{alone}");
    let text = place.run("ff-soup forecast a.safetensors b.safetensors c.safetensors").ok();
    assert!(text.ends_with("Of another start, at more than 60° to most others: c.safetensors.\n"), "{text}");
    assert!(!place.run(line).ok().contains("Of another start"));
    std::fs::create_dir(place.path("own")).unwrap();
    for name in ["own/a", "own/b"] {
        save(name, [2.0, 1.0, 1.0]);
    }
    let text = place.run("ff-soup forecast own a.safetensors").ok();
    assert_has(&text, &["own/a.safetensors  ", "own/b.safetensors  ", "\na.safetensors  "]);
    assert!(!text.contains("Of another start"), "{text}");
    let other = StateDict::from_tensors([("fc.weight".to_owned(), OwnedTensor::f32([1], &[0.0]))].into());
    other.save(place.path("other.safetensors"), None).unwrap();
    let wrong = "ff-soup forecast a.safetensors --base other.safetensors";
    place.run(wrong).refused(1, &["`other.safetensors` does not fit `a.safetensors`"]);
}
