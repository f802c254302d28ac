//! Whether the outputs of an imported model are in the order of the data's classes.

use ff_eval::{Metric, Predictions, Targets};
use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

use crate::error::Error;

/// By how much accuracy and macro recall with classes in another order must be higher for an order to
/// be taken for wrong.
const OTHER_ORDER: f64 = 0.2;

/// The probability, at most, that outputs without relation to the classes fit one of their orders as
/// well as the order that is taken for right.
const BY_CHANCE: f64 = 0.05;

/// The mean AUROC of tasks below which their outputs may be in another order.
const LOW_AUROC: f64 = 0.4;

/// Checks that no other order of a model's outputs fits its predictions much better than that of the
/// data, whose classes or tasks have these `names`. Returns a warning where that is in doubt.
///
/// # Errors
/// Another order of classes fits much better, and `is_known` is false: the file does not record its
/// order, and the configuration does not state it.
pub(super) fn check_order(
    file: &str,
    names: &[String],
    predictions: &Predictions,
    is_known: bool,
) -> Result<Option<String>, Error> {
    let listed = names.join(", ");
    if let Targets::Labels(_) = predictions.targets() {
        let area = Metric::Auroc.evaluate(predictions).value().filter(|area| *area < LOW_AUROC);
        return Ok(area.map(|area| {
            format!(
                "{file}: expected outputs in the order of the data's tasks ({listed}), found a mean AUROC of \
                 {area:.3}, which is less than chance: they may be in another order"
            )
        }));
    }
    let Some(OtherOrder { outputs, accuracies: [own, other] }) = other_order(predictions) else {
        return Ok(None);
    };
    // Class by output, which is what a configuration states.
    let mut by_output = vec![""; names.len()];
    for (class, &output) in outputs.iter().enumerate() {
        by_output[output] = &names[class];
    }
    let list = by_output.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let found = format!(
        "{file}: expected outputs in the order of the data's classes ({listed}), found accuracy {own:.3} \
         in that order and {other:.3} in another"
    );
    match is_known {
        true => Ok(Some(format!(
            "{found} ({list}), though the file records its order or the configuration states it"
        ))),
        false => Err(Error::Job(format!(
            "{found}\n\
             hint: the file does not record the order; if it is this one, state it in its [[pool]]: \
             classes = [{list}]"
        ))),
    }
}

/// An order of classes in which predictions fit their targets better.
#[derive(Debug, PartialEq)]
struct OtherOrder {
    /// For each class, the output that fits it.
    outputs: Vec<usize>,
    /// The accuracy as the outputs are, and in this order.
    accuracies: [f64; 2],
}

/// Returns the order of classes with the highest accuracy, if accuracy and macro recall are much higher
/// than in the outputs' own order, and too high for chance.
fn other_order(predictions: &Predictions) -> Option<OtherOrder> {
    let Targets::Classes(targets) = predictions.targets() else { return None };
    let classes = predictions.outputs();
    let mut counts = Matrix::new(classes, classes, 0_i64);
    for (row, &class) in targets.iter().enumerate() {
        let logits = predictions.row(row);
        let largest = (0..classes).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)))?;
        counts[(class, largest)] += 1;
    }
    // Of orders with the same accuracy, the one in which most classes have their own output.
    let weights = Matrix::from_fn(classes, classes, |(class, output)| {
        counts[(class, output)] * (classes as i64 + 1) + i64::from(class == output)
    });
    let own: Vec<usize> = (0..classes).collect();
    let (_, other) = kuhn_munkres(&weights);
    // A model that predicts one class for most images has a high accuracy in another order where that
    // output is for a class of most images, but no high macro recall.
    let scores = [&own, &other].map(|outputs| accuracy_and_recall(&counts, outputs));
    let [[own, own_recall], [accuracy, recall]] = scores;
    // Hoeffding's inequality, for each of the orders.
    let above = (accuracy - 1.0 / classes as f64).max(0.0);
    let orders: f64 = (1..=classes).map(|of| (of as f64).ln()).sum();
    let is_chance = 2.0 * targets.len() as f64 * above.powi(2) < orders - BY_CHANCE.ln();
    let is_better = accuracy > own + OTHER_ORDER && recall > own_recall + OTHER_ORDER;
    (is_better && !is_chance).then_some(OtherOrder { outputs: other, accuracies: [own, accuracy] })
}

