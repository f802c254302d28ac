//! Gains as a forest plot.

use ff_eval::Difference;
use ff_report::{Estimated, ForestPlot, ForestRow};

use super::{Compared, Gain};

/// The gain of each method in each dataset's metric, the greatest on test images first.
pub fn of(compared: &Compared) -> ForestPlot {
    let on = |on: &'static str| {
        compared
            .gains
            .iter()
            .filter(move |gain| gain.on == on && gain.network.is_none() && gain.metric.is_none())
    };
    let panels: Vec<&str> =
        ["test", "shifted"].into_iter().filter(|name| on(name).next().is_some()).collect();
    let others = on("test").filter(|gain| gain.method != compared.baseline);
    let mut rows: Vec<(f64, ForestRow)> = others
        .map(|gain| {
            let same = |panel| on(panel).find(|other| other.method == gain.method);
            let estimates = panels.iter().map(|panel| same(panel).and_then(estimated)).collect();
            let value = gain.mean.as_ref().map_or(f64::NEG_INFINITY, |mean| mean.value);
            (value, ForestRow { name: gain.method.clone(), estimates })
        })
        .collect();
    rows.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    ForestPlot {
        title: format!("Gain over {}", compared.baseline),
        label: "points of the dataset's metric".into(),
        panels: panels.iter().map(|name| format!("{name} images")).collect(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    }
}

/// The mean gain in points, hundredths of the metric.
fn estimated(gain: &Gain) -> Option<Estimated> {
    let Difference { value, interval: Some(interval), .. } = gain.mean.as_ref()? else { return None };
    Some(Estimated { value: 100.0 * value, ends: (100.0 * interval.low, 100.0 * interval.high) })
}
