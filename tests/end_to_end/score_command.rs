//! Selection by a command of the user's: scores, predictions, failures, resuming, and the examples.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};

use crate::place::{Place, Ran, assert_has, works};

/// Prints minus the distance of a model's only number from 1.
const SCORE: &str = "tail -c 8 {weights} | od -An -t f8 | awk '{ d = $1 - 1; print d < 0 ? d : -d }'";

/// Writes predictions of 240 samples, of which the more are wrong, the further the number is from 1.
const PREDICT: &str = r#"echo x >> runs; tail -c 8 {weights} | od -An -t f8 | awk '{
    d = $1 < 1 ? 1 - $1 : $1 - 1
    print "target,logit_0,logit_1"
    for (i = 0; i < 240; i++) {
        t = i % 2; right = i >= 60 * d
        print t "," (t == right ? -1 : 1) "," (t == right ? 1 : -1)
    }
}' > {predictions}"#;

/// Makes a place with four models of one number each. The greedy soup is of `d` and `a`.
fn place() -> Place {
    let place = Place::new();
    for (name, value) in [("x/a", 0.0), ("x/b", 3.25), ("y/c", -1.0), ("y/d", 1.5), ("base", 2.0)] {
        std::fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        save(&place, &format!("{name}.pth"), value);
    }
    place
}

fn save(place: &Place, name: &str, value: f64) {
    let tensors = [("w".to_owned(), OwnedTensor::rounded(Dtype::F64, &[1], &[value]))];
    StateDict::from_tensors(tensors.into()).save(place.path(name), None).unwrap();
}

/// Returns the words of a selection of the four models by a command.
fn words<'a>(command: &'a str, options: &'a str) -> Vec<&'a str> {
    let files = ["x/a.pth", "x/b.pth", "y/c.pth", "y/d.pth"];
    let start = ["ff-soup", "select", "--output", "soup.safetensors", "--score-command", command];
    start.into_iter().chain(options.split_whitespace()).chain(files).collect()
}

fn select(place: &Place, command: &str, options: &str) -> Ran {
    place.run_words(&words(command, options))
}

fn number(place: &Place) -> f64 {
    let soup = StateDict::open(place.path("soup.safetensors")).unwrap();
    soup.get("w").unwrap().to_f64().unwrap()[0]
}

fn lines(place: &Place, file: &str) -> usize {
    place.read(file).lines().count()
}

/// Asserts that nothing temporary is left in the folder of scores.
#[track_caller]
fn is_clean(place: &Place) {
    let files = place.files("soup.safetensors.scores");
    let is_kept = |name: &String| name == "lock" || [".json", ".log"].iter().any(|end| name.ends_with(end));
    assert!(files.iter().all(is_kept), "{files:?}");
}

#[test]
fn a_greedy_soup_is_selected_and_scores_are_kept() {
    let place = place();
    let command = format!("echo {{weights}} \"$FF_WEIGHTS\" >> runs; {SCORE}");
    let ran = select(&place, &command, "--method greedy");
    assert_has(
        &ran.stderr,
        &["score 1 of 4: x/a.pth -1.0000 (", "score 4 of 4: y/d.pth -0.5000 (", "score 7: "],
    );
    assert_has(&ran.ok(), &["score -0.2500 on validation, 2 of 4 models"]);
    assert_eq!(number(&place), 0.75);
    let runs = place.read("runs");
    assert_has(&runs, &["x/a.pth x/a.pth\n", "y/d.pth y/d.pth\n"]);
    assert_eq!((runs.lines().count(), runs.matches(".safetensors\n").count()), (7, 3), "{runs}");
    is_clean(&place);
    place.run("ff-soup verify soup.safetensors x y").ok();
    let soup = StateDict::open(place.path("soup.safetensors")).unwrap();
    let recipe = &soup.provenance().unwrap().recipe;
    assert_eq!((&recipe["method"], &recipe["score_command"]), (&"select".into(), &command.as_str().into()));

    // The same command has all scores, also for another method; another command has none.
    let again = select(&place, &command, "--method pruned --json");
    let said = ["soup.safetensors.scores: found 7 scores of this command", "x/a.pth -1.0000 (kept)"];
    assert_has(&again.stderr, &said);
    assert_eq!(again.json()["score"], -0.0625, "the mean of all is 0.9375");
    let before = lines(&place, "runs");
    select(&place, &command, "--method greedy").ok();
    assert_eq!(lines(&place, "runs"), before);
    select(&place, &format!("{command} "), "--method greedy").ok();
    assert_eq!(lines(&place, "runs"), before + 7);
}

