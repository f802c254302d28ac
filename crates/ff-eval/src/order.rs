//! The order in which samples are evaluated, so that the bound of a score falls fast.

use crate::auroc::curves;
use crate::loss::Losses;
use crate::metric::Metric;
use crate::predictions::{Predictions, Targets};

/// Computes the margin of each sample: the lower, the more the sample lowers the metric.
///
/// For AUROC it is minus the area that the sample's pairs lack, summed over the outputs with an
/// area. For log loss it is minus the sample's loss in nats, summed over its known labels. For all
/// other metrics it is the logit of the true class less the highest other logit; 0 for labels, for
/// which they are undefined.
pub fn margins(metric: Metric, predictions: &Predictions) -> Vec<f64> {
    match (metric, predictions.targets()) {
        (Metric::Auroc, _) => {
            let mut margins = vec![0.0; predictions.len()];
            for (sample, _, loss) in curves(predictions).iter().flat_map(|curve| curve.losses()) {
                margins[sample] -= loss;
            }
            margins
        }
        (Metric::LogLoss, _) => Losses::of(predictions).of_sample().iter().map(|loss| -loss).collect(),
        (_, Targets::Classes(classes)) => {
            let margin = |(sample, &class): (usize, &usize)| margin(predictions.row(sample), class);
            classes.iter().enumerate().map(margin).collect()
        }
        (_, Targets::Labels(_)) => vec![0.0; predictions.len()],
    }
}

/// Sorts all samples by their [`margins`], ascending; ties by index.
///
/// Similar models fail on the same samples. So the [`ScoreBound`](crate::ScoreBound) of another
/// model falls fast in this order, and that of a mean of models in the order of the sums of their
/// margins.
pub fn hardest_first(margin: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..margin.len()).collect();
    order.sort_by(|&a, &b| margin[a].total_cmp(&margin[b])); // stable
    order
}

fn margin(row: &[f32], class: usize) -> f64 {
    let others = row.iter().enumerate().filter(|(output, _)| *output != class).map(|(_, &logit)| logit);
    f64::from(row[class]) - f64::from(others.fold(f32::NEG_INFINITY, f32::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_by_margin() {
        let logits = vec![3.0, 0.0, 1.0, 0.0, 1.0, 1.0, 2.0, 0.0, 0.0, 5.0, 0.0, 4.0];
        let predictions = Predictions::new(logits, 3, Targets::Classes(vec![0, 1, 1, 2])).unwrap();
        // Margins 2, 0, −2 and −1.
        assert_eq!(hardest_first(&margins(Metric::Accuracy, &predictions)), [2, 3, 1, 0]);
    }

    #[test]
    fn labels_are_sorted_by_loss() {
        // By score −, +, −, −, +: the first positive lacks two of three pairs, two negatives each
        // lack one of two.
        let labels = Targets::Labels(vec![1.0, f32::NAN, 0.0, 0.0, 1.0, 0.0]);
        let predictions = Predictions::new(vec![2.0, 9.0, 1.0, 3.0, 4.0, 3.0], 1, labels).unwrap();
        assert_eq!(hardest_first(&margins(Metric::Auroc, &predictions)), [0, 3, 5, 1, 2, 4]);
        assert_eq!(hardest_first(&margins(Metric::Accuracy, &predictions)), [0, 1, 2, 3, 4, 5]);
        // Log loss: ln(1 + e⁻²), 0, ln(1 + e), and so on.
        assert_eq!(hardest_first(&margins(Metric::LogLoss, &predictions)), [3, 5, 2, 0, 4, 1]);
        let losses: Vec<_> = curves(&predictions)[0].losses();
        let (yes, no) = (true, false);
        assert_eq!(
            losses,
            [(2, no, 0.0), (0, yes, 2.0 / 6.0), (3, no, 1.0 / 6.0), (5, no, 1.0 / 6.0), (4, yes, 0.0)]
        );
    }
}
