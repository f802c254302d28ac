//! The four formats of a table over seeds with a missing seed, a single seed, no result, a task
//! without positives, and columns with and without the paper.

mod score;

use ff_eval::{Metric, OutputAuroc, Score, Value};
use ff_report::{Cost, Error, SeedCell, SeedColumn, SeedRow, SeedRun, SeedTable};

const TASKS: [&str; 3] = ["Effusion", "Pneumonia", "Hernia"];

fn score(metric: Metric, value: f64) -> Score {
    score::score(metric, Value::Defined(value))
}

/// A score in which Hernia has no positive sample.
fn chest_score(effusion: f64, pneumonia: f64) -> Score {
    let output = |output, value| OutputAuroc { output, value, positives: 40, negatives: 1446 };
    let gap = Value::Undefined("output 2: no positive sample".to_owned());
    Score {
        outputs: vec![
            output(0, Value::Defined(effusion)),
            output(1, Value::Defined(pneumonia)),
            OutputAuroc { output: 2, value: gap, positives: 0, negatives: 1486 },
        ],
        notes: vec![ff_eval::Note::Text("AUROC leaves out output 2: no positive sample".to_owned())],
        ..score(Metric::Auroc, (effusion + pneumonia) / 2.0)
    }
}

fn column(backbone: &str, dataset: &str, metric: Metric, tasks: &[&str], paper: bool) -> SeedColumn {
    SeedColumn {
        backbone: backbone.to_owned(),
        architecture: backbone.to_lowercase(),
        dataset: dataset.to_owned(),
        metric,
        tasks: tasks.iter().map(|&task| task.to_owned()).collect(),
        paper_dataset: paper.then(|| dataset.to_owned()),
    }
}

fn columns() -> Vec<SeedColumn> {
    vec![
        column("VGG19", "ChestX-ray14", Metric::Auroc, &TASKS, true),
        column("VGG19", "PathMNIST", Metric::Accuracy, &[], true),
        column("vgg_pico", "phantoms_chest", Metric::Auroc, &TASKS, false),
    ]
}

fn run(seed: u64, test: Score) -> SeedRun {
    SeedRun { seed, validation: test.value.value().map(|value| value + 0.01), test: Some(test) }
}

fn chest(values: &[(u64, f64, f64)]) -> SeedCell {
    let run = |&(seed, effusion, pneumonia): &(u64, f64, f64)| run(seed, chest_score(effusion, pneumonia));
    SeedCell { runs: values.iter().map(run).collect(), note: None }
}

fn path(values: &[(u64, f64)]) -> SeedCell {
    let runs = values.iter().map(|&(seed, value)| run(seed, score(Metric::Accuracy, value)));
    SeedCell { runs: runs.collect(), note: None }
}

fn row(method: &str, paper_row: Option<&str>, cells: Vec<SeedCell>) -> SeedRow {
    let cost = Cost {
        training_epochs: 360,
        training_images: 28_248_480,
        validation_passes: 360,
        validation_images: 4_038_840,
        cross_fitting_images: 0,
        wall_seconds: Some(5_000.0),
    };
    SeedRow { method: method.to_owned(), paper_row: paper_row.map(str::to_owned), cells, cost }
}

fn rows() -> Vec<SeedRow> {
    let mut lost = path(&[(0, 0.91), (1, 0.925)]);
    lost.runs.push(SeedRun { seed: 2, validation: None, test: None });
    lost.note = Some("seed 2 diverged".to_owned());
    let nothing = SeedCell { runs: vec![], note: Some("missing: phantoms_chest".to_owned()) };
    vec![
        row(
            "Baseline",
            Some("Baseline"),
            vec![
                chest(&[(0, 0.86, 0.75), (1, 0.87, 0.74), (2, 0.865, 0.755)]),
                path(&[(0, 0.9), (1, 0.896), (2, 0.9)]),
                chest(&[(0, 0.6, 0.5), (1, 0.625, 0.55)]),
            ],
        ),
        row(
            "InMerge",
            Some("InMerge"),
            vec![
                chest(&[(0, 0.88, 0.77), (1, 0.885, 0.765), (2, 0.88, 0.76)]),
                lost,
                chest(&[(1, 0.65, 0.55)]),
            ],
        ),
        row("p = 0 & τ > 1", None, vec![chest(&[(3, 0.86, 0.75)]), path(&[(0, 0.9), (2, 0.91)]), nothing]),
    ]
}

fn table() -> SeedTable {
    SeedTable::new("InMerge", columns(), rows(), Some(0)).unwrap()
}

