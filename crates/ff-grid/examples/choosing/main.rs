//! Draws how far validation scores of chosen soups are from what they are worth, by the number of
//! validation images: a simulation of 48 models of equal worth.
//!
//!     cargo run --release -p ff-grid --example choosing [-- FOLDER [DRAWS]]
//!
//! It writes `choosing.svg` and `choosing.csv` into the folder, which is `docs/figures` by default,
//! from 200 draws for each point, and prints the figures. It takes a minute.

mod simulation;

use std::path::PathBuf;

use ff_report::{Axis, LinePlot, Point, Series};
use ff_soup::Accept;
use simulation::{Outcome, Setting, draw};

const VAL: [usize; 6] = [50, 100, 200, 400, 800, 1600];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = std::env::args().skip(1);
    let folder = options.next().map_or_else(|| PathBuf::from("docs/figures"), PathBuf::from);
    let draws: u64 = options.next().map_or(Ok(200), |text| text.parse())?;
    let mut series = [
        "greedy: on validation",
        "greedy, one-se: on validation",
        "best model: on validation",
        "greedy: cross-fitted",
        "greedy: on test",
    ]
    .map(|name| Series { name: name.to_owned(), points: Vec::new(), emphasis: name.ends_with("fitted") });
    for val in VAL {
        for accept in [Accept::Greater, Accept::OneSe] {
            let setting = Setting { val, test: 2000, models: 48, worth: 0.0, accept, folds: 3 };
            let found: Vec<Outcome> =
                (0..draws).map(|seed| draw(&setting, seed)).collect::<Result<_, _>>()?;
            let mean = |of: &dyn Fn(&Outcome) -> f64| found.iter().map(of).sum::<f64>() / draws as f64;
            let [validation, fitted, test] = [0, 1, 2].map(|kind| mean(&|outcome| outcome.soup[kind]));
            let single = mean(&|outcome| outcome.single[0]);
            let points = match accept {
                Accept::OneSe => vec![(1, validation)],
                _ => vec![(0, validation), (2, single), (3, fitted), (4, test)],
            };
            for (line, share) in points {
                series[line].points.push(Some(Point { y: 100.0 * share, low: None, high: None }));
            }
            println!(
                "{val} images, {accept:?}: {:.1} models, the last in {:.2}; soup {:.2?}, single {:.2?}; sets of weights {:.0?}, images {:.0?}",
                mean(&|outcome| outcome.size as f64),
                mean(&|outcome| f64::from(u8::from(outcome.has_last))),
                [0, 1, 2].map(|kind| 100.0 * mean(&|outcome| outcome.soup[kind])),
                [0, 1, 2].map(|kind| 100.0 * mean(&|outcome| outcome.single[kind])),
                [0, 1].map(|part| mean(&|outcome| outcome.cost[part][0] as f64)),
                [0, 1].map(|part| mean(&|outcome| outcome.cost[part][1] as f64)),
            );
        }
    }
    let plot = LinePlot {
        title: "Soups of 48 models of equal worth".to_owned(),
        x_label: "validation images".to_owned(),
        y_label: "accuracy in %".to_owned(),
        x: Axis::Categories(VAL.map(|val| val.to_string()).into()),
        series: series.into(),
        joined: true,
        references: vec![("every model and soup".to_owned(), 80.0)],
    };
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("choosing.svg"), plot.to_svg()?)?;
    std::fs::write(folder.join("choosing.csv"), plot.to_csv())?;
    println!("wrote {}", folder.join("choosing.svg").display());
    Ok(())
}
