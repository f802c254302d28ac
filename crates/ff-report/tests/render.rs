//! The four formats of a table with ties, a diverged method, a missing dataset, an undefined value,
//! dropped resamples, and columns with and without the paper.

mod score;

use ff_eval::{Metric, Score, Value};
use ff_report::published::{FISSIONFUSION, Published};
use ff_report::{Cell, Column, Cost, Error, Row, Table};

fn score(metric: Metric, value: f64) -> Option<Score> {
    Some(score::score(metric, Value::Defined(value)))
}

fn column(backbone: &str, dataset: &str, metric: Metric, ood: &[&str], paper: bool) -> Column {
    let ood = ood.iter().map(|&name| name.to_owned()).collect();
    Column { backbone: backbone.to_owned(), dataset: dataset.to_owned(), metric, ood, paper }
}

fn columns() -> Vec<Column> {
    vec![
        column("ResNet50", "APTOS", Metric::MacroF1, &["Messidor", "EyePACS"], true),
        column("ResNet50", "HAM10000", Metric::MacroRecall, &[], true),
        column("deit_pico", "chest phantoms", Metric::Auroc, &["shifted twin"], false),
    ]
}

fn aptos(method: &str, test: f64, ood: f64) -> Cell {
    let missing = Value::Undefined("missing: EyePACS".to_owned());
    let missing = Score { samples: 0, ..score::score(Metric::MacroF1, missing) };
    Cell {
        validation: Some(test + 0.01),
        test: score(Metric::MacroF1, test),
        ood: vec![
            ("Messidor".to_owned(), score(Metric::MacroF1, ood)),
            ("EyePACS".to_owned(), Some(missing)),
        ],
        note: None,
        paper: FISSIONFUSION.value("ResNet50", method, "APTOS").map(Published::mean),
    }
}

fn ham(method: &str, test: Option<f64>, note: Option<&str>) -> Cell {
    Cell {
        validation: test,
        test: test.and_then(|test| score(Metric::MacroRecall, test)),
        ood: vec![],
        note: note.map(str::to_owned),
        paper: FISSIONFUSION.value("ResNet50", method, "HAM10000").map(Published::mean),
    }
}

fn chest(test: Option<Score>) -> Cell {
    let twin = ("shifted twin".to_owned(), score(Metric::Auroc, 0.61));
    Cell { validation: Some(0.7), test, ood: vec![twin], note: None, paper: None }
}

fn table() -> Table {
    let mut partial = score(Metric::Auroc, 0.71234).unwrap();
    partial.interval.as_mut().unwrap().dropped = 12;
    partial.notes = vec![ff_eval::Note::Text("AUROC leaves out output 3: no positive sample".to_owned())];
    let undefined = Value::Undefined("output 0: no known sample".to_owned());
    let undefined = Score { samples: 20, ..score::score(Metric::Auroc, undefined) };
    let cost = Cost {
        training_epochs: 2_410,
        training_images: 7_061_300,
        validation_passes: 2_448,
        validation_images: 895_968,
        wall_seconds: Some(4_041.0),
    };
    let row = |method: &str, cells, cost| Row { method: method.to_owned(), cells, cost };
    let rows = vec![
        row(
            "GS (best)",
            vec![aptos("GS (best)", 0.7086, 0.31), ham("GS (best)", Some(0.65), None), chest(Some(partial))],
            Cost { validation_passes: 2_400, validation_images: 878_400, ..cost },
        ),
        row(
            "Uniform Soup",
            vec![
                aptos("Uniform Soup", 0.5, 0.4),
                ham("Uniform Soup", None, Some("diverged")),
                chest(Some(undefined)),
            ],
            Cost { wall_seconds: None, ..cost },
        ),
        row(
            "GoG",
            vec![
                aptos("GoG", 0.7086, 0.35),
                ham("GoG", Some(0.6), Some("2 of 48 models diverged & were left out")),
                chest(None),
            ],
            Cost { training_epochs: 546, ..cost },
        ),
    ];
    Table::new("Table 1", columns(), rows).unwrap()
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
    assert_eq!(json["title"], "Table 1");
    assert_eq!(json["columns"][0]["metric"], "macro-f1");
    let cell = &json["rows"][0]["cells"][0];
    assert_eq!((&cell["rank"], &cell["paper"]), (&"best".into(), &0.7086.into()));
    assert_eq!(cell["difference"], 0.0);
    assert_eq!(cell["test"]["value"]["defined"], 0.7086);
    insta::assert_snapshot!(table().to_json());
}

/// A user's own images: one backbone, one dataset, no paper, no OOD set. Empty sections are left
/// out.
#[test]
fn a_small_table_has_few_parts() {
    let cell = Cell { validation: Some(0.9), test: score(Metric::Accuracy, 0.875), ..Cell::default() };
    let row = Row { method: "a|b_c".to_owned(), cells: vec![cell], cost: Cost::default() };
    let columns = vec![column("resnet18", "my images", Metric::Accuracy, &[], false)];
    insta::assert_snapshot!(Table::new("Mine", columns, vec![row]).unwrap().to_markdown());
}

#[test]
fn rows_must_fit_columns() {
    let row = |cells| Row { method: "GoG".to_owned(), cells, cost: Cost::default() };
    let one = || vec![column("ResNet50", "HAM10000", Metric::MacroRecall, &[], true)];
    let error = |columns, rows| Table::new("t", columns, rows).unwrap_err();
    assert_eq!(
        error(columns(), vec![row(vec![])]).to_string(),
        "row \"GoG\": expected 3 cells, one per column, found 0"
    );
    let other = Cell { test: score(Metric::Accuracy, 0.5), ..Cell::default() };
    assert_eq!(
        error(one(), vec![row(vec![other])]).to_string(),
        "row \"GoG\", column ResNet50 on HAM10000: expected a score by macro-recall, found accuracy"
    );
    let ood = Cell { ood: vec![("Messidor".to_owned(), None)], ..Cell::default() };
    assert!(matches!(error(one(), vec![row(vec![ood])]), Error::Ood { .. }));
    let twice = || row(vec![Cell::default()]);
    assert!(matches!(error(one(), vec![twice(), twice()]), Error::Duplicate { .. }));
}
