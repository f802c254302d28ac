//! The verdict of validation images alone: which model of a column to take.

use ff_eval::{Interval, Metric, Shown, Verdict};
use serde::Serialize;

use crate::format;

/// Explains the word in tables and reports.
pub(crate) const CROSS_FITTED: &str = "Cross-fitted: the metric on the validation images, each predicted by \
                                       the model that the row's rule chooses without the image's fold.";

/// The multiple of the present images above which the number that would be needed is not given.
const FAR: u64 = 100;

/// What validation alone says: the best soup against the best single model of a column.
///
/// The values and the difference of `of` are of cross-fitted predictions: each validation image is
/// predicted by the model that the row's rule chooses without the image's fold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnVerdict {
    /// The name of the best soup's row.
    pub soup: String,
    /// The name of the single model's row.
    pub single: String,
    /// True if the soup is the single model in every fold.
    pub same: bool,
    /// The soup less the single model, with an interval that covers all compared soups at once.
    pub of: Verdict,
}

impl ColumnVerdict {
    /// Says in one or two sentences which model to take, and why.
    ///
    /// Differences are in points, which are hundredths of the metric; those of log loss are in its
    /// own unit. `metric` is that of the column.
    pub fn sentence(&self, metric: Metric) -> String {
        let ColumnVerdict { soup, single, same, of } = self;
        if *same {
            return format!(
                "Take {single}, the single model: {soup}, the soup with the best cross-fitted score, is that model."
            );
        }
        let (images, basis) = (self.images(), self.basis(metric));
        let points = |size: f64| format::points(size, metric);
        let value = of.difference.value;
        match (of.shown(), of.difference.interval) {
            (Shown::Higher, Some(Interval { low, high, .. })) => format!(
                "Take {soup}: on {images} it scores {} more than {single}, with an interval of {} ({basis}).",
                points(value),
                between(low, high, metric)
            ),
            (Shown::Lower, Some(Interval { low, high, .. })) if of.compared < 2 => format!(
                "Take {single}, the single model: {soup} scores {} less on {images}, with an interval of {} \
                 ({basis}).",
                points(-value),
                between(-high, -low, metric)
            ),
            (Shown::Lower, Some(Interval { low, high, .. })) => format!(
                "Take {single}, the single model: every soup scores less on {images}, the best ({soup}) by \
                 {}, with an interval of {} ({basis}).",
                points(-value),
                between(-high, -low, metric)
            ),
            (_, interval) => {
                let interval = interval.map_or("no interval".to_owned(), |Interval { low, high, .. }| {
                    format!("interval {}", between(low, high, metric))
                });
                let value = format::change(value, metric) + format::unit(metric);
                let needed = self.needed().unwrap_or_default();
                format!(
                    "{soup} and {single} cannot be told apart on {images}: {value}, {interval} \
                     ({basis}).{needed}"
                )
            }
        }
    }

    /// The row to take, if it says so.
    pub(crate) fn taken(&self) -> Option<&String> {
        match self.of.shown() {
            _ if self.same => Some(&self.single),
            Shown::Higher => Some(&self.soup),
            Shown::Lower => Some(&self.single),
            Shown::Neither => None,
        }
    }

    fn images(&self) -> String {
        let images = format!("{} validation images", format::count(self.of.samples as u64));
        match self.of.groups {
            Some(groups) => format!("{images} of {} groups (patients)", format::count(groups as u64)),
            None => images,
        }
    }

    fn basis(&self, metric: Metric) -> String {
        let fitted = format!("cross-fitted {}", metric.title());
        match self.of.compared {
            0 | 1 => fitted,
            soups => format!("{fitted}, for {soups} soups at once"),
        }
    }

    /// Says on how many images the difference could be told apart from 0, after a space.
    ///
    /// Groups are taken to be of as many images as the present ones.
    fn needed(&self) -> Option<String> {
        let (samples, needed) = (self.of.samples as u64, self.of.needed?);
        let far = needed > FAR * samples;
        let images = if far { FAR * samples } else { needed };
        let number = |of: u64| format::count(two_digits(of, !far));
        let least = if far { "more than" } else { "about" };
        let groups = self.of.groups.map(|groups| images * groups as u64 / samples.max(1));
        let groups = groups.map_or(String::new(), |of| format!(" of {} groups", number(of)));
        let images = number(images);
        Some(format!(" A difference of this size could be told apart on {least} {images} images{groups}."))
    }
}

fn between(low: f64, high: f64, metric: Metric) -> String {
    format!("{} to {}", format::amount(low, metric), format::amount(high, metric))
}

