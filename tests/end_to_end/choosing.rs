//! Choices on validation images: cross-fitted scores, verdicts, the metric that chooses, and the rule of
//! one standard error.

use ff_checkpoint::{OwnedTensor, StateDict};

use crate::place::{JOBS, PROBE, Place, RUN, SHAPES, TABLE_FILES, assert_has, picture, table};

/// Enough validation images to divide.
fn shapes(val: usize) -> String {
    SHAPES.replace("val = 8", &format!("val = {val}"))
}

#[test]
fn tables_have_cross_fitted_scores_and_a_verdict() {
    let place = Place::with_table(&shapes(24));
    let printed = place.run(RUN).ok_saying(&format!("{JOBS} jobs done, 0 already done"));
    assert_has(&printed, &["## Verdict, from validation alone", "Cross-fitted", "Optimism"]);
    let record = place.record("soup", "Greedy Soup");
    let soup = &record["output"]["soup"];
    let fitted = &soup["cross_fitted"];
    assert_eq!((fitted["folds"].as_u64(), fitted["same"].is_u64()), (Some(3), true), "{fitted}");
    let table = place.json("runs/tables/tiny/table.json");
    let cell = &table["rows"][2]["cells"][0];
    assert_eq!(cell["cross_fitted"], fitted["score"]);
    let uniform = &table["rows"][1]["cells"][0];
    assert_eq!(uniform["cross_fitted"], uniform["validation"], "nothing is chosen");
    let verdict = &table["columns"][0]["verdict"];
    assert_eq!((verdict["of"]["samples"].as_u64(), verdict["of"]["compared"].as_u64()), (Some(24), Some(4)));
    place.run("ff-grid report").ok();
    let page = place.read("report.html");
    assert_has(&page, &["24 validation images", "in 3 folds"]);
    place.run("ff-grid doctor").ok();

    // Other folds make the soups and the verdict again, and no other job; the weights are the same.
    place
        .run(&format!("{RUN} --set soup.folds=4"))
        .ok_saying(&format!("7 jobs done, {} already done", JOBS - 7));
    let again = &place.record("soup", "Greedy Soup")["output"]["soup"];
    assert_eq!((&again["cross_fitted"]["folds"], &again["digest"]), (&4.into(), &soup["digest"]));
    // Without folds all is there already, and there is no verdict.
    let said = format!("0 jobs done, {} already done", JOBS - 1);
    let printed = place.run(&format!("{RUN} --set soup.folds=0")).ok_saying(&said);
    assert!(!printed.contains("## Verdict"), "{printed}");
}

/// A network of zeros has the same features for all images, and learns nothing but how frequent classes
/// are.
#[test]
fn models_that_predict_one_class_are_marked_and_none_is_recommended() {
    let place = Place::with_table(&shapes(24).replace("test = 8", "test = 24"));
    place.run(RUN).ok();
    let soup = StateDict::open(place.path("runs/tables/tiny/soup.safetensors")).unwrap();
    soup.save(place.path("dead.safetensors"), None).unwrap();
    let line = format!("{RUN} --set backbone.0.weights=dead.safetensors");
    place.run(&line).ok();
    let folder = &place.other_table();
    assert!(place.path(folder).join("soup.safetensors").exists());
    let zeros = soup.iter().map(|(name, tensor)| {
        let (dtype, shape, size) = (tensor.dtype, tensor.shape.to_vec(), tensor.data.len());
        (name.to_owned(), OwnedTensor { dtype, shape, data: vec![0; size] })
    });
    StateDict::from_tensors(zeros.collect()).save(place.path("dead.safetensors"), None).unwrap();

    let printed = place.run(&line).ok();
    assert_has(
        &printed,
        &[
            "No model is recommended: each predicts one class for all validation images.",
            "| GS (best) ",
            "0.1667 † |",
            "| Chance ",
            "†: the model predicts one class for all images",
        ],
    );
    assert!(!printed.contains("**"), "none is marked as the best: {printed}");
    assert_eq!(place.files(folder), TABLE_FILES, "the earlier soup is withdrawn");
    let cell = &place.json(&format!("{folder}/table.json"))["rows"][0]["cells"][0];
    assert_eq!(
        (&cell["chance"]["collapsed"], &cell["test"]["chance"]["collapsed"]),
        (&true.into(), &true.into())
    );
    assert_eq!(cell["test"]["chance"]["level"], cell["test"]["value"]);
    place.run("ff-grid report").ok();
}

