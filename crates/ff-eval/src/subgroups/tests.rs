use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::note::Note;
use crate::paired::Shown;
use crate::predictions::{Targets, TaskKind};

/// Samples of class 0, of which the model predicts some correctly, with the values of a column.
fn right(hits: &[bool], values: &[&str]) -> (Predictions, Column) {
    let logits = hits.iter().flat_map(|&hit| if hit { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
    let predictions = Predictions::new(logits, 2, Targets::Classes(vec![0; hits.len()])).unwrap();
    (predictions, Column::new("site", &values.iter().map(Some).collect::<Vec<_>>()))
}

fn of(metric: Metric, predictions: &Predictions, column: &Column, resamples: usize) -> Subgroups {
    Subgroups::of(&[metric], predictions, column, resamples, 1).unwrap()
}

fn differences(found: &Subgroups) -> Vec<Option<f64>> {
    found.rows.iter().map(|row| row.scores[0].difference.map(|of| of.value)).collect()
}

/// Accuracies of 0.6 on 200 samples and of 0.8 on 300: the difference has a standard error of
/// √(0.24 / 200 + 0.16 / 300) = 0.0416.
#[test]
fn widths_match_the_normal_approximation() {
    let hits: Vec<bool> = (0..500).map(|at| if at < 200 { at % 5 < 3 } else { at % 5 < 4 }).collect();
    let values: Vec<&str> = (0..500).map(|at| if at < 200 { "a" } else { "b" }).collect();
    let (predictions, column) = right(&hits, &values);
    let found = of(Metric::Accuracy, &predictions, &column, 4000);
    assert_eq!((found.column.as_str(), found.comparisons, found.level), ("site", 1, 0.95));
    let [a, b] = [0, 1].map(|row| found.rows[row].scores[0].difference.unwrap());
    let (interval, error) = (a.interval.unwrap(), a.standard_error.unwrap());
    assert!((a.value + 0.2).abs() < 1e-12 && (error - 0.0416).abs() < 2e-3, "{a:?}");
    assert!((interval.low + 0.2816).abs() < 0.008 && (interval.high + 0.1184).abs() < 0.008, "{a:?}");
    assert_eq!((b.value, a.shown(), b.shown()), (-a.value, Shown::Lower, Shown::Higher));
    let (lowest, score) = found.lowest(Metric::Accuracy).unwrap();
    assert_eq!((lowest.value.as_str(), lowest.samples, score.difference), ("a", 200, Some(a)));
    assert_eq!(found.lowest(Metric::MacroF1), None);
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Subgroups>(&json).unwrap(), found);
}

/// The ends are the normal quantiles of 1 − 0.05/4 two-sided: 2.498 standard errors.
#[test]
fn intervals_allow_for_the_number_of_comparisons() {
    let hits: Vec<bool> = (0..800).map(|at| at % 5 < 4).collect();
    let values: Vec<&str> = (0..800).map(|at| ["a", "b", "c", "d"][at / 200]).collect();
    let (predictions, column) = right(&hits, &values);
    let found = of(Metric::Accuracy, &predictions, &column, 8000);
    assert_eq!((found.comparisons, found.level), (4, 0.9875));
    for row in &found.rows {
        let difference = row.scores[0].difference.unwrap();
        let (interval, error) = (difference.interval.unwrap(), difference.standard_error.unwrap());
        assert_eq!(interval.level, 0.9875);
        let width = (interval.high - interval.low) / error;
        assert!((width - 2.0 * 2.498).abs() < 0.25, "{width}");
        assert_eq!(row.scores[0].score.interval.unwrap().level, 0.95);
    }
}

/// Five equal subgroups: without the correction, one of five 95 % intervals excludes 0 in about a
/// fifth of the draws.
#[test]
fn differences_by_chance_are_rarely_shown() {
    let values: Vec<&str> = (0..300).map(|at| ["a", "b", "c", "d", "e"][at % 5]).collect();
    let (mut shown, mut alone) = (0, 0);
    for draw in 0..120 {
        let mut chance = ChaCha8Rng::seed_from_u64(draw);
        let hits: Vec<bool> = (0..300).map(|_| !chance.next_u64().is_multiple_of(4)).collect();
        let (predictions, column) = right(&hits, &values);
        let found = of(Metric::Accuracy, &predictions, &column, 400);
        let any = |excludes: fn(Difference) -> bool| {
            found.rows.iter().any(|row| row.scores[0].difference.is_some_and(excludes))
        };
        shown += u32::from(any(|of| of.shown() != Shown::Neither));
        alone += u32::from(any(|of| of.value.abs() > 1.96 * of.standard_error.unwrap()));
    }
    assert!(shown <= 12 && alone >= 12 && alone > shown, "{shown} and {alone} of 120");
}

#[test]
fn scores_are_those_of_the_samples_alone() {
    let hits: Vec<bool> = (0..60).map(|at| at % 3 > 0).collect();
    let values: Vec<&str> = (0..60).map(|at| ["a", "b", ""][at % 7 % 3]).collect();
    let (predictions, column) = right(&hits, &values);
    let predictions = predictions.with_groups((0..60).map(|at| at / 2).collect()).unwrap();
    let found = of(Metric::Accuracy, &predictions, &column, 120);
    assert_eq!(column.values(), ["a", "b", "unknown"]);
    for (value, row) in found.rows.iter().enumerate() {
        let members: Vec<usize> = (0..60).filter(|&at| column.of_sample()[at] == value).collect();
        let subset = predictions.subset(&members);
        assert_eq!((row.samples, row.groups), (members.len(), subset.group_count()));
        assert_eq!(row.scores[0].score, Score::new(Metric::Accuracy, &subset, 120, 1));
    }
}

/// Each patient has one sample at each site and is right at both or at neither, so the difference is
/// 0 on each resample of patients.
#[test]
fn patients_on_both_sides_stay_together() {
    let hits: Vec<bool> = (0..80).map(|at| at / 2 % 3 > 0).collect();
    let values: Vec<&str> = (0..80).map(|at| ["a", "b"][at % 2]).collect();
    let (predictions, column) = right(&hits, &values);
    let ends = |predictions: &Predictions| {
        let found = of(Metric::Accuracy, predictions, &column, 100);
        let interval = found.rows[0].scores[0].difference.unwrap().interval.unwrap();
        [interval.low, interval.high]
    };
    assert_ne!(ends(&predictions), [0.0, 0.0]);
    assert_eq!(ends(&predictions.with_groups((0..80).map(|at| at / 2).collect()).unwrap()), [0.0, 0.0]);
}

#[test]
fn few_samples_are_not_compared() {
    let not_compared = |why: &str| Note::NotCompared { why: why.into() };
    let values: Vec<&str> = (0..49)
        .map(|at| {
            if at < 20 {
                "a"
            } else if at < 40 {
                "b"
            } else {
                "c"
            }
        })
        .collect();
    let (predictions, column) = right(&[true; 49], &values);
    let found = of(Metric::Accuracy, &predictions, &column, 80);
    assert_eq!((differences(&found), found.comparisons), (vec![Some(0.0), Some(0.0), None], 2));
    assert_eq!(found.level, 0.975);
    let notes = &found.rows[2].scores[0].score.notes;
    assert_eq!(notes, &[not_compared("expected at least 10 samples on both sides, found 9 and 40")]);
    // Neither are the others of so few.
    let (predictions, column) = right(&[true; 29], &values[20..]);
    let found = of(Metric::Accuracy, &predictions, &column, 80);
    assert_eq!((differences(&found), found.comparisons, found.level), (vec![None, None], 0, 0.95));
    assert_eq!(found.lowest(Metric::Accuracy), None);
}

#[test]
fn few_groups_and_few_resamples_show_nothing() {
    let hits: Vec<bool> = (0..80).map(|at| at < 60).collect();
    let values: Vec<&str> = (0..80).map(|at| if at < 60 { "a" } else { "b" }).collect();
    let (predictions, column) = right(&hits, &values);
    let shown = |of: &Subgroups| of.rows[1].scores[0].difference.map(|of| of.shown());
    assert_eq!(shown(&of(Metric::Accuracy, &predictions, &column, 40)), Some(Shown::Lower));
    let few = of(Metric::Accuracy, &predictions, &column, 39);
    assert_eq!(shown(&few), None);
    let why = "expected at least 40 resamples, found 39".to_owned();
    assert_eq!(few.rows[1].scores[0].score.notes.last(), Some(&Note::NotCompared { why }));
    // All images at b are of one patient.
    let groups = (0..80).map(|at| if at < 60 { at } else { 60 }).collect();
    let grouped = of(Metric::Accuracy, &predictions.with_groups(groups).unwrap(), &column, 40);
    assert_eq!(shown(&grouped), None);
    let why = "expected at least 10 groups on both sides, found 1 and 60".to_owned();
    assert_eq!(grouped.rows[1].scores[0].score.notes.last(), Some(&Note::NotCompared { why }));
}

#[test]
fn means_over_other_classes_are_not_compared() {
    // Class 2 is only at site b.
    let classes: Vec<usize> = (0..60).map(|at| if at < 30 { at % 2 } else { at % 3 }).collect();
    let logits = classes.iter().flat_map(|&class| [0, 1, 2].map(|of| f32::from(u8::from(of == class))));
    let predictions = Predictions::new(logits.collect(), 3, Targets::Classes(classes.clone())).unwrap();
    let values: Vec<_> = (0..60).map(|at| Some(if at < 30 { "a" } else { "b" })).collect();
    let column = Column::new("site", &values);
    let note = Note::OtherOutputs { kind: TaskKind::Multiclass, outputs: vec![2] };
    for metric in Metric::ALL {
        let found = of(metric, &predictions, &column, 80);
        let is_mean = matches!(metric, Metric::MacroF1 | Metric::MacroRecall | Metric::Auroc);
        for row in &found.rows {
            assert_eq!(row.scores[0].difference.is_none(), is_mean, "{metric}");
            assert_eq!(row.scores[0].score.notes.contains(&note), is_mean, "{metric}");
        }
    }
}

#[test]
fn undefined_metrics_are_not_compared() {
    // Site b has no positive sample.
    let labels = (0..40).map(|at| if at < 20 { (at % 2) as f32 } else { 0.0 }).collect();
    let logits = (0..40).map(|at| at as f32).collect();
    let predictions = Predictions::new(logits, 1, Targets::Labels(labels)).unwrap();
    let values: Vec<_> = (0..40).map(|at| Some(if at < 20 { "a" } else { "b" })).collect();
    let found = of(Metric::Auroc, &predictions, &Column::new("site", &values), 80);
    assert_eq!(differences(&found), [None, None]);
    let why = "undefined on them: output 0: no positive sample".to_owned();
    assert_eq!(found.rows[0].scores[0].score.notes.last(), Some(&Note::NotCompared { why }));
    assert_eq!(found.rows[1].scores[0].score.notes, [], "its value says why");
}

#[test]
fn invalid_columns_say_why() {
    let error = |values: &[&str]| {
        let (predictions, _) = right(&[true; 30], &[]);
        let column = Column::new("site", &values.iter().map(Some).collect::<Vec<_>>());
        Subgroups::of(&[Metric::Accuracy], &predictions, &column, 0, 0).unwrap_err().to_string()
    };
    assert_eq!(error(&["a", "b"]), "column `site`: expected 30 values, one for each sample, found 2");
    let many: Vec<String> = (0..30).map(|at| format!("s{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        error(&many),
        "column `site`: expected at most 25 different values, found 30\nhint: merge rare values into one"
    );
}

proptest! {
    /// The differences of several metrics are those of each alone, and of the two sides by hand.
    #[test]
    fn differences_are_those_of_the_sides(
        samples in prop::collection::vec((0usize..3, prop::array::uniform3(-3i8..4), any::<bool>()), 24..60),
    ) {
        let logits = samples.iter().flat_map(|of| of.1.map(f32::from)).collect();
        let targets = Targets::Classes(samples.iter().map(|of| of.0).collect());
        let predictions = Predictions::new(logits, 3, targets).unwrap();
        let values: Vec<_> = samples.iter().map(|of| Some(if of.2 { "a" } else { "b" })).collect();
        let column = Column::new("site", &values);
        let found = Subgroups::of(&Metric::ALL, &predictions, &column, 10, 3).unwrap();
        let side = |a: bool| {
            predictions.subset(&(0..samples.len()).filter(|&at| samples[at].2 == a).collect::<Vec<_>>())
        };
        for (at, metric) in Metric::ALL.into_iter().enumerate() {
            let alone = Subgroups::of(&[metric], &predictions, &column, 10, 3).unwrap();
            for (row, alone) in found.rows.iter().zip(&alone.rows) {
                prop_assert_eq!(&row.scores[at], &alone.scores[0]);
                if let Some(difference) = row.scores[at].difference {
                    let is_a = row.value == "a";
                    let value = |a: bool| metric.evaluate(&side(a)).value().unwrap();
                    let expected = value(is_a) - value(!is_a);
                    prop_assert!((difference.value - expected).abs() < 1e-12, "{difference:?}, {expected}");
                }
            }
        }
    }
}