/// Rounds to two significant digits, up or down.
fn two_digits(count: u64, up: bool) -> u64 {
    let unit = 10u64.pow(count.max(1).ilog10().saturating_sub(1));
    unit * if up { count.div_ceil(unit) } else { count / unit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff_eval::Difference;

    fn verdict(value: f64, [low, high]: [f64; 2]) -> ColumnVerdict {
        let interval = Some(Interval { low, high, level: 0.95, resamples: 1000, dropped: 0 });
        let of = Verdict {
            best: 2,
            baseline_value: 0.8,
            best_value: 0.8 + value,
            difference: Difference { value, interval, standard_error: Some(0.009) },
            compared: 5,
            samples: 193,
            groups: None,
            needed: None,
        };
        ColumnVerdict { soup: "GoG".into(), single: "GS (best)".into(), same: false, of }
    }

    fn with(verdict: ColumnVerdict, change: impl Fn(&mut Verdict)) -> ColumnVerdict {
        let mut of = verdict.of.clone();
        change(&mut of);
        ColumnVerdict { of, ..verdict }
    }

    #[test]
    fn a_better_soup_is_to_be_taken() {
        let verdict = verdict(0.021, [0.003, 0.039]);
        assert_eq!(
            verdict.sentence(Metric::MacroF1),
            "Take GoG: on 193 validation images it scores 2.1 points more than GS (best), with an interval \
             of 0.3 to 3.9 (cross-fitted macro F1, for 5 soups at once)."
        );
        assert_eq!(verdict.taken().unwrap(), "GoG");
        let one = with(verdict, |of| (of.compared, of.groups) = (1, Some(120)));
        assert_eq!(
            one.sentence(Metric::LogLoss),
            "Take GoG: on 193 validation images of 120 groups (patients) it scores 0.021 more than GS \
             (best), with an interval of 0.003 to 0.039 (cross-fitted −log loss)."
        );
    }

    #[test]
    fn a_better_single_model_is_to_be_taken() {
        let verdict = verdict(-0.021, [-0.039, -0.003]);
        assert_eq!(
            verdict.sentence(Metric::Accuracy),
            "Take GS (best), the single model: every soup scores less on 193 validation images, the best \
             (GoG) by 2.1 points, with an interval of 0.3 to 3.9 (cross-fitted accuracy, for 5 soups at \
             once)."
        );
        assert_eq!(verdict.taken().unwrap(), "GS (best)");
    }

    #[test]
    fn models_that_cannot_be_told_apart_have_the_images_that_would_do() {
        let verdict = verdict(0.004, [-0.019, 0.027]);
        let said = "GoG and GS (best) cannot be told apart on 193 validation images: +0.4 points, interval \
                    −1.9 to 2.7 (cross-fitted accuracy, for 5 soups at once).";
        let needed = |needed, groups| {
            let of = with(verdict.clone(), |of| (of.needed, of.groups) = (needed, groups));
            of.sentence(Metric::Accuracy)
        };
        let apart = " A difference of this size could be told apart on";
        assert_eq!(needed(None, None), said);
        assert_eq!(needed(Some(5083), None), format!("{said}{apart} about 5,100 images."));
        assert_eq!(needed(Some(194), None), format!("{said}{apart} about 200 images."));
        assert_eq!(needed(Some(19_300), None), format!("{said}{apart} about 20,000 images."));
        assert_eq!(needed(Some(19_301), None), format!("{said}{apart} more than 19,000 images."));
        assert_eq!(needed(Some(u64::MAX), None), format!("{said}{apart} more than 19,000 images."));
        let grouped = said.replace("images:", "images of 120 groups (patients):");
        assert_eq!(
            needed(Some(5083), Some(120)),
            format!("{grouped}{apart} about 5,100 images of 3,200 groups.")
        );
        assert_eq!(verdict.taken(), None);
        let without = with(verdict, |of| of.difference.interval = None);
        assert!(
            without.sentence(Metric::Accuracy).contains("193 validation images: +0.4 points, no interval (")
        );
    }

    #[test]
    fn a_soup_that_is_the_single_model_is_no_soup() {
        let same = ColumnVerdict { same: true, ..verdict(0.0, [0.0, 0.0]) };
        assert_eq!(
            same.sentence(Metric::Accuracy),
            "Take GS (best), the single model: GoG, the soup with the best cross-fitted score, is that model."
        );
        assert_eq!(same.taken().unwrap(), "GS (best)");
    }

    #[test]
    fn numbers_are_rounded_to_two_digits() {
        assert_eq!(
            [0, 7, 99, 101, 5083, 19_300].map(|of| two_digits(of, true)),
            [0, 7, 99, 110, 5100, 20_000]
        );
        assert_eq!(
            [0, 7, 99, 101, 5083, 19_300].map(|of| two_digits(of, false)),
            [0, 7, 99, 100, 5000, 19_000]
        );
    }
}
