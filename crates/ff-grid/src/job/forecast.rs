//! The forecast of which models of a pool average, and the filter of a pool that uses it.

use serde::{Deserialize, Serialize};

/// The largest barrier of a model that is worth trying, in the metric's unit: one point.
const WORTH_BARRIER: f64 = 0.01;

/// The largest relative distance of a model that is worth trying, where barriers were not evaluated.
const WORTH_DISTANCE: f64 = 1.5;

/// The cosine between the weights of two models below which they do not share a start.
const SAME_START: f64 = 0.5;

/// Where the models of a pool are relative to its best one, and whether they average with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastRecord {
    /// The model with the highest validation score; of equal scores, the first.
    pub best: String,
    /// The models, in the order of the pool.
    pub models: Vec<Forecasted>,
    /// Diverged runs that were left out, by label.
    pub left_out: Vec<String>,
    /// True if the start of the models is unknown: distances and angles are then those of the weights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_start: bool,
}

/// What is known of a model before it is tried in a soup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecasted {
    /// Its name.
    pub model: String,
    /// Its validation score from training; `None` if it is undefined.
    pub score: Option<f64>,
    /// ‖θ − θ₀‖: the L2 distance of trained weights from their start, the probe; ‖θ‖ if that is
    /// unknown.
    pub from_start: f64,
    /// The cosine between its weights and those of the best model, −1 to 1, over kernels and matrices.
    /// Absent in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// The angle between what training changed in it and in the best model, in degrees from 0 to
    /// 180. `None` if one of the two did not change.
    pub angle: Option<f64>,
    /// The distance from the best model, divided by the best model's from the probe. `None` if the
    /// best model did not change.
    pub distance: Option<f64>,
    /// The validation error halfway to the best model less the mean of both models' errors; may be
    /// negative. `None` if it was not evaluated, an output is not finite, or a score is undefined.
    pub barrier: Option<f64>,
}

impl ForecastRecord {
    /// Returns true if one of its models is worth trying in a soup with the best model.
    ///
    /// This is a rule of thumb, not from a paper: a barrier of at most 0.01 in the metric's unit, or,
    /// where barriers were not evaluated, a distance of at most 1.5 times the best model's from the
    /// probe. A report counts how many of the models of either kind greedy and pruned soups took.
    ///
    /// A model of [another start](Self::other_starts) is never worth trying.
    pub fn is_worth_trying(&self, of: &Forecasted) -> bool {
        if of.has_other_start() {
            return false;
        }
        // Where barriers were evaluated, the best model has one. A model without one has outputs that
        // are not finite halfway, or no score, however near it is.
        match self.models.iter().any(|of| of.barrier.is_some()) {
            true => of.barrier.is_some_and(|barrier| barrier <= WORTH_BARRIER),
            false => of.distance.is_none_or(|distance| distance <= WORTH_DISTANCE),
        }
    }

    /// Returns the models that were not fine-tuned from the start of the best one.
    ///
    /// Fine-tuned models stay near their start, so the weights of two from one start have a cosine
    /// near 1; those of two initialisations have one near 0. The limit is 0.5.
    pub fn other_starts(&self) -> impl Iterator<Item = &Forecasted> {
        self.models.iter().filter(|of| of.model != self.best && of.has_other_start())
    }
}

impl Forecasted {
    fn has_other_start(&self) -> bool {
        self.cosine.is_some_and(|cosine| cosine < SAME_START)
    }
}

/// Limits beyond which models are left out of a pool. The best model always stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolFilter {
    /// The largest distance from the best model, in distances of the best model from the probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_distance: Option<f64>,
    /// The largest barrier to the best model, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_barrier: Option<f64>,
}

