//! Prints a table of scores as Markdown, and writes a line plot as SVG.
//!
//!     cargo run -p ff-report --example table_and_plot [-- FILE.svg]
//!
//! Without a file, the plot is written to the system's folder for temporary files.

use std::path::PathBuf;

use ff_report::{
    Axis, Cell, Chance, Column, Cost, Interval, LinePlot, Metric, Point, Row, Score, Series, Table, Value,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let column = Column::new("ResNet50", "my images", Metric::Accuracy);
    let rows = vec![row("best model", 0.85, 0.80, 0.90), row("greedy soup", 0.88, 0.83, 0.92)];
    print!("{}", Table::new("My images", vec![column], rows)?.to_markdown());

    let plot = LinePlot {
        title: "Accuracy by size of the soup".to_owned(),
        x_label: "models".to_owned(),
        y_label: "accuracy on validation".to_owned(),
        x: Axis::Numbers(vec![1.0, 2.0, 4.0, 8.0]),
        series: vec![
            series("greedy soup", [0.85, 0.87, 0.88, 0.88], true),
            series("uniform soup", [0.84, 0.86, 0.86, 0.85], false),
        ],
        joined: true,
        references: vec![("best model".to_owned(), 0.85)],
    };
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let path = path.unwrap_or_else(|| std::env::temp_dir().join("ff-report-example.svg"));
    std::fs::write(&path, plot.to_svg()?)?;
    println!("\nwrote {}", path.display());
    Ok(())
}

fn row(method: &str, value: f64, low: f64, high: f64) -> Row {
    let test = Score {
        metric: Metric::Accuracy,
        value: Value::Defined(value),
        interval: Some(Interval { low, high, level: 0.95, resamples: 1000, dropped: 0 }),
        chance: Chance::default(),
        samples: 200,
        groups: None,
        notes: Vec::new(),
        outputs: Vec::new(),
        counts: Vec::new(),
    };
    let cells = vec![Cell { validation: Some(value), test: Some(test), ..Cell::default() }];
    Row { method: method.to_owned(), cells, cost: Cost::default() }
}

fn series(name: &str, values: [f64; 4], emphasis: bool) -> Series {
    let points = values.map(|y| Some(Point { y, low: None, high: None })).to_vec();
    Series { name: name.to_owned(), points, emphasis }
}
