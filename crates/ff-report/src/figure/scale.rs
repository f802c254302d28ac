//! The range of an axis and its ticks.

/// The range of an axis, with ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    pub low: f64,
    pub high: f64,
    /// The positions and labels of the ticks.
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Creates a scale that contains finite numbers and a margin, with at most `count` intervals
    /// between ticks at round numbers.
    pub fn around(numbers: impl Iterator<Item = f64>, count: f64) -> Scale {
        let (least, most) =
            numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
        // A single number is in the middle of a range of a tenth of it.
        let spread = most - least;
        let space = if spread > 0.0 { spread * 0.06 } else { (least.abs() * 0.05).max(1e-3) };
        let (low, high) = (least - space, most + space);
        Scale { low, high, ticks: round_numbers(low, high, count) }
    }

    /// The position of a number on the axis, from 0 at the low end to 1 at the high end.
    pub fn share(&self, at: f64) -> f64 {
        (at - self.low) / (self.high - self.low)
    }

    /// The labels of the ticks.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.ticks.iter().map(|(_, name)| name)
    }

    /// Creates a scale from 0 to 1, with a small margin.
    pub fn unit() -> Scale {
        Scale { low: -0.02, high: 1.02, ticks: round_numbers(0.0, 1.0, 5.0) }
    }

    /// Creates a scale for the logarithms of positive numbers, with ticks at powers of ten.
    pub fn powers(logarithms: impl Iterator<Item = f64> + Clone) -> Scale {
        let Scale { low, high, .. } = Scale::around(logarithms, 8.0);
        let (low, high) = (low.min(high - 1.0), high);
        let (first, last) = (low.ceil() as i32, high.floor() as i32);
        let every = (last - first) / 4 + 1;
        let ticks = (first..=last).filter(|power| power.rem_euclid(every) == 0);
        Scale {
            low,
            high,
            ticks: ticks.map(|power| (f64::from(power), format!("1e{power}").replace('-', "−"))).collect(),
        }
    }
}

/// The multiples of 1, 2 or 5 times a power of ten between two numbers, with their texts.
///
/// There are at most `count` intervals between them. Texts have as many decimals as needed.
pub(super) fn round_numbers(low: f64, high: f64, count: f64) -> Vec<(f64, String)> {
    let least_step = (high - low) / count;
    let power = least_step.log10().floor();
    let unit = 10f64.powf(power);
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * unit).into_iter().find(|&step| step >= least_step);
    let step = step.unwrap_or(10.0 * unit);
    let decimals = (-(step * 1.0001).log10().floor()).max(0.0) as usize;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last)
        .map(|times| {
            let number = times as f64 * step;
            (number, format!("{number:.decimals$}").replace('-', "−"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        round_numbers(low, high, 8.0).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.78, 0.843), ["0.78", "0.79", "0.80", "0.81", "0.82", "0.83", "0.84"]);
        assert_eq!(labels(-0.4, 40.3), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(-0.02, 0.011), ["−0.020", "−0.015", "−0.010", "−0.005", "0.000", "0.005", "0.010"]);
    }

    #[test]
    fn a_single_number_has_a_range() {
        let scale = Scale::around([0.8].into_iter(), 6.0);
        assert!(scale.low < 0.8 && scale.high > 0.8 && scale.ticks.len() > 2, "{scale:?}");
        let zero = Scale::around([0.0].into_iter(), 6.0);
        assert!(zero.low < 0.0 && zero.high > 0.0, "{zero:?}");
    }
}