#[test]
fn markdown() {
    insta::assert_snapshot!(table().to_markdown());
}

#[test]
fn latex() {
    insta::assert_snapshot!(table().to_latex());
}

#[test]
fn csv() {
    insta::assert_snapshot!(table().to_csv());
}

#[test]
fn json() {
    let json: serde_json::Value = serde_json::from_str(&table().to_json()).unwrap();
    assert_eq!((&json["title"], &json["baseline"]), (&"InMerge".into(), &"Baseline".into()));
    let cell = &json["rows"][1]["cells"][1];
    assert_eq!((&cell["test"]["count"], &cell["rank"]), (&2.into(), &"best".into()));
    assert_eq!((&cell["difference"]["count"], &cell["paper"]), (&2.into(), &0.924.into()));
    assert_eq!(cell["runs"][0]["test"]["value"], 0.91);
    assert_eq!(json["rows"][0]["cells"][0]["difference"], serde_json::Value::Null);
    let tasks = &json["rows"][0]["cells"][0]["runs"][0]["test"]["outputs"];
    assert_eq!(tasks[2]["value"]["why"], "output 2: no positive sample");
}

/// All fourteen diseases of the paper. Wide tables are shrunk to the page.
#[test]
fn tasks_follow_the_published_rows() {
    let names: Vec<&str> =
        ff_report::published::INMERGE.tasks.iter().map(|task| task.name.as_str()).collect();
    let output = |output| OutputAuroc { output, value: Value::Defined(0.8), positives: 9, negatives: 90 };
    let test = Score { outputs: (0..14).map(output).collect(), ..score(Metric::Auroc, 0.8) };
    let cell = SeedCell { runs: vec![run(0, test)], note: None };
    let columns = vec![column("VGG19", "ChestX-ray14", Metric::Auroc, &names, true)];
    let table = SeedTable::new("All", columns, vec![row("Ours", None, vec![cell])], None).unwrap();
    insta::assert_snapshot!(table.to_markdown());
    assert!(
        table.to_latex().contains("\\linewidth\\else\\width\\fi}{!}{%\n\\begin{tabular}{lrrrrrrrrrrrrrrr}")
    );
}

#[test]
fn pairs_share_a_seed() {
    let (baseline, other) = (path(&[(0, 0.5), (1, 0.75)]), path(&[(2, 0.9), (1, 1.0)]));
    let difference = other.difference(&baseline).unwrap();
    assert_eq!((difference.mean, difference.count, difference.interval), (0.25, 1, None));
    assert_eq!(path(&[(2, 0.9)]).difference(&baseline), None);
}

#[test]
fn invalid_tables_are_refused() {
    let error = |columns, rows, baseline| SeedTable::new("t", columns, rows, baseline).unwrap_err();
    let one = |paper| vec![column("VGG19", "PathMNIST", Metric::Accuracy, &[], paper)];
    let of = |cell| vec![row("InMerge", None, vec![cell])];
    assert_eq!(
        error(one(true), of(path(&[(4, 0.5), (4, 0.6)])), None).to_string(),
        "row \"InMerge\", column VGG19 on PathMNIST: expected one run for each seed, found two of seed 4"
    );
    assert_eq!(
        error(one(true), of(path(&[])), Some(1)).to_string(),
        "expected a baseline among 1 rows, found row 1 (the first is 0)"
    );
    assert_eq!(
        error(one(true), of(chest(&[(0, 0.5, 0.5)])), None).to_string(),
        "row \"InMerge\", column VGG19 on PathMNIST: expected a score by accuracy, found auroc"
    );
    let two_tasks = vec![column("VGG19", "mine", Metric::Auroc, &TASKS[..2], false)];
    assert_eq!(
        error(two_tasks, of(chest(&[(0, 0.5, 0.5)])), None).to_string(),
        "row \"InMerge\", column VGG19 on mine: expected 2 tasks, found 3"
    );
    let auroc = vec![column("VGG19", "PathMNIST", Metric::Auroc, &[], true)];
    assert_eq!(
        error(auroc, vec![], None).to_string(),
        "column VGG19 on PathMNIST: the paper has no \"PathMNIST by auroc\""
    );
    assert_eq!(
        error(one(true), vec![row("a", Some("GoG"), vec![path(&[])])], None).to_string(),
        "row \"a\": the paper has no \"GoG\""
    );
    assert!(matches!(error(one(true), vec![row("a", None, vec![])], None), Error::Cells { .. }));
    let twice = || row("a", None, vec![path(&[])]);
    assert!(matches!(error(one(false), vec![twice(), twice()], None), Error::Duplicate { .. }));
}
