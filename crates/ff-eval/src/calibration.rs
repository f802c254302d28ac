//! Calibration: how well predicted probabilities match observed frequencies.

use serde::{Deserialize, Serialize};

use crate::predictions::{Predictions, Targets, argmax};
use crate::probability::{sigmoid, softmax};

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
    let outputs = predictions.outputs();
    match predictions.targets() {
        Targets::Classes(classes) => {
            let mut tally = Tally::new(bins);
            for (sample, &class) in classes.iter().enumerate() {
                let row = predictions.row(sample);
                let probabilities = softmax(row);
                let taken = argmax(row);
                let distance = |(at, p): (usize, &f64)| (p - f64::from(u8::from(at == class))).powi(2);
                let brier = probabilities.iter().enumerate().map(distance).sum();
                tally.add(probabilities[taken], taken == class, brier);
            }
            tally.finish(None).into_iter().collect()
        }
        Targets::Labels(labels) => {
            let of_task = |task: usize| {
                let mut tally = Tally::new(bins);
                for sample in 0..predictions.len() {
                    let label = labels[sample * outputs + task];
                    if !label.is_nan() {
                        let p = sigmoid(predictions.row(sample)[task]);
                        tally.add(p, label == 1.0, (p - f64::from(label)).powi(2));
                    }
                }
                tally.finish(Some(task))
            };
            (0..outputs).filter_map(of_task).collect()
        }
    }
}

/// Sums over samples, from which the means are computed.
struct Tally {
    bins: Vec<Bin>,
    brier: f64,
}

impl Tally {
    fn new(bins: usize) -> Tally {
        Tally { bins: vec![Bin { samples: 0, said: 0.0, found: 0.0 }; bins.max(1)], brier: 0.0 }
    }

    fn add(&mut self, probability: f64, holds: bool, brier: f64) {
        let count = self.bins.len();
        let width = 1.0 / count as f64;
        let above = (1..count).take_while(|&edge| probability > edge as f64 * width).count();
        let bin = &mut self.bins[above];
        bin.samples += 1;
        bin.said += probability;
        bin.found += f64::from(u8::from(holds));
        self.brier += brier;
    }

    /// Divides the sums by the numbers of samples; `None` without samples.
    fn finish(self, task: Option<usize>) -> Option<Calibration> {
        let samples: u64 = self.bins.iter().map(|bin| bin.samples).sum();
        let distances: f64 = self.bins.iter().map(|bin| (bin.said - bin.found).abs()).sum();
        let mean = |bin: Bin| {
            let count = bin.samples.max(1) as f64;
            Bin { said: bin.said / count, found: bin.found / count, ..bin }
        };
        (samples > 0).then(|| Calibration {
            task,
            bins: self.bins.into_iter().map(mean).collect(),
            ece: distances / samples as f64,
            brier: self.brier / samples as f64,
            samples,
        })
    }
}