#[test]
fn rows_choose_by_any_metric_and_by_the_rule_of_one_standard_error() {
    let place = Place::with_table(&shapes(24));
    let strict = "--set method.2.select.accept=one-se --set method.5.select.accept=one-se";
    let printed = place.run(&format!("{RUN} --set soup.select_by=log-loss {strict}")).ok();
    assert_has(&printed, &["## Verdict, from validation alone"]);
    let greedy = place.record("soup", "Greedy Soup");
    assert_eq!(greedy["spec"]["select_by"], "log-loss");
    let soup = &greedy["output"]["soup"];
    assert!(soup["soup"]["score"].as_f64().unwrap() < 0.0, "minus a log loss");
    assert!((0.0..=1.0).contains(&soup["validation"].as_f64().unwrap()), "the table's accuracy");
    for decision in soup["soup"]["decisions"].as_array().unwrap() {
        let gain =
            decision["tried"].as_f64().zip(decision["before"].as_f64()).map(|(after, before)| after - before);
        let error = decision["standard_error"].as_f64();
        assert_eq!(error.is_some(), gain.is_some_and(|gain| gain > 0.0), "{decision}");
    }
    let card = place.read("runs/tables/tiny/soup.md");
    assert_has(&card, &["selected by −log loss on the validation split", "| validation, cross-fitted | 0."]);
    place.run("ff-grid report").ok();
    assert_has(&place.read("report.html"), &["Candidates were compared by −log loss, not by accuracy"]);
}

#[test]
fn what_cannot_be_divided_is_said_and_the_table_is_made() {
    // Eight images are too few.
    let place = Place::with_table(SHAPES);
    let printed = place.run(RUN).ok();
    let few = "expected at least 10 samples to divide, found 8";
    assert_has(
        &printed,
        &[&format!("No verdict: {few}."), &format!("not cross-fitted: {few}; the validation")],
    );

    for (set, expected) in [
        ("soup.folds=1", "soup.folds: expected 0 (none) or 2 to 100, found 1"),
        ("soup.folds=101", "soup.folds: expected 0 (none) or 2 to 100, found 101"),
        ("soup.select_by=loss", "loss"),
        ("method.2.select.accept=two-se", "one-se"),
    ] {
        place.run(&format!("ff-grid plan --config tiny.toml --set {set}")).refused(1, &[expected]);
    }

    // Coefficients need 16 images to be fitted on and stopped by, which are there only with all folds.
    let place = Place::with_table(&shapes(20));
    let learned = "--set method.5.select={kind='learned',by='model',epochs=1}";
    let printed = place.run(&format!("{RUN} {learned}")).ok();
    let expected = "not cross-fitted: without a fold, 13 validation images are too few to hold a part out";
    assert_has(&printed, &[expected, "## Verdict, from validation alone"]);

    // All validation images are of one patient.
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let mut rows = "path,label,split,group\n".to_owned();
    for (split, count) in [("train", 24), ("val", 12), ("test", 12)] {
        for at in 0..count {
            let name = format!("{split}-{at}.png");
            picture(&place.path(&format!("data/{name}")), at % 2, at);
            let patient = if split == "val" { "one".to_owned() } else { format!("{split}{at}") };
            rows += &format!("{name},{},{split},{patient}\n", ["a", "b"][at % 2]);
        }
    }
    place.write("data/labels.csv", &rows);
    let dataset = r#"
[[dataset]]
name = "patients"
metric = "accuracy"
source = { kind = "manifest", path = "labels.csv" }
split = { kind = "official" }
"#;
    place.write("tiny.toml", &table(dataset));
    let printed = place.run(&format!("{RUN} --data-root data")).ok();
    assert_has(&printed, &["No verdict: expected samples of at least 2 groups to divide, found 1."]);
}

