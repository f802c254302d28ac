//! The HTML page: verdicts follow intervals, text is escaped, missing results are named.

mod score;
mod verdict;

use ff_eval::{Difference, Interval, Metric, Value};
use ff_report::report::{
    Choice, ColumnReport, Comparison, ExperimentReport, ExperimentTable, ForecastReport, Mistake,
    MistakesReport, ModelAnswer, ModelForecast, Origin, Progress, Report, Step,
};
use ff_report::{Cell, Column, ColumnVerdict, Cost, Row, Table};
use score::score;
use verdict::verdict;

const HOSTILE: &str = "<img src=x onerror=alert(1)> & \"more\"";

fn interval(low: f64, high: f64) -> Interval {
    Interval { low, high, level: 0.95, resamples: 100, dropped: 0 }
}

/// A report of one column, with this difference between the soup and the single model.
fn report(difference: Option<Difference>) -> Report {
    let column = Column::new("Net", HOSTILE, Metric::Accuracy);
    let row = |method: &str, value: Value| {
        let cell =
            Cell { validation: Some(0.5), test: Some(score(Metric::Accuracy, value)), ..Cell::default() };
        Row { method: method.into(), cells: vec![cell], cost: Cost { training_epochs: 7, ..Cost::default() } }
    };
    let why = Value::Undefined("no samples".into());
    let rows = vec![row("Single", Value::Defined(0.5)), row("Soup", Value::Defined(0.6)), row("Empty", why)];
    let comparison = Comparison {
        method: "Soup".into(),
        single: "Single".into(),
        ood: None,
        difference,
        same: false,
        delong: vec![],
    };
    let answer = ModelAnswer { said: "a".into(), truth: "b".into() };
    let mistake = Mistake { sample: None, answer, confidence: 0.987, picture: None, explained: None };
    let detail = ColumnReport {
        backbone: "Net".into(),
        dataset: HOSTILE.into(),
        metric: Metric::Accuracy,
        classes: vec![],
        best: Some("Soup".into()),
        delivered: Some("Soup".into()),
        ensembles: vec![("Mean of all".into(), 9)],
        comparisons: vec![comparison],
        scored: vec![],
        runs: vec![],
        forecasts: vec![],
        choices: vec![],
        per_class_reports: vec![],
        in_use: None,
        mistakes: Some(MistakesReport {
            model: "Soup".into(),
            mistakes: vec![mistake],
            no_pictures: Some("the disk is away".into()),
        }),
        figures: vec![],
        missing: vec!["GoU has no record yet".into()],
    };
    let experiment = ExperimentReport {
        table: ExperimentTable::Soups(Table::new("t", vec![column], rows).unwrap()),
        progress: vec![Progress { kind: "soup".into(), done: 1, jobs: 2 }],
        missing: vec!["dataset x".into()],
        columns: vec![detail],
        origin: Origin::default(),
    };
    let (title, version) = (HOSTILE.into(), "1".into());
    Report { title, experiments: vec![experiment], problems: vec!["a record is damaged".into()], version }
}

fn difference(value: f64, low: f64, high: f64) -> Option<Difference> {
    Some(Difference { value, interval: Some(interval(low, high)), standard_error: None })
}

fn page(value: f64, low: f64, high: f64) -> String {
    report(difference(value, low, high)).to_html()
}