#[test]
fn every_method_that_needs_scores_only_selects() {
    let place = place();
    for (options, value) in [
        ("uniform", 0.9375),
        // The means of the folders are 1.625 and 0.25.
        ("gou --by folder", 0.9375),
        // Of `x` the mean of both models, 1.625, and of `y` one model.
        ("gog --by folder", 1.5),
        ("line --base base.pth --alpha 0.5,1", 0.9375),
        // 2 + λ(−2 + 1.25 − 3 − 0.5), nearest to 1 for λ = 0.25.
        ("task-arithmetic --base base.pth", 0.9375),
        // 2 + λ(−2 − 3 − 0.5) / 3: the signs elect what is negative.
        ("ties --base base.pth --density 1 --lambda 0.5", 2.0 - 5.5 / 6.0),
    ] {
        select(&place, SCORE, &format!("--score-jobs 3 --method {options}")).ok();
        assert!((number(&place) - value).abs() < 1e-9, "{options}: {}", number(&place));
    }
    is_clean(&place);
}

#[test]
fn several_commands_run_at_once() {
    let place = place();
    // The first command waits for the second.
    let command = format!(
        "touch started.$$; until [ -e started ]; do [ $(ls started.* | wc -l) -lt 2 ] || \
                           touch started; sleep 0.02; done; {SCORE}"
    );
    let late = select(&place, &command, "--method greedy --score-timeout 1");
    late.refused(1, &["expected a score of x/a.pth, found no end within 1 s\n", "--score-timeout"]);
    std::fs::remove_dir_all(place.path("soup.safetensors.scores")).unwrap();
    for file in place.files("").iter().filter(|name| name.starts_with("started")) {
        std::fs::remove_file(place.path(file)).unwrap();
    }
    select(&place, &command, "--method greedy --score-timeout 60 --score-jobs 2").ok();
    assert_eq!(number(&place), 0.75);
}

#[test]
fn names_of_files_are_not_run() {
    let place = place();
    std::fs::create_dir(place.path("mine")).unwrap();
    let names = ["a;touch PWNED;.pth", "$(touch PWNED).pth", "it's \"two\" words.pth"];
    for (name, value) in names.into_iter().zip([0.0, 3.25, 1.5]) {
        save(&place, &format!("mine/{name}"), value);
    }
    let score = |weights: &str| SCORE.replace("{weights}", weights);
    let predict = |path: &str| PREDICT.replace("{weights}", "'{weights}'").replace("{predictions}", path);
    for (number, command) in [
        score("{weights}"),
        score("\"{weights}\""),
        score("'{weights}'"),
        predict("{predictions}"),
        predict("\"{predictions}\""),
        predict("'{predictions}'"),
    ]
    .iter()
    .enumerate()
    {
        // The folder of the predictions has such a name too.
        let output = format!("$(touch PWNED) it's {number}");
        let words = "ff-soup select mine --method greedy --score-command".split(' ');
        let words: Vec<&str> = words.chain([command, "--output", &output]).collect();
        assert_has(&place.run_words(&words).ok(), &["2 of 3 models"]);
    }
    assert!(!place.path("PWNED").exists());
}

#[test]
fn results_are_no_candidates() {
    let place = place();
    std::fs::create_dir_all(place.path("runs/jobs/1")).unwrap();
    save(&place, "runs/jobs/1/kept.safetensors", 9.0);
    let words = ["ff-soup", "select", ".", "--method", "uniform", "--output", "x/soup.safetensors"];
    let words: Vec<&str> = words.into_iter().chain(["--score-command", SCORE]).collect();
    for _ in 0..2 {
        assert_has(&place.run_words(&words).ok(), &["5 of 5 models"]);
    }
}

