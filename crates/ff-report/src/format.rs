//! Formatting numbers as text.

use ff_eval::{Chance, Interval, Metric, Score, Value};

/// The text in place of a missing number.
pub(crate) const NOTHING: &str = "–";

/// The mark of a value whose model tells no samples apart.
pub(crate) const COLLAPSED: &str = " †";

/// Formats a value with four decimals, as in the paper's tables.
pub(crate) fn value(value: f64) -> String {
    format!("{value:.4}").replace('-', "−")
}

/// Formats a difference with four decimals and its sign; zero has no sign.
pub(crate) fn difference(difference: f64) -> String {
    signed(&format!("{difference:+.4}"))
}

/// Formats a change of a metric in its unit, with its sign; zero has no sign.
///
/// The unit of log loss is its own, with three decimals. That of others is a point, which is a
/// hundredth of the metric, with one decimal.
pub(crate) fn change(change: f64, metric: Metric) -> String {
    match metric {
        Metric::LogLoss => signed(&format!("{change:+.3}")),
        _ => signed(&format!("{:+.1}", 100.0 * change)),
    }
}

/// Formats an amount of a metric in the unit of [`change`], without a plus sign.
pub(crate) fn amount(amount: f64, metric: Metric) -> String {
    change(amount, metric).trim_start_matches('+').to_owned()
}

/// The unit of [`change`], after a space.
pub(crate) fn unit(metric: Metric) -> &'static str {
    if metric == Metric::LogLoss { "" } else { " points" }
}

/// Formats an amount of a metric with its unit.
pub(crate) fn points(amount: f64, metric: Metric) -> String {
    format!("{}{}", self::amount(amount, metric), unit(metric))
}

/// Writes a number with a sign as text for readers.
fn signed(number: &str) -> String {
    match number.trim_start_matches(['+', '-']) {
        zero if zero.chars().all(|letter| matches!(letter, '0' | '.')) => zero.to_owned(),
        _ => number.replace('-', "−"),
    }
}

/// Formats a value, with [`COLLAPSED`] if its model is.
pub(crate) fn marked(value: f64, chance: Chance) -> String {
    let mark = if chance.collapsed { COLLAPSED } else { "" };
    self::value(value) + mark
}

pub(crate) fn interval(interval: &Interval) -> String {
    format!("[{}, {}]", value(interval.low), value(interval.high))
}

/// Formats the value of a score with its mark, and with its interval if it has one; `None` if it is
/// undefined.
pub(crate) fn score(score: &Score) -> Option<String> {
    let number = marked(score.value.value()?, score.chance);
    Some(match &score.interval {
        Some(of) => format!("{number} {}", interval(of)),
        None => number,
    })
}

/// The notes on a score: why it is undefined, then its own notes.
pub(crate) fn notes(score: &Score) -> impl Iterator<Item = String> {
    let why = match &score.value {
        Value::Undefined(why) => Some(why.clone()),
        Value::Defined(_) => None,
    };
    why.into_iter().chain(score.notes.iter().map(ToString::to_string))
}

/// Formats the number of samples of a score, and of groups if it has any.
pub(crate) fn samples(score: &Score) -> String {
    let samples = count(score.samples as u64);
    match score.groups {
        Some(groups) => format!("{samples} of {} groups", count(groups as u64)),
        None => samples,
    }
}

/// Formats a number with commas between thousands.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a duration with at most two units: "3.1 s", "2 min 05 s", "1 h 07 min".
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted() {
        assert_eq!([0, 999, 1000, 1234567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [3.12, 59.4, 59.96, 125.0, 4041.0].map(seconds),
            ["3.1 s", "59.4 s", "1 min 00 s", "2 min 05 s", "1 h 07 min"]
        );
        assert_eq!(
            [0.012, -0.5, -0.00004, 10.0].map(difference),
            ["+0.0120", "−0.5000", "0.0000", "+10.0000"]
        );
    }

    #[test]
    fn changes_have_the_unit_of_their_metric() {
        let numbers = [0.0213, -0.019, -0.0004];
        assert_eq!(numbers.map(|of| change(of, Metric::Auroc)), ["+2.1", "−1.9", "0.0"]);
        assert_eq!(numbers.map(|of| change(of, Metric::LogLoss)), ["+0.021", "−0.019", "0.000"]);
        assert_eq!(numbers.map(|of| points(of, Metric::Auroc)), ["2.1 points", "−1.9 points", "0.0 points"]);
        assert_eq!(numbers.map(|of| points(of, Metric::LogLoss)), ["0.021", "−0.019", "0.000"]);
    }
}