/// A report with a column for each verdict.
fn judged(verdicts: Vec<Option<ColumnVerdict>>) -> Report {
    let mut report = report(difference(0.1, -0.02, 0.2));
    let experiment = &mut report.experiments[0];
    let column = |(nth, verdict): (usize, Option<ColumnVerdict>)| {
        let dataset = format!("set {nth}");
        Column { verdict, ..Column::new("Net", dataset, Metric::Accuracy) }
    };
    let columns: Vec<Column> = verdicts.into_iter().enumerate().map(column).collect();
    let cell = Cell {
        validation: Some(0.5),
        cross_fitted: Some(0.45),
        test: Some(score(Metric::Accuracy, Value::Defined(0.5))),
        ..Cell::default()
    };
    let row = |method: &str| {
        let cells = vec![cell.clone(); columns.len()];
        Row { method: method.into(), cells, cost: Cost::default() }
    };
    let rows = vec![row("Single"), row("Soup")];
    let details = columns
        .iter()
        .map(|column| ColumnReport { dataset: column.dataset.clone(), ..experiment.columns[0].clone() });
    experiment.columns = details.collect();
    experiment.table = ExperimentTable::Soups(Table::new("t", columns, rows).unwrap());
    report
}

#[test]
fn verdicts_follow_intervals() {
    let above = page(0.1, 0.02, 0.2);
    assert!(above.contains(
        "On test images Soup is better than the best single model, Single: +0.1000 [0.0200, 0.2000]."
    ));
    let below = page(-0.1, -0.2, -0.02);
    assert!(below.contains("On test images Soup is worse than the best single model"));
    let around = page(0.1, -0.02, 0.2);
    assert!(around.contains("Mean of all is the mean of the probabilities of 9 models, which"));
    assert!(around.contains("no difference between Soup and the best single model, Single, is shown"));
    assert!(!around.contains("Soup is better") && around.contains("<td>no difference shown</td>"));
    let without = Difference { value: 0.1, interval: None, standard_error: None };
    let without = report(Some(without)).to_html();
    assert!(!without.contains("Soup is better") && without.contains("+0.1000 (no interval)"));
    assert!(report(None).to_html().contains("the metric is undefined"));
}

#[test]
fn the_verdict_of_validation_comes_before_test_images() {
    let pair = ["Soup", "Single"];
    let take = judged(vec![Some(verdict(pair, 0.021, [0.003, 0.039]))]).to_html();
    let at = |said: &str| take.find(said).unwrap_or_else(|| panic!("no `{said}`"));
    let first = at("Take Soup: on 193 validation images it scores 2.1 points more than Single, ");
    let then = at("On test images no difference between Soup and the best single model, Single, is shown");
    assert!(first < then && then < at("The test score of Soup is 0.5000 [0.4500, 0.5400]."));
    assert!(!take.contains("The recommended model is"));

    let apart = judged(vec![Some(verdict(pair, 0.004, [-0.019, 0.027]))]).to_html();
    assert!(apart.contains("Soup and Single cannot be told apart on 193 validation images"));
    let recommended = "The recommended model is Soup, with the best ";
    assert!(apart.contains(&format!("{recommended}cross-fitted accuracy on validation images.")));
    assert!(page(0.1, 0.02, 0.2).contains(&format!("{recommended}accuracy on validation images.")));

    let same = ColumnVerdict { same: true, ..verdict(pair, 0.0, [0.0, 0.0]) };
    let mut same = judged(vec![Some(same)]);
    same.experiments[0].columns[0].comparisons[0].same = true;
    let same = same.to_html();
    assert!(same.contains("Take Single, the single model: Soup, the soup"));
    assert!(!same.contains("The best soup, Soup, consists of one model"));
}

