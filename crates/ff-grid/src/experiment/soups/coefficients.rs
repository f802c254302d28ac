//! The coefficients of learned soups: what the report says of them, and their picture.

use ff_report::report::Coefficients;
use ff_report::{Heatmap, Plot};
use ff_soup::{Average, Linear, Soup};

/// Returns the coefficients of a learned soup; `None` for other soups.
pub(super) fn coefficients(soup: &Soup) -> Option<Coefficients> {
    let (fit, Average::Merged(merged)) = (soup.fit.as_ref()?, &soup.average) else { return None };
    let linear: Linear = serde_json::from_value(merged.settings.clone()).ok()?;
    let best = fit.best.checked_sub(1).and_then(|at| fit.epochs.get(at)).map(|epoch| epoch.held_out);
    let uniform = fit.uniform_at_temperature.or(fit.uniform);
    Some(Coefficients {
        models: soup.average.shares().into_iter().map(|(name, _)| name.to_owned()).collect(),
        layers: linear.coefficients().iter().map(|of| of.layer.clone()).collect(),
        values: linear.coefficients().iter().map(|of| of.values.clone()).collect(),
        losses: uniform.map(|uniform| [uniform, best.unwrap_or(uniform)]),
        epochs: fit.epochs.len(),
    })
}

/// Draws coefficients as a matrix of layers and models.
pub(super) fn heatmap(title: &str, of: &Coefficients) -> Plot {
    let name = |layer: &String| if layer.is_empty() { "all layers".to_owned() } else { layer.clone() };
    Plot::Heatmap(Heatmap {
        title: title.to_owned(),
        value_label: "coefficient".to_owned(),
        columns: of.models.clone(),
        rows: of.layers.iter().map(name).collect(),
        values: of.values.iter().map(|layer| layer.iter().map(|&value| Some(value)).collect()).collect(),
    })
}