#[test]
fn selecting_files_says_what_the_choice_is_worth() {
    let place = Place::new();
    place.images("data/cells", &["a", "b", "c"], 40);
    place.write("ft.toml", &PROBE.replace("train = 0.6, val = 0.2", "train = 0.5, val = 0.3"));
    for seed in 0..3 {
        place
            .run(&format!("ff-train finetune --config ft.toml --set name=s{seed} --set train.seed={seed}"))
            .ok();
    }
    let files = "runs/s0/kept.safetensors runs/s1/kept.safetensors runs/s2/kept.safetensors";
    let select = |options: &str| {
        format!("ff-soup select --config ft.toml --output soup.safetensors {options} {files}")
    };
    let printed = place.run(&select("--method greedy --accept one-se --select-by log-loss --folds 4")).ok();
    assert_has(
        &printed,
        &["log-loss -", "accuracy ", " cross-fitted in 4 folds: optimism ", "36 validation images"],
    );
    let json = place.json_of(&select("--method pruned --json"));
    assert_eq!(json["cross_fitted"]["folds"], 3);
    let verdict = &json["verdict"];
    assert_eq!((&verdict["samples"], &verdict["compared"]), (&36.into(), &1.into()));
    assert!(verdict["same"].is_boolean(), "{verdict}");
    let printed = place.run(&select("--method uniform")).ok();
    assert_has(&printed, &["nothing was chosen on validation images", "the best file"]);
    // Files that training has not predicted are evaluated: the soup, and three files for the verdict.
    let alone = [0, 1, 2].map(|seed| {
        let copy = format!("alone-{seed}.safetensors");
        std::fs::copy(place.path(&format!("runs/s{seed}/kept.safetensors")), place.path(&copy)).unwrap();
        copy
    });
    let uniform = "ff-soup select --config ft.toml --output soup.safetensors --method uniform -v";
    place.run(&format!("{uniform} {}", alone.join(" "))).ok_saying("cost.evaluations=4 ");
    let printed = place.run(&select("--method greedy --folds 0")).ok();
    assert!(!printed.contains("cross-fitted") && !printed.contains("36 validation images"), "{printed}");
    for (options, code, expected) in [
        ("--method greedy --folds 1", 1, "--folds: expected 0 (none) or 2 to 100, found 1"),
        ("--method uniform --accept one-se", 1, "--accept: expected a method that takes it, found uniform"),
        ("--method greedy --accept two-se", 2, "one-se"),
        ("--method greedy --select-by loss", 2, "log-loss"),
    ] {
        place.run(&select(options)).refused(code, &[expected]);
    }
}

#[test]
fn what_followed_from_other_weights_is_computed_again() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    // A record of an older version, without cross-fitting, on another device.
    let path = place.job("soup", "Uniform Soup").join("record.json");
    let mut record: ff_grid::Record = ff_checkpoint::read_sealed(&path).unwrap();
    let ff_grid::JobSpec::Soup(spec) = &mut record.spec else { panic!("no soup") };
    spec.folds = None;
    let ff_grid::JobOutput::Soup(soup) = &mut record.output else { panic!("no soup") };
    soup.cross_fitted = None;
    ff_checkpoint::write_sealed(&path, &record).unwrap();
    let same = place.run(RUN);
    assert!(
        same.stderr.contains(": Uniform Soup: ") && !same.stderr.contains("predict: "),
        "{}",
        same.stderr
    );

    let ff_grid::JobOutput::Soup(soup) = &mut record.output else { panic!("no soup") };
    soup.digest = *ff_checkpoint::StateDict::from_tensors(Default::default()).digest();
    ff_checkpoint::write_sealed(&path, &record).unwrap();
    let again = place.run(RUN);
    assert_has(&again.stderr, &["Uniform Soup: predict: ", "Uniform Soup: score: "]);
    assert!(!again.stderr.contains("Greedy Soup: predict: "), "{}", again.stderr);
    again.ok();

    // A record that was set aside, of a file with other weights.
    std::fs::remove_file(&path).unwrap();
    std::fs::copy(
        place.job("soup", "Greedy Soup").join("soup.safetensors"),
        path.with_file_name("soup.safetensors"),
    )
    .unwrap();
    let again = place.run(RUN);
    assert_has(&again.stderr, &["Uniform Soup: predict: ", "Uniform Soup: score: "]);
    again.ok();
}
