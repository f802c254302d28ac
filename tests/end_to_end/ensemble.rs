//! An ensemble as a row of a table, compared with means that are computed here.

use std::path::{Path, PathBuf};

use ff_checkpoint::StateDict;

use crate::place::{FOLDER, Place, RUN, assert_has, table};

const ROW: &str = r#"
[[method]]
name = "Ensemble"
pool = "grid"
select = { kind = "ensemble" }
"#;

/// Thirteen tasks, some labels unknown.
const FINDINGS: &str = r#"
[[dataset]]
name = "findings"
metric = "auroc"
source = { kind = "phantom", task = "findings", image_size = 16, train = 24, val = 24, test = 24, seed = 1 }
split = { kind = "official" }
"#;

type Rows<T> = Vec<Vec<T>>;

/// Runs the tiny table with an ensemble of the grid's four models, each of which is scored too.
fn run(place: &Place, dataset: &str) {
    place.write("tiny.toml", &(table(dataset) + ROW));
    place.run(&format!("{RUN} --set grid.top_models=4")).ok();
}

/// Returns the test predictions of a row of the table or of a single model.
fn predicted(place: &Place, method: &str) -> PathBuf {
    place.job("predict", &format!("{method}: predict")).join("predictions.safetensors")
}

/// Returns the logits of a file of predictions by row.
fn logits(file: &Path) -> Rows<f32> {
    let file = StateDict::open(file).unwrap();
    let found = file.get("logits").unwrap();
    found.to_f32().unwrap().chunks_exact(found.shape[1]).map(<[f32]>::to_vec).collect()
}

fn softmax(row: &[f32]) -> Vec<f64> {
    let powers: Vec<f64> = row.iter().map(|&logit| f64::from(logit).exp()).collect();
    powers.iter().map(|power| power / powers.iter().sum::<f64>()).collect()
}

fn sigmoid(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&logit| 1.0 / (1.0 + (-f64::from(logit)).exp())).collect()
}

/// Computes the mean probabilities of four models, and asserts that `ensemble` has them.
fn checked_mean(files: &[PathBuf], ensemble: &Path, probabilities: fn(&[f32]) -> Vec<f64>) -> Rows<f64> {
    assert_eq!(files.len(), 4, "{files:?}");
    let models: Vec<Rows<f32>> = files.iter().map(|file| logits(file)).collect();
    let found = logits(ensemble);
    let mean = |row: usize| {
        let all: Vec<Vec<f64>> = models.iter().map(|model| probabilities(&model[row])).collect();
        let mean = (0..all[0].len()).map(|output| all.iter().map(|one| one[output]).sum::<f64>() / 4.0);
        mean.collect::<Vec<f64>>()
    };
    let means: Rows<f64> = (0..found.len()).map(mean).collect();
    assert!(models.iter().all(|model| model.len() == means.len() && *model != found));
    for (found, expected) in found.iter().zip(&means) {
        for (found, expected) in probabilities(found).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        }
    }
    means
}

/// Checks the ensemble's predictions on validation and test images, and returns those on the latter.
fn means_of_the_grid(place: &Place, probabilities: fn(&[f32]) -> Vec<f64>) -> Rows<f64> {
    let runs = place.files("runs/jobs").into_iter().filter(|file| file.starts_with("finetune-"));
    let saved = runs.filter(|file| file.ends_with("/kept.val.safetensors"));
    let saved: Vec<_> = saved.map(|file| place.path("runs/jobs").join(file)).collect();
    checked_mean(&saved, &place.job("soup", "Ensemble").join("soup.val.safetensors"), probabilities);
    let singles = ["GS (best)", "model 2 of the grid", "model 3 of the grid", "model 4 of the grid"];
    let singles = singles.map(|name| predicted(place, name));
    checked_mean(&singles, &predicted(place, "Ensemble"), probabilities)
}

