//! The four formats of a table with ties, a diverged method, a missing dataset, an undefined value,
//! dropped resamples, and columns with and without the paper.

mod score;
mod verdict;

use ff_eval::{Chance, Metric, OutputAuroc, Score, Value};
use ff_report::published::{FISSIONFUSION, Published};
use ff_report::{Cell, Column, Cost, Error, Rank, Row, Table};

fn score(metric: Metric, value: f64) -> Option<Score> {
    Some(score::score(metric, Value::Defined(value)))
}

fn column(backbone: &str, dataset: &str, metric: Metric, ood: &[&str], paper: bool) -> Column {
    let ood = ood.iter().map(|&name| name.to_owned()).collect();
    Column { ood, paper, ..Column::new(backbone, dataset, metric) }
}

fn counts() -> Vec<(String, u64)> {
    [("MEL", 111), ("DF", 5), ("NV", 1340)].map(|(name, count)| (name.to_owned(), count)).into()
}

fn columns() -> Vec<Column> {
    let verdict = verdict::verdict(["GoG", "GS (best)"], 0.004, [-0.019, 0.027]);
    vec![
        column("ResNet50", "APTOS", Metric::MacroF1, &["Messidor", "EyePACS"], true),
        Column {
            verdict: Some(verdict),
            counts: counts(),
            ..column("ResNet50", "HAM10000", Metric::MacroRecall, &[], true)
        },
        column("deit_pico", "chest phantoms", Metric::Auroc, &["shifted twin"], false),
    ]
}

fn aptos(method: &str, test: f64, ood: f64) -> Cell {
    let missing = Value::Undefined("missing: EyePACS".to_owned());
    let missing = Score { samples: 0, ..score::score(Metric::MacroF1, missing) };
    Cell {
        validation: Some(test + 0.01),
        cross_fitted: Some(test - 0.005),
        test: score(Metric::MacroF1, test),
        ood: vec![
            ("Messidor".to_owned(), score(Metric::MacroF1, ood)),
            ("EyePACS".to_owned(), Some(missing)),
        ],
        paper: FISSIONFUSION.value("ResNet50", method, "APTOS").map(Published::mean),
        ..Cell::default()
    }
}

fn ham(method: &str, test: Option<f64>, note: Option<&str>) -> Cell {
    Cell {
        validation: test,
        test: test.and_then(|test| score(Metric::MacroRecall, test)),
        note: note.map(str::to_owned),
        paper: FISSIONFUSION.value("ResNet50", method, "HAM10000").map(Published::mean),
        ..Cell::default()
    }
}

fn chest(test: Option<Score>) -> Cell {
    let twin = ("shifted twin".to_owned(), score(Metric::Auroc, 0.61));
    Cell { validation: Some(0.7), test, ood: vec![twin], ..Cell::default() }
}

