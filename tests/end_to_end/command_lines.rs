//! What the binaries say of themselves.

use crate::place::{FOLDER, Place, SHAPES, table};

/// Text with the version taken out.
fn stable(text: &str) -> String {
    let lines = text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Text with the jobs' identities taken out, which change with every field of a recipe.
fn without_identities(text: &str) -> String {
    let is_identity = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = |line: &str| -> Vec<String> {
        let replace = |word: &str| if is_identity(word) { "[JOB]".to_owned() } else { word.to_owned() };
        line.split(' ').map(replace).collect()
    };
    text.lines().map(|line| words(line).join(" ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn help() {
    let place = Place::new();
    for (binary, commands) in [
        ("ff-data", ["inspect", "fetch", "prepare", "augment", "bench"].as_slice()),
        ("ff-eval", &["score"]),
        ("ff-grid", &["run", "forecast", "work"]), // plan, status and cancel have some of the options of run
        ("ff-inmerge", &["merge", "similarity", "bench"]),
        ("ff-models", &["logits", "bench"]),
        ("ff-soup", &["average", "select", "verify"]),
        ("ff-train", &["fgg", "predict"]), // pretrain, lp and finetune have the options of fgg
    ] {
        let mut text = place.run(&format!("{binary} --help")).ok();
        for command in commands {
            text += &format!("\n$ {binary} {command} --help\n");
            text += &place.run(&format!("{binary} {command} --help")).ok();
        }
        insta::assert_snapshot!(format!("help-{binary}"), stable(&text));
        assert_eq!(stable(&place.run(&format!("{binary} --version")).ok()), format!("{binary} [VERSION]"));
    }
    assert_eq!(place.run("ff-grid").code, 2, "no command is wrong usage");
}

#[test]
fn errors() {
    let place = Place::with_table(SHAPES);
    place.write("cells.toml", &table(FOLDER));
    place.write("typo.toml", &table(SHAPES).replace("update_bn_stats", "updte_bn_stats"));
    place.images("data/cells", &["a", "b"], 5);
    place.write("data/cells/c/notes.txt", "no image");
    let mut text = String::new();
    for line in [
        "ff-grid run --config gone.toml",
        "ff-grid run --config typo.toml",
        "ff-grid run",
        "ff-grid run --config tiny.toml --set fgg.epoch=5",
        "ff-grid run --config tiny.toml --set fgg.epochs=five",
        "ff-grid run --config tiny.toml --set grid.learning_rates=[]",
        "ff-grid run --config tiny.toml --set backbone.weights=model.pth",
        "ff-grid run --config tiny.toml --set backbone.weights=timm/resnet18.a1_in1k",
        "ff-grid run --config cells.toml",
        "ff-grid run --config cells.toml --data-root nowhere",
        "ff-data inspect --dataset folder --root data/cells",
        "ff-data inspect --dataset folders --root data/cells",
        "ff-data augment --augment light data/cells/a/a00.png --output x",
        "ff-data augment --augment heavy data/cells/c/notes.txt --output x",
        "ff-eval score --predictions gone.safetensors --task multiclass",
        "ff-soup verify tiny.toml data",
        "ff-train lp --config tiny.toml",
        "ff-models logits --arch resnet51 --weights w --input x --output y",
        "ff-grid run --config tiny.toml --device gpu",
    ] {
        let ran = place.run(line);
        assert_eq!(ran.stdout, "", "{line}");
        text += &format!("$ {line}\n{}exit code {}\n\n", ran.stderr, ran.code);
    }
    insta::assert_snapshot!("errors", stable(&text).replace(place.path("").to_str().unwrap(), "[FOLDER]/"));
}

#[test]
fn a_plan() {
    let place = Place::with_table(&format!("{SHAPES}{FOLDER}"));
    let plan = place.run("ff-grid plan --config tiny.toml --data-root nowhere").ok();
    insta::assert_snapshot!("plan", without_identities(&stable(&plan)));
}