#[test]
fn broken_and_repeated_models_are_left_out() {
    let place = place();
    save(&place, "x/nan.pth", f64::NAN);
    save(&place, "y/same.pth", 3.25);
    let words = ["ff-soup", "select", "x", "y", "--method", "uniform", "--output", "soup.safetensors"];
    let words: Vec<&str> = words.into_iter().chain(["--score-command", SCORE]).collect();
    let ran = place.run_words(&words);
    assert_has(
        &ran.stderr,
        &[
            "note: x/nan.pth: left out, since `w` holds a value that is not finite\n",
            "note: y/same.pth: left out, since it has the same weights as x/b.pth\n",
        ],
    );
    assert_has(&ran.ok(), &["4 of 4 models"]);
}

#[test]
fn the_scores_of_a_method_name_its_settings() {
    let place = place();
    let ran = select(&place, SCORE, "--method line --base base.pth --alpha 0.5,1");
    let start = "the line of 4 models (`x/a.pth` first) alpha=";
    assert_has(&ran.stderr, &[&format!("{start}0.5 "), &format!("{start}1.0 ")]);
    ran.ok();
}

#[test]
fn options_that_do_not_fit_are_refused_before_a_command_runs() {
    let place = place();
    let command = format!("echo x >> runs; {SCORE}");
    for (options, code, expected) in [
        ("--method learned", 1, "--method: expected a method that needs scores only"),
        ("--method fisher", 1, "--method: expected a method that needs scores only"),
        ("--method greedy --accept one-se", 1, "--accept one-se: expected a command that writes predictions"),
        (
            "--method greedy --select-by log-loss",
            1,
            "--select-by: expected a command that writes predictions",
        ),
        ("--method greedy --metric auroc", 1, "--metric: expected a command that writes predictions"),
        ("--method greedy --folds 5", 1, "--folds: expected a command that writes predictions"),
        ("--method gou", 1, "`x/a.pth` has no field `learning_rate` to group by; it has folder"),
        ("--method gog --by lr", 1, "no field `lr`"),
        ("--method greedy --config gone.toml", 2, "cannot be used with"),
        ("--method greedy --bn averaged", 2, "cannot be used with"),
        ("--method greedy --score-timeout 0", 2, "expected seconds above 0"),
        ("--method greedy --score-jobs 0", 2, "--score-jobs"),
        ("", 1, "--method: expected how to select"),
    ] {
        select(&place, &command, options).refused(code, &[expected]);
    }
    let expected =
        "--score-command: expected {weights} where the command takes the file to score, found `echo 1`";
    select(&place, "echo 1", "--method greedy").refused(1, &[expected, "hint: "]);
    assert!(!place.path("runs").exists() && !place.path("soup.safetensors").exists());
}

#[test]
fn failures_show_what_the_command_said() {
    let place = place();
    let many = "seq 30; : {weights}; exit 3";
    for (command, found) in [
        (many, "exit code 3\n  11\n"),
        ("echo sorry >&2; kill -9 $$; : {weights}", "an end by signal 9\n  sorry\n"),
        ("gone-program {weights}", "exit code 127: the shell has not found a program\n"),
        ("/dev/null {weights}", "exit code 126: the shell cannot run a program\n"),
        (": {weights}", "no output\n"),
        ("echo {weights}", "`x/a.pth` as its last line\n  x/a.pth\n"),
        ("echo 0.5; echo nan; : {weights}", "NaN\n  0.5\n  nan\n"),
        ("echo '{\"score\": 1e999}'; : {weights}", "`{\"score\": 1e999}` as its last line\n"),
        ("echo 0.5; : {weights} {predictions}", "no predictions at {predictions}\n  0.5\n"),
        (": {weights}; echo 0.5 > {predictions}", "predictions that cannot be read: "),
    ] {
        let said = select(&place, command, "--method greedy --score-timeout 20").refused(
            1,
            &[
                &format!("error: --score-command: expected a score of x/a.pth, found {found}"),
                "\nthe whole output is in soup.safetensors.scores/",
                ".log\nhint: ",
            ],
        );
        assert!(!said.contains("  10\n"), "{said}");
        is_clean(&place);
    }
    assert!(!place.path("soup.safetensors").exists());
}

