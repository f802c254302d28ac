//! Gains as text.

use ff_eval::{Difference, Shown};
use itertools::Itertools;

use super::{Compared, Gain};

/// The mean gains over datasets and networks.
pub fn of(compared: &Compared) -> String {
    let mut text = format!("gain over {}, mean over datasets, networks and seeds\n", compared.baseline);
    let means = compared.gains.iter().filter(|gain| gain.network.is_none());
    for ((on, metric), gains) in &means.chunk_by(|gain| (gain.on, gain.metric)) {
        let metric = metric.map_or("the dataset's metric".to_owned(), |metric| metric.to_string());
        text += &format!("\n{on}, {metric}\n");
        gains.filter(|gain| gain.method != compared.baseline).for_each(|gain| text += &line(gain));
    }
    text
}

fn line(Gain { method, mean, datasets, .. }: &Gain) -> String {
    let Some(Difference { value, interval, .. }) = mean else {
        return format!("{method:24} undefined on a dataset\n");
    };
    let interval = interval.map_or(String::new(), |of| {
        let said = match Shown::by(of.low, of.high) {
            Shown::Higher => ", higher",
            Shown::Lower => ", lower",
            Shown::Neither => "",
        };
        format!("  [{:+.4}, {:+.4}]{said}", of.low, of.high)
    });
    let counted = datasets.iter().filter(|of| of.counted);
    let above = counted.clone().filter(|of| of.value > of.baseline).count();
    format!("{method:24} {value:+.4}{interval}, above in {above} of {} datasets\n", counted.count())
}
