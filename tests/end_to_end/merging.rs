//! Rows of every merge method in a table, which `ff-soup verify` rebuilds.

use crate::place::{Place, RUN, SHAPES, assert_has, table};

/// Rows by name and selection.
const ROWS: [(&str, &str); 10] = [
    ("Pruned", r#"{ kind = "pruned" }"#),
    ("Learned", r#"{ kind = "learned", epochs = 2 }"#),
    ("Stock", r#"{ kind = "stock" }"#),
    ("Line", r#"{ kind = "line", alphas = [0.5, 1.0] }"#),
    ("Arithmetic", r#"{ kind = "task-arithmetic" }"#),
    ("TIES", r#"{ kind = "ties", lambdas = [1.0] }"#),
    ("DARE", r#"{ kind = "dare", lambdas = [0.25] }"#),
    ("Re-basin", r#"{ kind = "rebasin" }"#),
    ("Fisher", r#"{ kind = "fisher", images = 6 }"#),
    ("RegMean", r#"{ kind = "regmean", images = 6 }"#),
];

#[test]
fn wrong_options_are_refused_before_a_file_is_opened() {
    let place = Place::new();
    for (options, expected) in [
        ("greedy --lambda 1", "--lambda: expected a method that takes it, found greedy\nhint:"),
        ("line --lambda 1 --base gone", "--lambda: expected a method that takes it, found line"),
        ("stock --density 0.5 --base gone", "--density: expected a method that takes it, found stock"),
        (
            "learned --statistics-images 9",
            "--statistics-images: expected a method that takes it, found learned",
        ),
        ("learned --by lr", "--method learned: unknown variant `lr`, expected `layer` or `model`"),
        ("gou --base gone", "--base: expected a method that takes it, found gou"),
        ("stock", "--base: expected the weights that the files were fine-tuned from, which stock needs"),
        ("ties --base gone --density 3", "density: expected a number above 0, at most 1, found 3"),
    ] {
        let line = format!("ff-soup select --method {options} --config gone --output x gone");
        let stderr = place.run(&line).refused(1, &[expected]);
        assert!(!stderr.contains("gone"), "{stderr}");
    }
}

#[test]
fn a_model_is_not_replaced_by_a_soup_of_it() {
    let place = Place::new();
    place.write("a.safetensors", "a");
    for command in [
        "average --output ./a.safetensors a.safetensors b.safetensors",
        "merge --output a.safetensors b.safetensors a.safetensors",
        "merge --method stock --base a.safetensors --output a.safetensors b.safetensors",
    ] {
        let expected = "a.safetensors, which would be replaced\nhint: ";
        place.run(&format!("ff-soup {command}")).refused(1, &[expected]);
    }
    assert_eq!(place.read("a.safetensors"), "a");
}

#[test]
fn merging_names_the_command_for_methods_that_need_images() {
    let place = Place::new();
    for (method, images) in [
        ("fisher", "training"),
        ("regmean", "training"),
        ("greedy", "validation"),
        ("gou", "validation"),
        ("gog", "validation"),
        ("pruned", "validation"),
        ("learned", "validation"),
    ] {
        let files = "--output x.safetensors a.safetensors b.safetensors";
        let command = format!("ff-soup select --method {method} --config RECIPE.toml {files}");
        place.run(&format!("ff-soup merge --method {method} {files}")).refused(
            1,
            &[
                &format!("--method {method}: expected a method that needs no images"),
                &format!("found one that needs {images} images\nhint: `{command}`"),
            ],
        );
        // That command knows the method.
        place.run(&command).refused(1, &["RECIPE.toml: cannot read this recipe"]);
    }
    let unknown = place.run("ff-soup merge --method best --output x a").refused(2, &["best", "rebasin"]);
    assert!(!unknown.contains("fisher") && !unknown.contains("greedy"), "{unknown}");
}

#[test]
fn every_method_is_a_row_and_is_verified() {
    let place = Place::new();
    // Enough validation images to hold some out.
    let shapes = SHAPES.replace("val = 8", "val = 24");
    let row = |(name, select): &(&str, &str)| {
        format!("\n[[method]]\nname = \"{name}\"\npool = \"grid\"\nselect = {select}\n")
    };
    place.write("tiny.toml", &(table(&shapes) + &ROWS.iter().map(row).collect::<String>()));
    let found = place.run(RUN).ok();
    for (name, _) in &ROWS {
        assert_has(&found, &[name]);
        let soup = place.job("soup", &format!(": {name}")).join("soup.safetensors");
        let verified = place.run(&format!("ff-soup verify {} runs", soup.display())).ok();
        assert_has(&verified, &["bit for bit"]);
    }
    place.run("ff-grid doctor --runs runs").ok();
    // A pass over validation images and those of BatchNorm, and over 6 images with each of four models,
    // for Fisher merging backwards too.
    let planned = place.json_of("ff-grid plan --config tiny.toml --json");
    for (name, images) in [("Fisher", 4 * 3 * 6), ("RegMean", 4 * 6)] {
        let record = place.record("soup", &format!(": {name}"));
        let job = planned["jobs"].as_array().unwrap().iter().find(|job| job["id"] == record["id"]);
        assert_eq!(record["cost"], job.unwrap()["cost"]);
        assert_eq!(record["cost"]["evaluated_images"], 24 + 24 + images, "{name}");
    }
    // The report says how they were made, and the coefficients are drawn.
    assert_has(&place.read("runs/tables/tiny/coefficients-learned.csv"), &["layer1.0.conv1"]);
    place.run("ff-grid report --config tiny.toml --output report.html").ok();
    let report = place.read("report.html");
    assert_has(&report, &["nothing was chosen on validation images", "models are added, with"]);
    // A pruned soup is tried without a model, the others with it.
    assert_has(&report, &["Soup without it", "Soup with it"]);
}
