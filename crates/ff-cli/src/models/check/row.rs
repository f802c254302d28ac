//! The result of one comparison with the CPU.

use std::fmt;

use ff_models::{Architecture, Precision};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

/// A difference between what a device and the CPU computed, and its limit.
pub(super) struct Row {
    pub(super) arch: Architecture,
    /// Name of the check, such as `logits`.
    pub(super) check: String,
    /// The device's precision; `None` where models compute nothing.
    pub(super) precision: Option<Precision>,
    /// What was compared.
    pub(super) compared: String,
    pub(super) difference: f64,
    pub(super) limit: f64,
}

impl Row {
    /// Returns whether the difference is within its limit. NaN is over every limit.
    pub(super) fn is_ok(&self) -> bool {
        self.difference <= self.limit
    }

    /// Returns a line that reports the check while others follow.
    pub(super) fn progress(&self) -> String {
        let Self { arch, check, difference, limit, .. } = self;
        let precision = self.precision.map(|precision| format!(", {precision}")).unwrap_or_default();
        format!("{arch}: {check}{precision}: {difference:.1e}, limit {limit:.0e}: {}", self.verdict())
    }

    fn verdict(&self) -> &'static str {
        if self.is_ok() { "ok" } else { "FAILED" }
    }

    /// Returns the row as JSON. A difference that is not finite is null.
    pub(super) fn to_json(&self) -> Value {
        json!({"arch": self.arch, "check": self.check, "precision": self.precision,
            "difference": self.difference, "limit": self.limit, "ok": self.is_ok()})
    }
}

/// Writes one line, in columns.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arch, check, precision, compared, difference, limit } = self;
        let precision = precision.map_or("–".to_owned(), |precision| precision.to_string());
        let verdict = self.verdict();
        write!(
            f,
            "{arch:22} {check:16} {precision:9} {difference:>10.1e} {limit:>8.0e}  {verdict:6}  {compared}"
        )
    }
}

/// Returns the heading of rows.
pub(super) fn heading() -> String {
    format!(
        "{:22} {:16} {:9} {:>10} {:>8}  {:6}  {}",
        "architecture", "check", "precision", "difference", "limit", "", "compared"
    )
}

/// Returns the largest difference of two tensors, as a share of the largest magnitude in the
/// reference. It is NaN if one of them has a NaN, or if the reference is all zero.
pub(super) fn difference(reference: &Tensor, found: &Tensor) -> f64 {
    let on_host = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double);
    let (reference, found) = (on_host(reference), on_host(found));
    let largest = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
    largest(&(&found - &reference)) / largest(&reference)
}

/// Returns the largest of some differences; NaN if one of them is.
pub(super) fn worst(differences: impl IntoIterator<Item = f64>) -> f64 {
    differences
        .into_iter()
        .fold(0.0f64, |worst: f64, one| if worst.is_nan() || one <= worst { worst } else { one })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(difference: f64) -> Row {
        Row {
            arch: Architecture::RESNET18,
            check: "logits".into(),
            precision: Some(Precision::Bf16),
            compared: "logits of 8 images".into(),
            difference,
            limit: 0.05,
        }
    }

    #[test]
    fn a_difference_over_its_limit_is_not_ok() {
        for (difference, ok) in [(0.0, true), (0.05, true), (0.051, false), (f64::NAN, false)] {
            assert_eq!(row(difference).to_json()["ok"], ok, "{difference}");
            assert_eq!(row(difference).to_string().contains("FAILED"), !ok);
        }
        let expected = json!({"arch": "resnet18", "check": "logits", "precision": "bf16",
            "difference": 0.25, "limit": 0.05, "ok": false});
        assert_eq!(row(0.25).to_json(), expected);
        assert_eq!(row(f64::NAN).to_json()["difference"], Value::Null);
        assert_eq!(row(0.25).progress(), "resnet18: logits, bf16: 2.5e-1, limit 5e-2: FAILED");
    }

    #[test]
    fn differences_are_shares_of_the_largest_value() {
        let of = |values: &[f32]| difference(&Tensor::from_slice(&[1f32, -4.0]), &Tensor::from_slice(values));
        assert_eq!(of(&[1.0, -4.0]), 0.0);
        assert_eq!(of(&[2.0, -4.0]), 0.25);
        assert_eq!(of(&[1.0, 4.0]), 2.0);
        assert!(of(&[f32::NAN, -4.0]).is_nan());
        let zeros = Tensor::from_slice(&[0f32; 2]);
        assert!(difference(&zeros, &zeros).is_nan(), "zeros prove nothing");
    }

    #[test]
    fn the_worst_difference_is_a_nan_if_there_is_one() {
        assert_eq!(worst([0.1, 0.3, 0.2]), 0.3);
        assert_eq!(worst([]), 0.0);
        assert!(worst([0.1, f64::NAN, 0.2]).is_nan());
    }
}
