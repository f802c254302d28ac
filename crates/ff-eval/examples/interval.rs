//! Scores predictions with 95 % intervals, for images alone and with the patients as groups.
//!
//!     cargo run -p ff-eval --example interval
//!
//! The images of a patient are alike, so the interval over patients is the wider one.

use ff_eval::{Metric, Predictions, Score, Targets};

const PATIENTS: usize = 60;
const IMAGES_EACH: usize = 4;
const CLASSES: usize = 3;

fn main() -> Result<(), ff_eval::Error> {
    // In place of a model: every fifth patient is diagnosed wrongly, on every image.
    let (mut logits, mut classes, mut patients) = (Vec::new(), Vec::new(), Vec::new());
    for patient in 0..PATIENTS {
        let class = patient % CLASSES;
        let predicted = if patient.is_multiple_of(5) { (class + 1) % CLASSES } else { class };
        for _ in 0..IMAGES_EACH {
            logits.extend((0..CLASSES).map(|output| if output == predicted { 2.0 } else { 0.0 }));
            classes.push(class);
            patients.push(patient as u32);
        }
    }

    let images = Predictions::new(logits, CLASSES, Targets::Classes(classes))?;
    let grouped = images.clone().with_groups(patients)?;
    for metric in [Metric::Accuracy, Metric::MacroF1, Metric::Auroc] {
        for (unit, predictions) in [("images", &images), ("patients", &grouped)] {
            let score = Score::new(metric, predictions, 1000, 0);
            if let (Some(value), Some(interval)) = (score.value.value(), score.interval) {
                let (metric, low, high) = (metric.title(), interval.low, interval.high);
                println!("{metric} {value:.3}, 95 % interval over {unit} {low:.3} to {high:.3}");
            }
            score.notes.iter().for_each(|note| println!("  note: {note}"));
        }
    }
    Ok(())
}