/// Returns the test score of the ensemble on record.
fn score(place: &Place) -> f64 {
    place.record("evaluate", "Ensemble: score")["output"]["score"]["value"].as_f64().unwrap()
}

#[test]
fn an_ensemble_of_classes_is_scored_and_not_delivered() {
    let place = Place::new();
    place.images("data/cells", &["blue", "green", "red"], 12);
    run(&place, &FOLDER.replace("macro-f1", "accuracy"));
    let means = means_of_the_grid(&place, softmax);
    let file = StateDict::open(predicted(&place, "Ensemble")).unwrap();
    let targets = file.get("targets").unwrap().to_i64().unwrap();
    let is_right = |(mean, class): &(&Vec<f64>, &i64)| {
        mean[**class as usize] == mean.iter().copied().fold(0.0, f64::max)
    };
    let right = means.iter().zip(&targets).filter(is_right).count();
    assert!((score(&place) - right as f64 / means.len() as f64).abs() < 1e-12);

    // Its costs are those of four models, and its parents are these models.
    let cost = &place.record("predict", "Ensemble: predict")["cost"];
    let images = means.len() as u64;
    assert_eq!(
        (cost["evaluations"].as_u64(), cost["evaluated_images"].as_u64()),
        (Some(4), Some(4 * images))
    );
    let parents = &file.provenance().unwrap().parents;
    assert!(parents.len() == 4 && parents.iter().all(|parent| parent.weight == Some(0.25)), "{parents:?}");

    // It has no weights, so it is not the table's model.
    let record = place.record("soup", "Ensemble");
    let soup = &record["output"]["soup"];
    assert_eq!((&soup["weights"], &record["cost"]["evaluations"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!(soup["soup"]["average"]["merged"]["method"], "ensemble");
    let folder = place.job("soup", "Ensemble");
    assert!(!folder.join("soup.safetensors").exists());
    assert_ne!(place.json("runs/tables/tiny/soup.json")["method"], "Ensemble");
    let saved = folder.join("soup.val.safetensors");
    let verify = format!("ff-soup verify {} runs", place.name(&saved));
    place.run(&verify).refused(1, &["no record of a soup in its metadata"]);
    place.run("ff-grid doctor").ok();

    // A report without the images finds its predictions by their records.
    std::fs::rename(place.path("data"), place.path("moved")).unwrap();
    place.run("ff-grid report").ok();
    let page = place.read("report.html");
    let said =
        ["Ensemble is the mean of the probabilities of 4 models", "every image takes 4 forward passes"];
    assert_has(&page, &said);
    assert!(!page.contains("Ensemble against") && !page.contains("Take Ensemble"));
}

#[test]
fn an_ensemble_of_tasks_is_scored() {
    let place = Place::new();
    run(&place, FINDINGS);
    let means = means_of_the_grid(&place, sigmoid);
    let file = StateDict::open(predicted(&place, "Ensemble")).unwrap();
    let labels = file.get("targets").unwrap().to_f32().unwrap();
    let tasks = means[0].len();
    let areas = (0..tasks).filter_map(|task| {
        let of = |label: f32| {
            let known = means.iter().enumerate().filter(|(row, _)| labels[row * tasks + task] == label);
            known.map(|(_, mean)| mean[task]).collect::<Vec<f64>>()
        };
        let (yes, no) = (of(1.0), of(0.0));
        let pairs = yes.iter().flat_map(|yes| no.iter().map(move |no| (yes, no)));
        let wins: f64 = pairs.map(|(yes, no)| if yes > no { 1.0 } else { f64::from(yes == no) / 2.0 }).sum();
        (!yes.is_empty() && !no.is_empty()).then(|| wins / (yes.len() * no.len()) as f64)
    });
    let areas: Vec<f64> = areas.collect();
    let expected = areas.iter().sum::<f64>() / areas.len() as f64;
    assert!((score(&place) - expected).abs() < 1e-9, "{} not {expected}", score(&place));
}