impl PoolFilter {
    /// Returns the names of the models that it leaves out, each with the reason.
    pub fn left_out<'a>(&self, forecast: &'a ForecastRecord) -> Vec<(&'a str, String)> {
        let others = forecast.models.iter().filter(|of| of.model != forecast.best);
        others.filter_map(|of| Some((of.model.as_str(), self.reason(of)?))).collect()
    }

    /// Returns why a model is left out; `None` if it stays.
    fn reason(&self, of: &Forecasted) -> Option<String> {
        let above = |what: &str, found: Option<f64>, most: Option<f64>| {
            let (found, most) = (found?, most?);
            (found > most).then(|| format!("{what} {found:.3} above {most}"))
        };
        // An output halfway that is not finite is no model to average with.
        let unknown = (self.max_barrier.is_some() && of.barrier.is_none())
            .then(|| "no barrier, since an output halfway is not finite or a score is undefined".to_owned());
        above("distance", of.distance, self.max_distance)
            .or_else(|| above("barrier", of.barrier, self.max_barrier))
            .or(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str, distance: Option<f64>, barrier: Option<f64>) -> Forecasted {
        Forecasted {
            model: model.to_owned(),
            score: Some(0.5),
            from_start: 2.0,
            cosine: None,
            angle: Some(30.0),
            distance,
            barrier,
        }
    }

    fn forecast() -> ForecastRecord {
        let models = vec![
            of("far", Some(3.41), Some(-0.02)),
            of("best", Some(0.0), Some(0.0)),
            of("near", Some(0.5), Some(0.2131)),
            of("infinite", Some(1.0), None),
            of("level", Some(1.5), Some(0.01)),
        ];
        ForecastRecord { best: "best".into(), models, left_out: vec!["lr 9".into()], no_start: false }
    }

    #[test]
    fn a_filter_leaves_out_what_is_above_its_limits() {
        let left_out = |max_distance, max_barrier| {
            let forecast = forecast();
            let found = PoolFilter { max_distance, max_barrier }.left_out(&forecast);
            found.into_iter().map(|(model, why)| format!("{model}: {why}")).collect::<Vec<_>>()
        };
        assert_eq!(left_out(None, None), Vec::<String>::new());
        assert_eq!(left_out(Some(1.5), None), ["far: distance 3.410 above 1.5"]);
        assert_eq!(left_out(Some(0.0), Some(-1.0)).len(), 4, "the best model stays");
        let barriers = left_out(None, Some(0.05));
        assert_eq!(barriers[0], "near: barrier 0.213 above 0.05");
        assert!(barriers[1].starts_with("infinite: no barrier") && barriers.len() == 2, "{barriers:?}");
        // The distances of a best model that did not change are unknown.
        let still = ForecastRecord { models: vec![of("a", None, None)], ..forecast() };
        assert!(PoolFilter { max_distance: Some(0.0), max_barrier: None }.left_out(&still).is_empty());
    }

    #[test]
    fn models_are_worth_trying_by_barrier_or_else_by_distance() {
        for (distance, barrier, worth) in [
            (Some(9.0), Some(0.01), true),
            (Some(0.1), Some(0.011), false),
            (Some(0.1), Some(-0.3), true),
            (Some(1.5), None, true),
            (Some(1.51), None, false),
            (None, None, true),
        ] {
            let best = of("best", Some(0.0), barrier.map(|_| 0.0));
            let forecast = ForecastRecord { models: vec![best, of("a", distance, barrier)], ..forecast() };
            let found = forecast.is_worth_trying(&forecast.models[1]);
            assert_eq!(found, worth, "distance {distance:?}, barrier {barrier:?}");
        }
    }

    #[test]
    fn a_near_model_without_a_barrier_among_others_is_not_worth_trying() {
        let forecast = forecast();
        let worth = forecast.models.iter().filter(|of| forecast.is_worth_trying(of));
        assert_eq!(worth.map(|of| of.model.as_str()).collect::<Vec<_>>(), ["far", "best", "level"]);
    }

    #[test]
    fn models_of_another_start_are_not_worth_trying() {
        let with = |model: &str, cosine| Forecasted { cosine, ..of(model, Some(0.1), None) };
        let models = vec![with("best", Some(1.0)), with("near", Some(0.98)), with("other", Some(0.01))];
        let forecast = ForecastRecord { models, ..forecast() };
        assert_eq!(forecast.other_starts().map(|of| of.model.as_str()).collect::<Vec<_>>(), ["other"]);
        let worth = forecast.models.iter().filter(|of| forecast.is_worth_trying(of));
        assert_eq!(worth.map(|of| of.model.as_str()).collect::<Vec<_>>(), ["best", "near"]);
    }

    #[test]
    fn records_read_back() {
        let text = serde_json::to_string(&forecast()).unwrap();
        assert_eq!(serde_json::from_str::<ForecastRecord>(&text).unwrap(), forecast());
        let filter = PoolFilter { max_distance: None, max_barrier: Some(0.05) };
        let text = serde_json::to_string(&filter).unwrap();
        assert_eq!(text, r#"{"max_barrier":0.05}"#);
        assert_eq!(serde_json::from_str::<PoolFilter>(&text).unwrap(), filter);
    }
}
