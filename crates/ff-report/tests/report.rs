//! The HTML page: verdicts follow intervals, text is escaped, missing results are named.

mod score;
mod verdict;

use ff_eval::{Difference, Interval, Metric, Value};
use ff_report::report::{
    Choice, ColumnReport, Comparison, ExperimentReport, ExperimentTable, ForecastReport, ImagesReport,
    Mistake, MistakesReport, ModelAnswer, ModelForecast, Origin, Progress, Report, Step,
};
use ff_report::{Cell, Chance, Column, ColumnVerdict, Cost, Row, Score, Table};
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
        images: None,
        warnings: vec![],
        figures: vec![],
        missing: vec!["GoU has no record yet".into()],
    };
    let experiment = ExperimentReport {
        name: "t".into(),
        table: ExperimentTable::Soups(Table::new("t", vec![column], rows).unwrap()),
        progress: vec![Progress { kind: "soup".into(), done: 1, jobs: 2 }],
        missing: vec!["dataset x".into()],
        columns: vec![detail],
        origin: Origin::default(),
    };
    let (title, version) = (HOSTILE.into(), "1".into());
    Report {
        title,
        experiments: vec![experiment],
        problems: vec!["a record is damaged".into()],
        settings: vec![],
        version,
    }
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
    let against = "Soup against Single, the best single model: ";
    let above = page(0.1, 0.02, 0.2);
    assert!(above.contains(&format!("{against}better on test images (+10.0 points [2.0, 20.0]).")));
    assert!(above.contains("+0.1000 <small>[0.0200, 0.2000] better</small>"));
    let below = page(-0.1, -0.2, -0.02);
    assert!(below.contains(&format!("{against}worse on test images (−10.0 points [−20.0, −2.0]).")));
    assert!(below.contains(
        "<p class=\"warning\">On test images Soup is worse than Single: −10.0 points [−20.0, −2.0].</p>"
    ));
    let around = page(0.1, -0.02, 0.2);
    assert!(around.contains("Mean of all is the mean of the probabilities of 9 models, which"));
    assert!(around.contains(&format!("{against}no difference shown on test images (+10.0 points ")));
    assert!(!around.contains("better on test") && around.contains("[−0.0200, 0.2000]</small>"));
    let without = Difference { value: 0.1, interval: None, standard_error: None };
    let without = report(Some(without)).to_html();
    assert!(!without.contains("better on test") && without.contains("+10.0 points (no interval)"));
    let undefined = report(None).to_html();
    assert!(undefined.contains("<td class=\"number\">undefined</td>") && !undefined.contains(against));
}

#[test]
fn the_model_to_take_comes_before_test_images() {
    let pair = ["Soup", "Single"];
    let take = judged(vec![Some(verdict(pair, 0.021, [0.003, 0.039]))]).to_html();
    let at = |said: &str| take.find(said).unwrap_or_else(|| panic!("no `{said}`"));
    let first =
        at("<strong>Take Soup</strong>: on 193 validation images it scores 2.1 points more than Single, ");
    let score = at("<dt>Test</dt><dd>0.5000 <small>[0.4500, 0.5400]</small></dd>");
    assert!(first < score && score < at("no difference shown on test images"));
    assert!(!take.contains("it has the best"));

    let apart = judged(vec![Some(verdict(pair, 0.004, [-0.019, 0.027]))]).to_html();
    assert!(apart.contains("Soup and Single cannot be told apart on 193 validation images"));
    let best = "<strong>Take Soup</strong>: it has the best ";
    assert!(apart.contains(&format!(
        "{best}cross-fitted accuracy on validation images, but Soup and Single cannot be told apart on 193 of them."
    )));
    assert!(page(0.1, 0.02, 0.2).contains(&format!("{best}accuracy on validation images.")));

    let same = ColumnVerdict { same: true, ..verdict(pair, 0.0, [0.0, 0.0]) };
    let mut same = judged(vec![Some(same)]);
    let column = &mut same.experiments[0].columns[0];
    (column.comparisons[0].same, column.best) = (true, Some("Single".into()));
    let same = same.to_html();
    assert!(same.contains("<strong>Take Single, the single model</strong>: Soup, the soup"));
    assert!(!same.contains("against Single"));

    let mut none = report(None);
    none.experiments[0].columns[0].best = None;
    let none = none.to_html();
    assert!(none.contains("<strong>No model to take</strong>") && !none.contains("Take "));
}

