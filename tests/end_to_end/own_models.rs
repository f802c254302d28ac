//! Models that were trained elsewhere: as a pool of a table, and in a folder with images.

use std::collections::BTreeMap;

use ff_checkpoint::serde_json::{Value, json};
use ff_checkpoint::{OwnedTensor, Provenance, StateDict};
use ff_models::tch::Device;
use ff_models::{Architecture, Model, Spec};

use crate::place::{FOLDER, Place, assert_has, table};

const CLASSES: [&str; 3] = ["a", "b", "c"];

type Tensors = BTreeMap<String, OwnedTensor>;

/// Returns weights whose classifier is moved by `change` from those of a seed.
fn weights(seed: u64, outputs: usize, change: f32) -> Tensors {
    let spec = Spec { image_size: 16, ..Spec::new(Architecture::RESNET_PICO, outputs) };
    let mut tensors = Model::new(&spec, Device::Cpu, seed).unwrap().state_dict();
    let classifier = StateDict::from_tensors(tensors.clone());
    let values = classifier.get("fc.weight").unwrap().to_f32().unwrap();
    let moved = values.iter().enumerate().map(|(at, value)| value + change * (at as f32).sin());
    tensors.insert("fc.weight".into(), OwnedTensor::f32([outputs, 80], &moved.collect::<Vec<_>>()));
    tensors
}

