//! The plots of a table of in-model merging.

use ff_eval::Spread;
use ff_report::{Axis, LinePlot, Point, SeedCell, SeedColumn, SeedTable, Series};
use itertools::Itertools;

use super::config::{InmergeMethod, Sweep};
use super::layers::Merged;

/// Plots the test metric along a sweep: mean and standard deviation over seeds. Tasks of a
/// multilabel dataset are thin lines, the baseline is a dashed line.
pub(super) fn of_sweep(sweep: &Sweep, table: &SeedTable, column: usize, title: &str) -> LinePlot {
    let points = sweep.points();
    let cells: Vec<Option<&SeedCell>> = points
        .iter()
        .map(|(point, _)| table.rows().iter().find(|row| row.method == sweep.row(point)))
        .map(|row| row.map(|row| &row.cells[column]))
        .collect();
    let SeedColumn { metric, tasks, .. } = &table.columns()[column];
    let line = |name: &str, emphasis: bool, of: &dyn Fn(&SeedCell) -> Option<Point>| Series {
        name: name.to_owned(),
        points: cells.iter().map(|cell| cell.and_then(of)).collect(),
        emphasis,
    };
    let whole = |cell: &SeedCell| {
        let spread = cell.test()?;
        let end = |sign: f64| spread.sd.map(|sd| spread.mean + sign * sd);
        Some(Point { y: spread.mean, low: end(-1.0), high: end(1.0) })
    };
    let name = if tasks.is_empty() { "InMerge" } else { "Average" };
    let mut series = vec![line(name, true, &whole)];
    series.extend(tasks.iter().enumerate().map(|(task, name)| {
        line(name, false, &|cell| {
            cell.task(task).map(|spread| Point { y: spread.mean, low: None, high: None })
        })
    }));
    let baseline =
        table.baseline().and_then(|row| Some((row.method.clone(), row.cells[column].test()?.mean)));
    LinePlot {
        joined: true,
        title: title.to_owned(),
        x_label: format!("{} ({})", sweep.symbol(), sweep.parameter()),
        y_label: format!("test {}, mean ± sd over seeds", metric.title()),
        x: Axis::Categories(points.into_iter().map(|(point, _)| point).collect()),
        series,
        references: baseline.into_iter().collect(),
    }
}

/// Plots the share of kernels that the table's first method with merging merges in a step, by layer
/// and epoch.
pub(super) fn of_merges(rows: &[InmergeMethod], merged: &[Merged<'_>], title: &str) -> Option<LinePlot> {
    let method = rows.iter().find(|row| row.inmerge.is_some())?;
    let own: Vec<_> = merged.iter().filter(|entry| entry.method == method.name).collect();
    let epochs: Vec<u32> = own.iter().map(|entry| entry.epoch).sorted().dedup().collect();
    let layers = own.iter().map(|entry| entry.layer).sorted().dedup();
    let series = layers.map(|layer| {
        let of_epoch = |epoch: &u32| {
            let shares = own.iter().filter(|entry| (entry.layer, entry.epoch) == (layer, *epoch));
            let spread = Spread::of(&shares.map(|entry| 100.0 * entry.share).collect::<Vec<_>>())?;
            Some(Point { y: spread.mean, low: None, high: None })
        };
        Series {
            name: format!("convolution {layer}"),
            points: epochs.iter().map(of_epoch).collect(),
            emphasis: false,
        }
    });
    Some(LinePlot {
        joined: true,
        title: format!("{title}: {}", method.name),
        x_label: "epoch of merging".into(),
        y_label: "kernels merged in a step, %".into(),
        series: series.collect(),
        x: Axis::Numbers(epochs.iter().map(|&epoch| f64::from(epoch)).collect()),
        references: Vec::new(),
    })
}