#[test]
fn verdicts_of_several_columns_are_a_table() {
    let pair = ["Soup", "Single"];
    let verdicts = [[0.021, 0.003, 0.039], [0.004, -0.019, 0.027], [-0.021, -0.039, -0.003]]
        .map(|[value, low, high]| Some(verdict(pair, value, [low, high])));
    let page = judged(verdicts.into_iter().chain([None]).collect()).to_html();
    for part in [
        "take the soup in 1 of 3 columns and the single model in 1; in 1 they cannot be told apart.",
        "On test images the soup is better than the best single model in 0 of 4 columns, worse in 0, and no \
         difference",
        "<th scope=\"col\">Dataset</th><th scope=\"col\">Verdict, from validation alone</th>",
        "<td>take Soup</td><td>Soup</td><td>Soup and Single</td>",
        "<td>cannot be told apart on 193 images</td><td>Soup</td>",
        "<td>take the single model, Single</td>",
        "<td>–</td><td>Soup</td>",
        "could be told apart on about 5,100 images.",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    // A table that is wider than the screen scrolls in its own box.
    for (at, _) in page.match_indices("<table") {
        let before = &page[..at];
        let tag = &before[before.rfind('<').unwrap()..];
        assert!(tag.starts_with("<div class=\"wide\""), "{tag}");
    }
    let without = judged(vec![None, None]).to_html();
    assert!(
        without.contains("no difference is shown in 2.") && !without.contains("Verdict, from validation")
    );
}

#[test]
fn standard_errors_are_a_column_where_there_are_some() {
    let page = |standard_error| {
        let mut report = report(None);
        let step = Step { candidate: "a".into(), alone: Some(0.5), standard_error, ..Step::default() };
        let choice = Choice { method: "Soup".into(), candidates: 1, steps: vec![step], ..Choice::default() };
        report.experiments[0].columns[0].choices = vec![choice];
        report.to_html()
    };
    let head = "± standard error</th>";
    let with = page(Some(0.0123));
    assert!(with.contains(head) && with.contains("<td class=\"number\">0.0123</td>"));
    assert!(!page(None).contains("± standard error"));
}

#[test]
fn forecasts_have_their_models_by_score() {
    let model = |name: &str, score, barrier, worth| ModelForecast {
        name: name.into(),
        score,
        from_start: 1.25,
        other_start: false,
        angle: Some(61.7),
        distance: Some(0.5),
        barrier,
        worth,
    };
    let page = |barrier: Option<f64>| {
        let mut report = report(None);
        let models = vec![
            model("none", None, None, true),
            model("low", Some(0.4), barrier, false),
            model("top", Some(0.6), barrier.map(|_| 0.0), true),
        ];
        let outcomes = vec![("Greedy".to_owned(), [[1, 0], [0, 1]])];
        let forecast =
            ForecastReport { pool: "grid".into(), no_start: false, best: "top".into(), models, outcomes };
        report.experiments[0].columns[0].forecasts = vec![forecast];
        report.to_html()
    };
    let with = page(Some(-0.0213));
    for part in [
        "<h3>Which models average</h3>",
        "the start of the models: the linear probe, or the base of models from files.",
        "From the start</th>",
        "Of 2 other models, 1 is worth trying with the best one, top.",
        "Greedy took 1 of 1 models that were called worth trying and 0 of 1 that were not.",
        "<th scope=\"row\">low</th><td>no</td><td class=\"number\">0.4000</td><td class=\"number\">1.2500</td>",
        "<td class=\"number\">62°</td><td class=\"number\">0.5000</td><td class=\"number\">−0.0213</td>",
    ] {
        assert!(with.contains(part), "no `{part}`");
    }
    let at = |name: &str| with.find(&format!("<th scope=\"row\">{name}</th>")).unwrap();
    assert!(at("top") < at("low") && at("low") < at("none"));
    assert!(with.contains("Barrier</th>") && !page(None).contains("Barrier</th>"));
    assert!(!report(None).to_html().contains("Which models average"));
}

#[test]
fn text_is_escaped() {
    let page = page(0.1, 0.02, 0.2);
    assert!(
        !page.contains("<img src=x")
            && page.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;more&quot;")
    );
}

#[test]
fn missing_results_are_named() {
    let page = page(0.1, 0.02, 0.2);
    for part in [
        "a record is damaged",
        "Not finished: 1 of 2 jobs",
        "Missing: dataset x",
        "GoU has no record yet",
        "No pictures: the disk is away",
        "no samples",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    let empty = Report { title: "t".into(), experiments: vec![], problems: vec![], version: "1".into() };
    assert!(empty.to_html().contains("There is no table to report on."));
}
