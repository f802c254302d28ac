//! Calibration: how well predicted probabilities match observed frequencies.

use serde::{Deserialize, Serialize};

use crate::predictions::{Predictions, Targets, argmax};
use crate::probability::{sigmoid, softmax};

/// The usual number of bins of a reliability diagram.
pub const BINS: usize = 10;

/// A reliability diagram with its calibration error and Brier score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The index of the task; `None` for classes, which have one diagram together.
    pub task: Option<usize>,
    /// Bins of equal width from 0 to 1, in order; a probability on an edge is in the lower bin.
    pub bins: Vec<Bin>,
    /// Expected calibration error, 0 to 1: the mean over bins of |`said` − `found`|, weighted by
    /// their numbers of samples. It depends on the number of bins, and is higher for few samples.
    pub ece: f64,
    /// Brier score. For a task, the mean squared distance of the probability from the truth, 0 to
    /// 1; for classes, that distance summed over classes, 0 to 2 (Brier 1950; scikit-learn:
    /// `scale_by_half=False`).
    pub brier: f64,
    /// The number of samples.
    pub samples: u64,
}

/// The samples whose predicted probability is in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The number of samples.
    pub samples: u64,
    /// The mean predicted probability; 0 without samples.
    pub said: f64,
    /// The observed frequency, 0 to 1; 0 without samples.
    pub found: f64,
}

/// Computes the calibration of predictions in `bins` bins (at least 1).
///
/// Multiclass predictions have one diagram: how often the class with the highest softmax
/// probability is correct (Guo et al. 2017). Multilabel ones have one for each task with a known
/// label: how often the label is positive, by the sigmoid probability (bins as in scikit-learn's
/// `calibration_curve`). Empty without samples.
pub fn calibration(predictions: &Predictions, bins: usize) -> Vec<Calibration> {
    let once = vec![1; predictions.len()];
    diagrams(predictions, bins).iter().filter_map(|diagram| diagram.count(&once)).collect()
}

/// The diagrams of predictions that have samples.
pub(crate) fn diagrams(predictions: &Predictions, bins: usize) -> Vec<Diagram> {
    let outputs = predictions.outputs();
    let diagrams: Vec<Diagram> = match predictions.targets() {
        Targets::Classes(classes) => {
            let mut diagram = Diagram::new(None, bins);
            for (sample, &class) in classes.iter().enumerate() {
                let row = predictions.row(sample);
                let probabilities = softmax(row);
                let taken = argmax(row);
                let distance = |(at, p): (usize, &f64)| (p - f64::from(u8::from(at == class))).powi(2);
                let brier = probabilities.iter().enumerate().map(distance).sum();
                diagram.add(sample, probabilities[taken], taken == class, brier);
            }
            vec![diagram]
        }
        Targets::Labels(labels) => {
            let of_task = |task: usize| {
                let mut diagram = Diagram::new(Some(task), bins);
                for sample in 0..predictions.len() {
                    let label = labels[sample * outputs + task];
                    if !label.is_nan() {
                        let p = sigmoid(predictions.row(sample)[task]);
                        diagram.add(sample, p, label == 1.0, (p - f64::from(label)).powi(2));
                    }
                }
                diagram
            };
            (0..outputs).map(of_task).collect()
        }
    };
    diagrams.into_iter().filter(|diagram| !diagram.cases.is_empty()).collect()
}

/// A reliability diagram before its samples are counted, so resamples need no further probability.
pub(crate) struct Diagram {
    pub(crate) task: Option<usize>,
    bins: usize,
    pub(crate) cases: Vec<Case>,
}

/// What a diagram has of one sample.
pub(crate) struct Case {
    sample: usize,
    bin: usize,
    said: f64,
    found: f64,
    brier: f64,
}

impl Diagram {
    fn new(task: Option<usize>, bins: usize) -> Diagram {
        Diagram { task, bins: bins.max(1), cases: Vec::new() }
    }

    fn add(&mut self, sample: usize, said: f64, holds: bool, brier: f64) {
        let width = 1.0 / self.bins as f64;
        let bin = (1..self.bins).take_while(|&edge| said > edge as f64 * width).count();
        self.cases.push(Case { sample, bin, said, found: f64::from(u8::from(holds)), brier });
    }

    /// Computes the calibration when sample `i` occurs `times[i]` times; `None` without samples.
    pub(crate) fn count(&self, times: &[u32]) -> Option<Calibration> {
        let mut bins = vec![Bin { samples: 0, said: 0.0, found: 0.0 }; self.bins];
        let mut brier = 0.0;
        for case in &self.cases {
            let (bin, times) = (&mut bins[case.bin], times[case.sample]);
            bin.samples += u64::from(times);
            bin.said += f64::from(times) * case.said;
            bin.found += f64::from(times) * case.found;
            brier += f64::from(times) * case.brier;
        }
        let samples: u64 = bins.iter().map(|bin| bin.samples).sum();
        let distances: f64 = bins.iter().map(|bin| (bin.said - bin.found).abs()).sum();
        let mean = |bin: Bin| {
            let count = bin.samples.max(1) as f64;
            Bin { said: bin.said / count, found: bin.found / count, ..bin }
        };
        (samples > 0).then(|| Calibration {
            task: self.task,
            bins: bins.into_iter().map(mean).collect(),
            ece: distances / samples as f64,
            brier: brier / samples as f64,
            samples,
        })
    }
}