fn save(place: &Place, file: &str, tensors: Tensors, classes: Option<[&str; 3]>) {
    let path = place.path(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = classes.map(|classes| Provenance::new("elsewhere", json!({ "classes": classes })));
    StateDict::from_tensors(tensors).save(path, made.as_ref()).unwrap();
}

/// Returns the weights with another order of outputs: class `order[n]` is that of output `n`.
fn reordered(tensors: Tensors, order: [usize; 3]) -> Tensors {
    let weights = StateDict::from_tensors(tensors.clone());
    let rows = |name: &str| {
        let values = weights.get(name).unwrap().to_f32().unwrap();
        let width = values.len() / 3;
        order.iter().flat_map(|&row| values[row * width..][..width].to_vec()).collect::<Vec<f32>>()
    };
    let mut changed = tensors;
    changed.insert("fc.weight".into(), OwnedTensor::f32([3, 80], &rows("fc.weight")));
    changed.insert("fc.bias".into(), OwnedTensor::f32([3], &rows("fc.bias")));
    changed
}

/// Makes a folder with four models of one start, in two folders, and images of three classes.
fn place() -> Place {
    let place = Place::new();
    place.images("data/cells", &CLASSES, 10);
    for (file, change) in
        [("own/one/a.safetensors", 0.1), ("own/one/b.safetensors", 0.2), ("own/two/a.safetensors", -0.1)]
    {
        save(&place, file, weights(0, 3, change), Some(CLASSES));
    }
    place
}

const SELECT: &str = "ff-soup select own --images data/cells --image-size 16 --output soup.safetensors";

#[test]
fn a_folder_of_models_gives_a_soup_a_table_and_a_report() {
    let place = place();
    let said = place.run(SELECT);
    assert_has(&said.stderr, &["3 models: resnet_pico", "wrote soup.safetensors", "wrote soup.html"]);
    let printed = said.ok();
    assert_has(&printed, &["## Verdict", "| Best ", "| Uniform ", "| Greedy ", "| Pruned "]);
    assert_eq!(printed, place.read("runs/tables/soup/table.md"));
    assert!(place.read("soup.html").contains("one/b.safetensors"));
    place.run("ff-soup verify soup.safetensors runs").ok();
    place.run("ff-grid doctor").ok();

    // Nothing runs again, and another model changes only what depends on it.
    place.run(SELECT).ok_saying("0 jobs done, ");
    save(&place, "own/two/b.safetensors", weights(0, 3, 0.3), Some(CLASSES));
    let more = place.run(SELECT);
    assert_has(&more.stderr, &["two/b.safetensors", "4 models: "]);
    assert!(!more.stderr.contains("resnet_pico: one/a.safetensors"), "{}", more.stderr);
    more.ok();

    // Images above the working folder.
    let line =
        SELECT.replace("data/cells", "own/../data/cells").replace("soup.safetensors", "up.safetensors");
    place.run(&line).ok();

    // One method, by folders.
    let gou = place.run(&format!("{SELECT} --method gou")).ok();
    assert_eq!(place.run(&format!("{SELECT} --method gou --by folder")).ok(), gou);
    assert!(gou.contains("| Gou ") && !gou.contains("| Pruned "), "{gou}");
}

#[test]
fn outputs_are_put_in_the_order_of_the_data() {
    let place = place();
    save(&place, "other/c.safetensors", reordered(weights(0, 3, 0.2), [2, 0, 1]), Some(["c", "a", "b"]));
    let table =
        table(FOLDER) + &pool("files = [\"own/one/b.safetensors\", \"other\"]") + &row("Mine", "uniform");
    place.write("tiny.toml", &table);
    // The same weights once the outputs are in order, but not the same file.
    place.run("ff-grid run --config tiny.toml").ok();
    let kept = |label: &str| place.record("import", label)["output"]["training"]["kept"].clone();
    let [one, other] = [kept("b.safetensors"), kept("c.safetensors")];
    assert_eq!(one["weights"], other["weights"]);
    assert_eq!(one["predictions"], other["predictions"]);
    let printed = place.read("runs/tables/tiny/table.md");
    assert!(!printed.contains("order of the outputs"), "{printed}");

    save(&place, "other/c.safetensors", weights(0, 3, 0.25), Some(["c", "a", "d"]));
    place.run("ff-grid run --config tiny.toml").refused(1, &["c.safetensors", "a, b, c", "found c, a, d"]);
}

/// Returns an entry of `[[pool]]`.
fn pool(rest: &str) -> String {
    format!("\n[[pool]]\nname = \"mine\"\n{rest}\n")
}

fn row(name: &str, kind: &str) -> String {
    format!("\n[[method]]\nname = \"{name}\"\npool = \"mine\"\nselect = {{ kind = \"{kind}\" }}\n")
}

/// Returns the candidates of a row.
fn candidates(place: &Place, label: &str) -> Value {
    place.record("soup", label)["output"]["soup"]["candidates"].clone()
}

#[test]
fn files_are_beside_the_models_of_a_grid() {
    let place = place();
    let mut broken = weights(0, 3, 0.5);
    broken.insert("fc.bias".into(), OwnedTensor::f32([3], &[0.0, f32::NAN, 0.0]));
    save(&place, "own/one/broken.safetensors", broken, None);
    save(&place, "own/one/copy.safetensors", weights(0, 3, 0.1), None);
    save(&place, "own/unknown.safetensors", weights(0, 3, 0.4), None);
    save(&place, "base.safetensors", weights(0, 3, 0.0), None);
    let rows = [("Theirs", "best"), ("Theirs greedy", "greedy"), ("Stock of theirs", "stock")];
    let rows: String = rows.map(|(name, kind)| row(name, kind)).concat();
    let beside = pool("files = [\"own\"]\nwith = \"grid\"\nbase = \"base.safetensors\"");
    place.write("tiny.toml", &(table(FOLDER) + &beside + &rows + "\n[forecast]\n"));
    let said = place.run("ff-grid run --config tiny.toml");
    assert_has(
        &said.stderr,
        &[
            "one/broken.safetensors: left out, since `fc.bias` holds a value that is not finite",
            "one/copy.safetensors: left out, since it has the same weights as one/a.safetensors",
            "unknown.safetensors: the order of the outputs is not recorded, and taken as that of the data: a, b, c",
        ],
    );
    let printed = said.ok();
    // Four models of the grid, and four files.
    assert_eq!(candidates(&place, "Theirs greedy"), 8);
    assert_eq!(candidates(&place, "Greedy Soup"), 4);
    // The grid's models are not of the start of the files.
    assert_has(&printed, &["models are not of the start of the best one"]);
    let import = place.record("import", "unknown.safetensors");
    assert_eq!(import["cost"]["train_images"], 0);
    place.run("ff-grid run --config tiny.toml").ok_saying("0 jobs done, ");
    place.run("ff-grid report --config tiny.toml --output page.html").ok();
    assert_has(&place.read("page.html"), &["one/a.safetensors"]);
}

/// Trains a model on the images of `place` that tells their classes apart.
fn trained(place: &Place) -> Tensors {
    place.write("train.toml", &table(FOLDER).replace("name = \"tiny\"", "name = \"train\""));
    let line = "ff-grid run --config train.toml --set finetune.epochs=12 --set grid.learning_rates=[1e-2]";
    place.run(&format!("{line} --set grid.augmentations=[\"minimal\"]")).ok();
    let file = StateDict::open(place.job("finetune", "lr 1e-2 minimal").join("kept.safetensors")).unwrap();
    let owned = file.iter().map(|(name, tensor)| {
        let (dtype, shape, data) = (tensor.dtype, tensor.shape.to_vec(), tensor.data.to_vec());
        (name.to_owned(), OwnedTensor { dtype, shape, data })
    });
    owned.collect()
}

#[test]
fn a_single_model_is_recommended_unless_a_soup_scores_higher() {
    let place = place();
    let good = trained(&place);
    let rows = row("Best", "best") + &row("Uniform", "uniform");
    let table = table(FOLDER).split("[[method]]").next().unwrap().to_owned();
    let table = table + &pool("files = [\"fixed\"]") + &rows;
    place.write("tiny.toml", &table.replace("name = \"tiny\"", "name = \"tie\""));
    save(&place, "fixed/left.safetensors", good.clone(), Some(CLASSES));
    save(&place, "fixed/right.safetensors", good.clone(), Some(CLASSES));
    let higher = "scores higher on validation images than this soup";
    let page = |table: &str| {
        let printed = place.run("ff-grid run --config tiny.toml").ok();
        place.run("ff-grid report --config tiny.toml --output page.html").ok();
        (printed, place.read(&format!("runs/tables/{table}/soup.md")), place.read("page.html"))
    };
    let (printed, card, report) = page("tie");
    assert!(!printed.contains(higher) && !card.contains(higher), "{printed}{card}");
    assert_has(&report, &["<strong>Take Best</strong>: it has the best macro F1 on validation images."]);

    // The second one takes b for c, so the mean of both tells these two classes apart no longer.
    place.write("tiny.toml", &table);
    save(&place, "fixed/right.safetensors", reordered(good, [0, 2, 1]), Some(CLASSES));
    let (printed, card, report) = page("tiny");
    let said = format!("Best (left.safetensors) {higher}: macro F1 ");
    assert_has(&printed, &[&said]);
    assert_has(&card, &[&format!("- Note: {said}")]);
    assert_has(&report, &["<strong>Take Best</strong>: "]);
}

#[test]
fn a_base_may_have_a_classifier_of_its_own() {
    let place = place();
    // As a network with ImageNet's classes, but fewer.
    save(&place, "base.safetensors", weights(0, 7, 0.0), None);
    let rows = row("Best", "best") + &row("Stock", "stock") + &row("Task arithmetic", "task-arithmetic");
    let table = table(FOLDER).split("[[method]]").next().unwrap().to_owned();
    let of_pool = pool("files = [\"own\"]\nbase = \"base.safetensors\"");
    place.write("tiny.toml", &(table + &of_pool + &rows + "[forecast]\n"));
    let said = place.run("ff-grid run --config tiny.toml");
    assert_has(&said.stderr, &["the base's classifier, of 7 outputs, is not theirs: theirs start from 0"]);
    said.ok();
    let base = place.record("import", "base.safetensors");
    assert_eq!((&base["spec"]["is_base"], &base["spec"]["outputs"]), (&json!(true), &Value::Null));
    let forecast = &place.record("forecast", "forecast of mine")["output"]["forecast"];
    assert!(forecast["models"][0]["cosine"].as_f64().unwrap() > 0.9, "{forecast}");
    assert_eq!(forecast.get("no_start"), None);
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let place = place();
    save(&place, "mixed/two.safetensors", weights(0, 2, 0.0), None);
    save(&place, "mixed/three.safetensors", weights(0, 3, 0.0), None);
    save(&place, "other.safetensors", [("w".to_owned(), OwnedTensor::f32([1], &[0.0]))].into(), None);
    let select = |rest: &str| place.run(&format!("ff-soup select --output x.safetensors {rest}"));
    let images = "--images data/cells --image-size 16";
    for (rest, expected) in [
        (
            format!("mixed {images}"),
            &["found 2 kinds", "1: resnet_pico, 2 outputs (mixed/two.safetensors)"][..],
        ),
        (format!("mixed/two.safetensors {images}"), &["two.safetensors: expected 3 outputs", "found 2"]),
        (format!("own {images} --method stock"), &["--base: expected the weights"]),
        (
            format!("own {images} --config x.toml --method greedy"),
            &["expected --config or --images, found both"],
        ),
        ("own --images gone".to_owned(), &["--images: expected a folder or a file, found none"]),
        ("own --method greedy".to_owned(), &["expected a recipe (--config) or images (--images)"]),
        (
            format!("mixed/three.safetensors {images} --classes a,b"),
            &["expected the data's classes (a, b, c)"],
        ),
        (
            format!("other.safetensors {images}"),
            &[
                "other.safetensors: expected weights of a known architecture",
                "; or select by a command that scores weights: --score-command ",
            ],
        ),
        (
            format!("data {images}"),
            &["data: expected weights, found a folder with other files, such as cells/a/a00.png"],
        ),
    ] {
        select(&rest).refused(1, expected);
    }
    assert!(!place.path("x.safetensors").exists());

    for (config, expected) in [
        (pool("files = []") + &row("R", "best"), "pool `mine`: files: expected at least one file or folder"),
        (pool("files = [\"own\"]").replace("mine", "grid"), "pool: expected a name other than grid"),
        (pool("files = [\"own\"]\nwith = \"x\""), "pool `mine`: with: expected one of grid"),
        (
            row("R", "best"),
            "method `R`: pool: expected one of grid, fgg, fgg-all, fgg-also, ema, grid-ema, found `mine`",
        ),
        (
            pool("files = [\"own\"]") + &row("R", "stock"),
            "method `R`: expected the weights that the models of pool",
        ),
        (pool("files = [\"own\"]") + &pool("files = [\"own\"]"), "two entries of `pool` are named `mine`"),
    ] {
        place.write("wrong.toml", &(table(FOLDER) + &config));
        place.run("ff-grid plan --config wrong.toml").refused(1, &[expected]);
    }
}

#[test]
fn results_are_no_candidates() {
    let place = place();
    let select =
        "ff-soup select . --method uniform --images data/cells --image-size 16 --output own/soup.safetensors";
    let first = place.run(select);
    assert_has(&first.stderr, &["3 models: resnet_pico"]);
    first.ok();
    let again = place.run(select);
    assert_has(&again.stderr, &["3 models: resnet_pico", "0 jobs done, "]);
    again.ok();
}

#[test]
fn tables_of_other_outputs_are_not_replaced() {
    let place = place();
    let select = |output: &str| {
        place.run(&format!(
            "ff-soup select own --method uniform --images data/cells --image-size 16 --output {output}"
        ))
    };
    for folder in ["a", "b"] {
        std::fs::create_dir(place.path(folder)).unwrap();
    }
    select("a/soup.safetensors").ok();
    let table = place.read("runs/tables/soup/table.md");
    select("b/soup.safetensors").ok_saying("results go to runs/tables/soup-");
    assert!(place.path("b/soup.safetensors").exists());
    assert_eq!(place.read("runs/tables/soup/table.md"), table);
    select("a/soup.safetensors").ok_saying("results in runs/tables/soup: ");

    place.write("runs/tables/mine/config.toml", "");
    select("mine.safetensors").ok_saying("results go to runs/tables/mine-");
    assert_eq!(place.read("runs/tables/mine/config.toml"), "");
}

#[test]
fn unreadable_images_are_left_out_on_purpose_only() {
    let place = place();
    place.write("data/cells/a/a00.png", "not an image");
    let select = format!("{SELECT} --method uniform");
    place.run(&select).refused(1, &["a00.png", "--on-bad-image skip"]);
    let ran = place.run(&format!("{select} --on-bad-image skip"));
    assert_has(&ran.stderr, &["a00.png"]);
    ran.ok();
}

#[test]
fn training_images_choose_on_purpose_only() {
    let place = place();
    place.images("data/split/train", &CLASSES, 5);
    place.images("data/split/test", &CLASSES, 2);
    let select =
        "ff-soup select own --method uniform --images data/split --image-size 16 --output x.safetensors";
    let expected = "--images: expected validation images, found training images without them\nhint: ";
    place.run(select).refused(1, &[expected]);
    assert!(!place.path("runs").exists());
    let counts = "choosing on 12 images (val), 3 images for BatchNorm statistics, 6 test images\n";
    place.run(&format!("{select} --ratio 0.2,0.8,0")).ok_saying(counts);
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_anything_runs() {
    let place = place();
    for (output, expected) in [
        ("gone/x.safetensors", "--output: expected a file in a folder that exists, found gone/x.safetensors"),
        ("own/one/a.safetensors/x", "--output: expected a file in a folder that exists"),
        ("own", "--output: expected the name of a file, found a folder, own"),
        ("own/one/a.safetensors", "--output: expected another file than the models"),
        ("x.pth", "--output: expected a name for a safetensors file, found x.pth"),
        ("..", "--output: expected the name of a file, found a folder, .."),
        // No file can be created here, by any user.
        ("/proc/x.safetensors", "--output: /proc: cannot be written to"),
    ] {
        let select = format!("ff-soup select own --method greedy --output {output}");
        place.run(&format!("{select} --images data/cells --image-size 16")).refused(1, &[expected]);
        let mut words: Vec<&str> = select.split(' ').collect();
        words.extend(["--score-command", "touch ran; echo {weights}"]);
        place.run_words(&words).refused(1, &[expected]);
    }
    assert!(!place.path("runs").exists() && !place.path("ran").exists() && !place.path("gone").exists());
}

#[test]
fn folders_of_the_hub_and_wrapped_networks_are_candidates() {
    let place = place();
    save(&place, "own/hub/model.safetensors", weights(0, 3, 0.3), None);
    place.write("own/hub/config.json", r#"{ "id2label": { "0": "a", "1": "b", "2": "c" } }"#);
    let plain = weights(0, 3, 0.4);
    let wrapped = plain.iter().map(|(name, tensor)| (format!("module.{name}"), tensor.clone())).collect();
    save(&place, "own/wrapped.safetensors", wrapped, Some(CLASSES));
    save(&place, "own/plain.safetensors", plain, Some(CLASSES));
    let said = place.run(&format!("{SELECT} --method uniform"));
    assert_has(&said.stderr, &["6 models: resnet_pico"]);
    said.ok();
    let spec = place.record("import", ": hub")["spec"].clone();
    assert_eq!((&spec["fields"]["folder"], &spec["outputs"]), (&json!("own"), &json!([0, 1, 2])));
    let kept = |label: &str| place.record("import", label)["output"]["training"]["kept"]["weights"].clone();
    assert_eq!(kept("wrapped.safetensors"), kept("plain.safetensors"));
}

#[test]
fn models_of_another_normalisation_are_told_apart() {
    let place = place();
    save(&place, "own/half/c.safetensors", weights(0, 3, 0.3), Some(CLASSES));
    save(&place, "own/half/d.safetensors", weights(0, 3, 0.4), Some(CLASSES));
    place.write("own/half/config.json", r#"{ "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5] }"#);
    let half = "2: resnet_pico, 3 outputs, mean [0.5, 0.5, 0.5], deviation [0.5, 0.5, 0.5], classes a, b, c \
                (own/half/c.safetensors, own/half/d.safetensors)";
    place.run(SELECT).refused(1, &["found 2 kinds", half]);
    // They are a pool of their own.
    place.run(&SELECT.replace("own", "own/half")).ok();
    assert_has(&place.read("runs/tables/soup/config.toml"), &["[model.normalisation]\nmean = ["]);
}