fn table() -> Table {
    let mut partial = score(Metric::Auroc, 0.71234).unwrap();
    partial.interval.as_mut().unwrap().dropped = 12;
    partial.counts = vec![33, 5, 140];
    partial.notes = vec![ff_eval::Note::Text("AUROC leaves out output 3: no positive sample".to_owned())];
    let undefined = Value::Undefined("output 0: no known sample".to_owned());
    let undefined = Score { samples: 20, ..score::score(Metric::Auroc, undefined) };
    let cost = Cost {
        training_epochs: 2_410,
        training_images: 7_061_300,
        validation_passes: 2_448,
        validation_images: 895_968,
        cross_fitting_images: 12_000,
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
    assert_eq!(cell["test"]["value"], 0.7086);
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

/// A table of one column and one row.
fn small(column: Column, cell: Cell) -> Table {
    let row = Row { method: "GoG".to_owned(), cells: vec![cell], cost: Cost::default() };
    Table::new("Mine", vec![column], vec![row]).unwrap()
}

#[test]
fn cross_fitted_values_are_beside_validation() {
    let cell = Cell { validation: Some(0.812), cross_fitted: Some(0.793), ..Cell::default() };
    let table = small(Column::new("Net", "mine", Metric::Accuracy), cell);
    let markdown = table.to_markdown();
    assert!(markdown.contains("|     0.8120 |       0.7930 |  +0.0190 |"), "{markdown}");
    assert!(markdown.contains("\nCross-fitted: ") && markdown.contains("\nOptimism: "));
    assert!(table.to_csv().contains(",validation,cross_fitted,optimism,test,"));
    assert!(table.to_csv().contains(",0.812,0.793,0.019"));
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let cell = &json["rows"][0]["cells"][0];
    assert_eq!(cell["cross_fitted"], 0.793);
    assert!((cell["optimism"].as_f64().unwrap() - 0.019).abs() < 1e-9, "{cell}");
    let without = Cell { validation: Some(0.812), test: score(Metric::Accuracy, 0.8), ..Cell::default() };
    assert_eq!(without.optimism(), None);
    assert!(
        !small(Column::new("Net", "mine", Metric::Accuracy), without).to_markdown().contains("ross-fitted")
    );
}

#[test]
fn chance_has_a_row_and_collapsed_models_a_mark() {
    let chance = |collapsed| Chance { level: Some(0.6), collapsed };
    let row = |method: &str, value: f64, collapsed| {
        let test = score(Metric::Accuracy, value).map(|of| Score { chance: chance(collapsed), ..of });
        let cell = Cell { validation: Some(0.61), chance: chance(collapsed), test, ..Cell::default() };
        Row { method: method.to_owned(), cells: vec![cell], cost: Cost::default() }
    };
    let of = |rows, collapsed| {
        let column = Column { collapsed, ..Column::new("Net", "mine", Metric::Accuracy) };
        Table::new("t", vec![column], rows).unwrap()
    };
    let table = of(vec![row("A", 0.59, false), row("B", 0.6, true)], false);
    assert_eq!(table.ranks(0), [Some(Rank::Best), None], "a collapsed model has no mark of the best");
    let markdown = table.to_markdown();
    for part in
        ["| A      |      **0.5900** |", "| B      |        0.6000 † |", "| Chance |          0.6000 |"]
    {
        assert!(markdown.contains(part), "no `{part}` in {markdown}");
    }
    assert!(markdown.contains("†: the model predicts one class for all images"), "{markdown}");
    assert!(table.to_latex().contains("0.6000 †") && table.to_csv().contains(",0.6,true,"));
    let said = "No model is recommended: each predicts one class for all validation images.";
    assert!(!markdown.contains(said) && of(vec![row("B", 0.6, true)], true).to_markdown().contains(said));
}

#[test]
fn verdicts_come_first() {
    let verdict = Some(verdict::verdict(["GoG", "GS (best)"], 0.021, [0.003, 0.039]));
    let column = Column { verdict, ..Column::new("Net", "mine", Metric::LogLoss) };
    let table = small(column, Cell::default());
    let said = "Take GoG: on 193 validation images it scores 0.021 more than GS (best), with an interval of \
                0.003 to 0.039";
    let markdown = table.to_markdown();
    assert!(markdown.starts_with("# Mine\n\n## Verdict, from validation alone\n"), "{markdown}");
    assert!(
        markdown.contains(&format!("| Net on mine (−log loss) | {said} (cross-fitted −log loss, ")),
        "{markdown}"
    );
    let latex = table.to_latex();
    assert!(latex.contains("\\begin{tabular}{lp{0.6\\linewidth}}"), "{latex}");
    assert!(
        latex.contains(&format!("Net on mine ($-$log loss) & {said} (cross-fitted $-$log loss")),
        "{latex}"
    );
    assert!(table.to_csv().contains("Net,mine,log-loss,mine,"));
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let verdict = &json["columns"][0]["verdict"];
    assert_eq!((&verdict["soup"], &verdict["of"]["compared"]), (&"GoG".into(), &5.into()));
}

#[test]
fn images_of_classes_are_counted_once() {
    let column = || Column { counts: counts(), ..Column::new("Net", "mine", Metric::MacroF1) };
    let with = |of: Vec<u64>| Score { counts: of, ..score(Metric::MacroF1, 0.7).unwrap() };
    let cell = |of: Vec<u64>| Cell { test: Some(with(of)), ..Cell::default() };
    let validation = "\nmine: validation images by class: MEL 111, DF 5, NV 1,340. Fewer than 10 of DF: \
                      scores depend on single images.\n";
    let test = "\nmine: test images by class: MEL 33, DF 2, NV 1,400.\n";
    let rows = ["GoG", "GoU"].map(|method| Row {
        method: method.to_owned(),
        cells: vec![cell(vec![33, 2, 1400])],
        cost: Cost::default(),
    });
    let markdown = Table::new("Mine", vec![column()], rows.into()).unwrap().to_markdown();
    assert_eq!([validation, test].map(|said| markdown.matches(said).count()), [1, 1], "{markdown}");

    let unnamed = Column { counts: vec![], ..column() };
    let markdown = small(unnamed.clone(), cell(vec![33, 2, 1400])).to_markdown();
    assert!(markdown.contains("\nmine: test images by class: 33, 2, 1,400.\n"), "{markdown}");
    assert!(!small(unnamed, cell(vec![])).to_markdown().contains("by class"));

    let many = Column { counts: (0..25).map(|at| (format!("c{at}"), 25 - at)).collect(), ..column() };
    let markdown = small(many, Cell::default()).to_markdown();
    assert!(markdown.contains("by class, the 20 rarest of 25: c24 1, c23 2, "), "{markdown}");
    assert!(markdown.contains(", c5 20. Fewer than 10 of c16, c17, "), "{markdown}");
}

#[test]
fn positive_images_of_tasks_are_counted() {
    let metric = Metric::Auroc;
    let value = Value::Defined(0.7);
    let outputs = vec![OutputAuroc { output: 0, positives: 12, negatives: 20, value: value.clone() }];
    let test = Score { counts: vec![12], outputs, ..score::score(metric, value) };
    let column = Column { counts: vec![("Edema".to_owned(), 30)], ..Column::new("Net", "mine", metric) };
    let markdown = small(column, Cell { test: Some(test), ..Cell::default() }).to_markdown();
    assert!(markdown.contains("\nmine: positive validation images by task: Edema 30.\n"), "{markdown}");
    assert!(markdown.contains("\nmine: positive test images by task: Edema 12.\n"), "{markdown}");
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