/// Returns the accuracy, and the mean recall of the classes that have images, where a class has the
/// output that `outputs` names. `counts` are of images, `[classes, outputs]`.
fn accuracy_and_recall(counts: &Matrix<i64>, outputs: &[usize]) -> [f64; 2] {
    let of_class = |(class, &output): (usize, &usize)| {
        let images: i64 = (0..outputs.len()).map(|output| counts[(class, output)]).sum();
        (counts[(class, output)] as f64, images as f64)
    };
    let found: Vec<(f64, f64)> =
        outputs.iter().enumerate().map(of_class).filter(|(_, images)| *images > 0.0).collect();
    let (right, images) = found.iter().fold((0.0_f64, 0.0_f64), |sums, of| (sums.0 + of.0, sums.1 + of.1));
    let recalls: f64 = found.iter().map(|(right, images)| right / images).sum();
    [right / images, recalls / found.len() as f64]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictions of three classes whose largest logit is that of `found`.
    fn predictions(found: &[usize], targets: &[usize]) -> Predictions {
        let logits =
            found.iter().flat_map(|&found| [0, 1, 2].map(|output| if output == found { 2.0 } else { 0.0 }));
        Predictions::new(logits.collect(), 3, Targets::Classes(targets.to_vec())).unwrap()
    }

    /// Predictions with these numbers of images, class by output.
    fn of_counts(counts: [[usize; 3]; 3]) -> Predictions {
        let (mut found, mut targets) = (Vec::new(), Vec::new());
        for (class, row) in counts.iter().enumerate() {
            for (output, &count) in row.iter().enumerate() {
                found.extend(vec![output; count]);
                targets.extend(vec![class; count]);
            }
        }
        predictions(&found, &targets)
    }

    #[test]
    fn another_order_is_found_where_it_fits_much_better() {
        let targets = [0, 0, 1, 1, 2, 2];
        assert_eq!(other_order(&predictions(&[0, 0, 1, 1, 2, 2], &targets)), None);
        let found = other_order(&predictions(&[1, 1, 2, 2, 0, 0], &targets)).unwrap();
        assert_eq!((found.outputs, found.accuracies), (vec![1, 2, 0], [0.0, 1.0]));
        // A bad model, whose outputs are no order of the classes.
        assert_eq!(other_order(&predictions(&[1, 1, 1, 1, 1, 0], &targets)), None);
        // Chance.
        assert_eq!(other_order(&predictions(&[0, 1, 1, 0, 2, 1], &targets)), None);
        // Few images fit some order by chance.
        assert_eq!(other_order(&predictions(&[1, 1, 2, 0, 0, 1], &targets)), None);
    }

    #[test]
    fn a_class_that_is_nearly_a_tie_hides_no_order() {
        // Of the images of class 0, as many are predicted as 0 as of class 2.
        let found = other_order(&of_counts([[40, 39, 1], [39, 0, 41], [79, 1, 0]])).unwrap();
        assert_eq!((found.outputs, found.accuracies), (vec![1, 2, 0], [40.0 / 240.0, 159.0 / 240.0]));
    }

    #[test]
    fn a_model_that_predicts_one_class_is_in_no_other_order() {
        // Accuracy 0.1 as they are, 0.8 with the first two exchanged; macro recall 1/3 in both.
        assert_eq!(other_order(&of_counts([[0, 80, 0], [0, 10, 0], [0, 10, 0]])), None);
    }

    #[test]
    fn a_doubtful_order_is_an_error_only_if_it_is_unknown() {
        let names = ["a", "b", "c"].map(String::from);
        let check = |predictions: &Predictions, is_known| check_order("m.pt", &names, predictions, is_known);
        let right = of_counts([[5, 0, 0], [0, 5, 0], [0, 0, 5]]);
        assert_eq!(check(&right, false).unwrap(), None);
        let wrong = of_counts([[0, 5, 0], [0, 0, 5], [5, 0, 0]]);
        let error = check(&wrong, false).unwrap_err().to_string();
        assert!(
            error.contains("m.pt: expected outputs in the order of the data's classes (a, b, c)"),
            "{error}"
        );
        assert!(error.contains("hint: ") && error.contains(r#"classes = ["c", "a", "b"]"#), "{error}");
        let warning = check(&wrong, true).unwrap().unwrap();
        assert!(warning.contains("0.000 in that order and 1.000 in another"), "{warning}");
        assert!(!warning.contains('\n'), "{warning}");
    }

    #[test]
    fn tasks_with_areas_below_chance_are_doubtful() {
        let names = ["a", "b"].map(String::from);
        let tasks = |logits: [f32; 8]| {
            let labels = Targets::Labels(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
            let predictions = Predictions::new(logits.to_vec(), 2, labels).unwrap();
            check_order("m.pt", &names, &predictions, true).unwrap()
        };
        assert_eq!(tasks([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]), None);
        let warning = tasks([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]).unwrap();
        assert!(warning.contains("tasks (a, b), found a mean AUROC of 0.000"), "{warning}");
    }
}
