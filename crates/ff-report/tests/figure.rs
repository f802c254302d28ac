//! Line plots of a sweep over numbers, of categories with many series, and of a curve.

use ff_report::{Axis, Error, LinePlot, Point, Series};

fn point(y: f64) -> Option<Point> {
    Some(Point { y, low: None, high: None })
}

fn series(name: &str, points: Vec<Option<Point>>) -> Series {
    Series { name: name.to_owned(), points, emphasis: false }
}

fn plot(title: &str, x_label: &str, x: Axis, series: Vec<Series>) -> LinePlot {
    let [title, x_label, y_label] = [title, x_label, "AUROC"].map(str::to_owned);
    LinePlot { joined: true, title, x_label, y_label, x, series, references: vec![] }
}

fn sweep() -> LinePlot {
    let whisker = |y: f64, sd: f64| Some(Point { y, low: Some(y - sd), high: Some(y + sd) });
    let points = vec![whisker(0.812, 0.004), whisker(0.824, 0.003), None, whisker(0.826, 0.002)];
    let series = vec![
        Series { emphasis: true, ..series("p = 0.3", points) },
        series("p < 0.1", vec![whisker(0.81, 0.005), whisker(0.815, 0.004), point(0.82), point(0.818)]),
    ];
    let x = Axis::Numbers(vec![0.5, 0.7, 0.8, 0.9]);
    let references = vec![("Baseline".to_owned(), 0.807)];
    LinePlot { references, ..plot("Merge weight & probability", "Merge weight α", x, series) }
}

/// Fourteen diseases and fifteen series, the largest plot that must be legible.
fn crowded() -> LinePlot {
    let names = ff_report::published::INMERGE.tasks.iter().map(|task| task.name.replace('_', " "));
    let of = |nth: usize| {
        let y = |at: usize| 0.7 + 0.01 * nth as f64 + 0.02 * ((at * 5 + nth) % 7) as f64;
        series(&format!("L_s = {nth}, τ = 0.3"), (0..14).map(|at| point(y(at))).collect())
    };
    plot("Shallow layers", "Disease", Axis::Categories(names.collect()), (0..15).map(of).collect())
}

fn curve() -> LinePlot {
    let of = |rate: f64, end: f64| {
        (1..=40).map(|epoch| point(end - 0.3 * (-rate * f64::from(epoch)).exp())).collect()
    };
    let series = vec![series("Baseline", of(0.1, 0.81)), series("InMerge", of(0.12, 0.83))];
    let y_label = "Mean AUROC of the validation split".to_owned();
    let x = Axis::Numbers((1..=40).map(f64::from).collect());
    LinePlot { y_label, ..plot("Validation", "Epoch", x, series) }
}

/// Draws a plot; `FIGURES=folder` saves the pictures there.
fn svg(name: &str, figure: &LinePlot) -> String {
    let svg = figure.to_svg().unwrap();
    if let Some(folder) = std::env::var_os("FIGURES") {
        std::fs::write(std::path::Path::new(&folder).join(name), &svg).unwrap();
    }
    svg
}

#[track_caller]
fn assert_has_texts(svg: &str, texts: &[&str]) {
    for text in texts {
        assert!(svg.contains(&format!(">\n{text}\n</text>")), "{text} is not in\n{svg}");
    }
}

#[test]
fn sweeps_have_ticks_at_their_positions() {
    let svg = svg("sweep.svg", &sweep());
    assert_has_texts(&svg, &["0.5", "0.7", "0.8", "0.9", "p = 0.3", "p &lt; 0.1", "Baseline", "AUROC"]);
    assert_has_texts(&svg, &["Merge weight &amp; probability", "Merge weight α"]);
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg, sweep().to_svg().unwrap());
}

#[test]
fn wide_names_read_upwards() {
    let svg = svg("crowded.svg", &crowded());
    assert_has_texts(&svg, &["Pleural Thickening", "Hernia", "L_s = 14, τ = 0.3"]);
    assert_eq!(svg.matches("rotate(270").count(), 14 + 1);
}

#[test]
fn curves_have_round_ticks() {
    assert_has_texts(&svg("curve.svg", &curve()), &["10", "20", "30", "40", "InMerge"]);
}

#[test]
fn numbers_are_written_as_csv() {
    assert_eq!(
        sweep().to_csv(),
        "series,x,y,low,high\n\
         p = 0.3,0.5,0.812,0.808,0.8160000000000001\n\
         p = 0.3,0.7,0.824,0.821,0.827\n\
         p = 0.3,0.9,0.826,0.824,0.828\n\
         p < 0.1,0.5,0.81,0.805,0.8150000000000001\n\
         p < 0.1,0.7,0.815,0.8109999999999999,0.819\n\
         p < 0.1,0.8,0.82,,\n\
         p < 0.1,0.9,0.818,,\n\
         Baseline,,0.807,,\n"
    );
}

#[test]
fn invalid_plots_are_refused() {
    let error = |change: fn(&mut LinePlot)| {
        let mut figure = curve();
        change(&mut figure);
        figure.to_svg().unwrap_err()
    };
    assert_eq!(
        error(|figure| figure.series[1].points.truncate(3)).to_string(),
        "figure \"Validation\", series \"InMerge\": expected 40 points, one per x, found 3"
    );
    assert_eq!(
        error(|figure| figure.series[0].points[2] = point(f64::NAN)).to_string(),
        "figure \"Validation\", series \"Baseline\": expected a finite number, found NaN"
    );
    let infinite = |figure: &mut LinePlot| figure.references.push(("r".to_owned(), f64::INFINITY));
    assert!(matches!(error(infinite), Error::NotFinite { .. }));
    let empty = |figure: &mut LinePlot| {
        figure.series.iter_mut().for_each(|series| series.points.fill(None));
        figure.references.push(("Baseline".to_owned(), 0.8));
    };
    assert_eq!(error(empty).to_string(), "figure \"Validation\": expected at least one point, found none");
    assert!(matches!(error(|figure| figure.series.clear()), Error::NoPoint { .. }));
}