#[test]
fn chance_and_collapsed_models_are_marked() {
    let mut report = shifted();
    let experiment = &mut report.experiments[0];
    let ExperimentTable::Soups(table) = &experiment.table else { panic!("a table of soups") };
    let with = |collapsed: bool| {
        let chance = Chance { level: Some(0.45), collapsed };
        let rows = table.rows().iter().map(|row| {
            let mut cell = row.cells[0].clone();
            cell.test = cell.test.map(|test| Score { chance, ..test });
            Row { cells: vec![cell], ..row.clone() }
        });
        let column = Column { collapsed, ..table.columns()[0].clone() };
        ExperimentTable::Soups(Table::new("t", vec![column], rows.collect()).unwrap())
    };
    let [apart, same] = [with(false), with(true)];
    experiment.table = apart;
    let page = report.to_html();
    for part in [
        "<dt>Test, chance 0.4500</dt>",
        "<th scope=\"row\">Chance</th><td class=\"number\">–</td><td class=\"number\">0.4500</td>",
        "<line class=\"chance\"",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    assert!(!page.contains('†'));
    report.experiments[0].table = same;
    report.experiments[0].columns[0].best = None;
    let page = report.to_html();
    assert!(
        page.contains(
            "<strong>No model to take</strong>: each predicts one class for all validation images."
        )
    );
    assert!(page.contains("<td class=\"number\">0.6000 † <small>["));
}

/// A report of a column with one set of shifted images, on which the soup is worse.
fn shifted() -> Report {
    let mut report = report(difference(0.1, -0.02, 0.2));
    let experiment = &mut report.experiments[0];
    let column = Column { ood: vec!["Ward B".into()], ..Column::new("Net", HOSTILE, Metric::Accuracy) };
    let ExperimentTable::Soups(table) = &experiment.table else { panic!("a table of soups") };
    let rows = table.rows().iter().map(|row| {
        let of_ward = score(Metric::Accuracy, Value::Defined(0.4));
        let cell = Cell { ood: vec![("Ward B".into(), Some(of_ward))], ..row.cells[0].clone() };
        Row { cells: vec![cell], ..row.clone() }
    });
    experiment.table = ExperimentTable::Soups(Table::new("t", vec![column], rows.collect()).unwrap());
    let details = &mut experiment.columns[0];
    let worse = Comparison {
        ood: Some("Ward B".into()),
        difference: difference(-0.1, -0.2, -0.02),
        ..details.comparisons[0].clone()
    };
    details.comparisons.push(worse);
    report
}

#[test]
fn shifted_images_count_on_the_first_screen() {
    let page = shifted().to_html();
    let summary = page.split("</section>").next().unwrap();
    for part in [
        "<dt>Shifted: Ward B</dt><dd>0.4000 <small>[0.3500, 0.4400]</small></dd>",
        "; worse on shifted images (Ward B) (−10.0 points [−20.0, −2.0]).",
        "<p class=\"warning\">On shifted images (Ward B) Soup is worse than Single: −10.0 points [−20.0, −2.0].</p>",
        "<th scope=\"col\">Shifted: Ward B</th>",
    ] {
        assert!(summary.contains(part), "no `{part}`");
    }
    let mut two = shifted();
    let mut other = two.experiments[0].columns[0].clone();
    let ExperimentTable::Soups(table) = &two.experiments[0].table else { panic!("a table of soups") };
    let columns = ["Net", "Other"].map(|name| Column { backbone: name.into(), ..table.columns()[0].clone() });
    let rows = table.rows().iter().map(|row| Row { cells: vec![row.cells[0].clone(); 2], ..row.clone() });
    let both = Table::new("t", columns.into(), rows.collect()).unwrap();
    two.experiments[0].table = ExperimentTable::Soups(both);
    other.backbone = "Other".into();
    two.experiments[0].columns.push(other);
    let said = "on test images 0 better, 0 worse, 2 without a difference shown; on shifted images 0 better, 2 worse, \
                0 without a difference shown.";
    let page = two.to_html();
    assert!(page.contains(said) && page.contains("<td class=\"number\">0, 2 of 2</td>"));
    assert!(page.contains("With Other, take Soup: 0.6000 [0.5500, 0.6400] on test images, 0.4000 "));
}

#[test]
fn several_data_sets_are_counted() {
    let pair = ["Soup", "Single"];
    let verdicts = [[0.021, 0.003, 0.039], [0.004, -0.019, 0.027], [-0.021, -0.039, -0.003]]
        .map(|[value, low, high]| Some(verdict(pair, value, [low, high])));
    let mut judged = judged(verdicts.into_iter().chain([None]).collect());
    judged.experiments[0].columns[2].best = Some("Single".into());
    let page = judged.to_html();
    for part in [
        "Of 4 data sets with a network, the model to take is the best single model in 1. The others against it: on \
         test images 0 better, 0 worse, 3 without a difference shown.",
        "<strong>Take Single, the single model</strong>: every soup scores less on 193 validation images",
        "could be told apart on about 5,100 images.",
        "<th scope=\"col\" class=\"number\">Test: better, worse</th>",
        "<td class=\"number\">0, 0 of 4</td>",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    // A table that is wider than the screen scrolls in its own box.
    for (at, _) in page.match_indices("<table") {
        let before = &page[..at];
        let tag = &before[before.rfind('<').unwrap()..];
        assert!(tag.starts_with("<div class=\"wide\"") || tag == "</figcaption>", "{tag}");
    }
}

#[test]
fn several_tables_are_compared_first() {
    let mut report = report(difference(0.1, 0.02, 0.2));
    let mut other = report.experiments[0].clone();
    (other.name, other.columns[0].best) = ("Second".into(), Some("Single".into()));
    assert!(!report.to_html().contains("The tables compared"));
    report.experiments.push(other);
    let page = report.to_html();
    let at = |said: &str| page.find(said).unwrap_or_else(|| panic!("no `{said}`"));
    let first = "<td>t</td><td>Soup with Net</td><td class=\"number\">0.6000 <small>[0.5500, 0.6400]</small></td>\
                 <td class=\"number\">–</td><td class=\"number\">7</td>";
    let second = "<td>Second</td><td>Single with Net</td><td class=\"number\">0.5000 ";
    assert!(at("The tables compared</h3>") < at(first) && at(first) < at(second));
    assert!(at(second) < at("<strong>Take Soup"));
}

#[test]
fn images_are_counted_by_split_and_class() {
    let mut report = report(None);
    let column = &mut report.experiments[0].columns[0];
    column.classes = vec!["benign".into(), "malignant".into()];
    column.warnings =
        vec!["2 of 40 groups (patients) in more than one split: scores may be too high.".into()];
    assert!(report.to_html().contains("The images are not at hand"));
    report.experiments[0].columns[0].images = Some(ImagesReport {
        images: [100, 20, 30],
        groups: Some([30, 6, 6]),
        classes: vec![[75, 15, 20], [25, 5, 10]],
        skipped: [1, 0, 2],
        notes: vec!["None of 40 patients".into()],
    });
    let page = report.to_html();
    for part in [
        "<th scope=\"row\">malignant</th><td class=\"number\">25 (25.0 %)</td><td class=\"number\">5 (25.0 %)</td>",
        "<th scope=\"row\">Unreadable, left out</th><td class=\"number\">1</td>",
        "<p class=\"note\">None of 40 patients</p>",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    let summary = page.split("</section>").next().unwrap();
    assert!(summary.contains("<p class=\"warning\">2 of 40 groups (patients) in more than one split"));
}

#[test]
fn only_long_tables_are_sorted() {
    let mut report = report(None);
    let jobs = |count: usize| vec![["soup", "Soup", "soup-1", "", "1.0"].map(String::from); count];
    report.experiments[0].origin.jobs = jobs(9);
    assert!(!report.to_html().contains("class=\"sortable\""));
    report.experiments[0].origin.jobs = jobs(10);
    assert_eq!(report.to_html().matches("class=\"sortable\"").count(), 1);
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
        "<h4>Which models average</h4>",
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
    let empty = Report {
        title: "t".into(),
        experiments: vec![],
        problems: vec![],
        settings: vec![],
        version: "1".into(),
    };
    assert!(empty.to_html().contains("There is no table to report on."));
}