#[test]
fn a_command_that_fails_is_run_again_if_asked_to() {
    let place = place();
    let command = format!("mkdir tried-$(basename {{weights}}) 2> mkdir.log && exit 1; {SCORE}");
    select(&place, &command, "--method greedy").refused(1, &["found exit code 1"]);
    // The first model has been tried; each of the others and of the three means fails once.
    let ran = select(&place, &command, "--method greedy --score-retries 2 --score-jobs 2");
    assert_eq!(ran.stderr.matches("found exit code 1; trying again (1 of 2)").count(), 6, "{}", ran.stderr);
    ran.ok();
    assert_eq!(number(&place), 0.75);
}

/// Waits until `is_so`.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "waited for too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_selection_resumes() {
    let (place, whole) = (place(), place());
    // The sixth command, of a greedy step, waits for the file `go`.
    let command =
        format!("echo x >> runs; until [ $(wc -l < runs) -lt 6 ] || [ -e go ]; do sleep 0.02; done; {SCORE}");
    whole.write("go", "");
    select(&whole, &command, "--method greedy").ok();
    let mut child = place.command(&words(&command, "--method greedy"));
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let kept = || {
        let scores = place.files("soup.safetensors.scores");
        scores.iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')).count()
    };
    wait_until(|| kept() >= 5);
    child.kill().unwrap();
    child.wait().unwrap();
    place.write("go", "");
    assert!(!place.path("soup.safetensors").exists());
    let again = select(&place, &command, "--method greedy");
    assert_has(&again.stderr, &[" scores of this command"]);
    again.ok();
    is_clean(&place);
    let runs = lines(&place, "runs");
    assert!((7..=8).contains(&runs), "{runs} commands, though 5 scores were kept");
    let read = |place: &Place| std::fs::read(place.path("soup.safetensors")).unwrap();
    assert!(read(&place) == read(&whole), "the soups differ");
}

#[test]
fn a_signal_ends_the_commands_and_keeps_scores() {
    let place = place();
    let command = format!("[ {{weights}} = x/a.pth ] || {{ echo $$ > pid; sleep 60; }}; {SCORE}");
    let mut child = place.command(&words(&command, "--method greedy"));
    let child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| std::fs::read_to_string(place.path("pid")).is_ok_and(|text| text.ends_with('\n')));
    assert!(works(&["kill", "-TERM", &child.id().to_string()]));
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let expected =
        "interrupted: the scores so far are kept in soup.safetensors.scores; run the same command again";
    assert_has(&said, &["score 1 of 4: x/a.pth", expected]);
    assert!(!works(&["kill", "-0", place.read("pid").trim()]), "the command still runs");
    is_clean(&place);
    select(&place, &command.replace("sleep 60", "sleep 0"), "--method uniform").ok();
}

#[test]
fn predictions_are_scored_cross_fitted_and_compared() {
    let place = place();
    let ran = select(&place, PREDICT, "--method greedy --score-jobs 4");
    assert_has(&ran.stderr, &["of 4: x/a.pth 0.7500 (", "of 4: y/d.pth 0.8750 ("]);
    let printed = ran.ok();
    let expected = [
        "accuracy 0.9375 on validation (chance 0.5000), 2 of 4 models",
        " cross-fitted in 3 folds: optimism ",
    ];
    assert_has(&printed, &expected);
    assert_has(&printed, &["240 validation images"]);
    assert_eq!(number(&place), 0.75);
    let recipe =
        StateDict::open(place.path("soup.safetensors")).unwrap().provenance().unwrap().recipe.clone();
    assert_eq!(recipe["metric"], "accuracy");
    let predictions = place.files("soup.safetensors.scores").into_iter().find(|name| name.contains(".pred"));
    let score = format!(
        "ff-eval score --task multiclass --predictions soup.safetensors.scores/{}",
        predictions.unwrap()
    );
    assert_has(&place.run(&score).ok(), &["240 samples"]);

    // Other metrics and rules need no more predictions of the models.
    let json = select(&place, PREDICT, "--method greedy --accept one-se --metric macro-f1 --json").json();
    assert_eq!(json["verdict"]["samples"], 240);
    assert!(json["cross_fitted"]["same"].is_u64() && json["verdict"]["same"].is_boolean(), "{json}");
    let before = lines(&place, "runs");
    let printed = select(&place, PREDICT, "--method uniform --select-by log-loss --metric auroc").ok();
    assert_has(&printed, &["log-loss -", "auroc ", "nothing was chosen on validation images"]);
    assert!(lines(&place, "runs") <= before + 1, "one mean is new");
    let printed = select(&place, PREDICT, "--method pruned --folds 0").ok();
    assert!(!printed.contains("cross-fitted"), "{printed}");

    // Labels, of which accuracy is not defined.
    let labels = PREDICT
        .replace("\"target,", "\"target_0,target_1,")
        .replace("print t \",\"", "print 1 - t \",\" t \",\"");
    let printed = select(&place, &labels, "--method greedy").ok();
    assert_has(&printed, &["auroc "]);
    let refused = select(&place, &labels, "--method greedy --metric accuracy");
    refused.refused(1, &["--metric: accuracy does not apply to multilabel targets"]);

    // A model that predicts fewer samples than another.
    let fewer = PREDICT.replace("i < 240", "i < ($1 == 3.25 ? 239 : 240)");
    let refused = select(&place, &fewer, "--method greedy");
    refused.refused(
        1,
        &["expected a score of x/b.pth, found predictions of other samples or targets than those of x/a.pth"],
    );
}

#[test]
fn predictions_in_csv_are_scored() {
    let place = Place::new();
    place.write("p.csv", "file,target,logit_0,logit_1,group\na,0,1,0,p\nb,1,1,0,q\nc,1,0,1,q\n");
    let score = "ff-eval score --task multiclass --resamples 0 --predictions p.csv --metric accuracy";
    assert_has(&place.run(score).ok(), &["3 samples in 2 groups", "accuracy         0.6667"]);
    place.write("p.csv", "label,logit\n1,2\n");
    place.run(score).refused(1, &["p.csv: expected the columns logit_0, logit_1, … and target"]);
}

/// Writes two models of an example's network, in the form that its library writes, and grey images for
/// MONAI.
const MODELS: &str = r#"
import sys, torch
library = sys.argv[1]
for number in range(2):
    torch.manual_seed(number)
    if library == "timm":
        import argparse, timm
        model = timm.create_model("test_resnet", num_classes=2)
        saved = {"state_dict": model.state_dict(), "args": argparse.Namespace(lr=0.1)}
    elif library == "monai":
        from monai.networks.nets import DenseNet121
        saved = DenseNet121(spatial_dims=2, in_channels=1, out_channels=2).state_dict()
        import os
        from PIL import Image
        for at in range(8):
            os.makedirs(f"grey/{at % 2}", exist_ok=True)
            Image.linear_gradient("L").rotate(90 * (at % 2) + at).save(f"grey/{at % 2}/{at}.png")
    else:
        from torchvision.models import resnet18
        state = resnet18(num_classes=2).state_dict()
        saved = {"state_dict": {f"model.{name}": tensor for name, tensor in state.items()}}
    torch.save(saved, f"{library}{number}.pth")
"#;

#[test]
fn the_examples_in_python_score_models() {
    let python = std::env::var("FF_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/python");
    let place = Place::new();
    place.images("val", &["a", "b"], 12);
    for (library, options, expected) in [
        ("timm", "val --model test_resnet --bn-images val --predictions {predictions}", "accuracy "),
        ("monai", "grey", "score "),
        ("lightning", "val", "score -"),
    ] {
        if !works(&[&python, "-c", &format!("import {library}, torchvision, safetensors.torch")]) {
            eprintln!("skipped: {python} has no {library}, so its example was not run");
            continue;
        }
        let mut make = Command::new(&python);
        Ran::of(make.args(["-c", MODELS, library]).current_dir(place.path(""))).ok();
        let command = format!("{python} {examples}/eval_{library}.py {{weights}} {options}");
        let (output, files) =
            (format!("{library}.safetensors"), [0, 1].map(|at| format!("{library}{at}.pth")));
        let ran = place.run_words(&[
            "ff-soup",
            "select",
            "--method",
            "greedy",
            "--score-jobs",
            "2",
            "--output",
            &output,
            "--score-command",
            &command,
            &files[0],
            &files[1],
        ]);
        assert_has(&ran.stderr, &["score 3: mean(", "note: the running statistics of BatchNorm"]);
        assert_has(&ran.ok(), &[expected, "of 2 models"]);
    }
}
