//! Comparisons of rows with the best single model, on the same samples.

use ff_eval::{Metric, bootstrap_difference, delong};
use ff_report::report::Comparison;

use super::model::Model;
use crate::config::DatasetEntry;
use crate::error::Error;
use crate::experiment::soups::config::SoupsConfig;
use crate::plan::Records;

/// Compares rows with the best single model on the test split and on
/// out-of-distribution datasets. Also returns why comparisons are missing.
pub(super) fn of<'a, 'm: 'a>(
    config: &SoupsConfig,
    dataset: &DatasetEntry,
    (others, single): (impl Iterator<Item = &'a Model<'m>>, &Model<'_>),
    records: Records<'_>,
) -> Result<(Vec<Comparison>, Vec<String>), Error> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for row in others {
        let test = Some((None, row.jobs.test.as_deref().zip(single.jobs.test.as_deref())));
        let ood = dataset.ood.iter().zip(row.jobs.ood.iter().zip(&single.jobs.ood)).map(
            |(other, (ours, theirs))| {
                let jobs = ours.as_ref().ok().zip(theirs.as_ref().ok());
                (
                    Some(other.name.clone()),
                    jobs.map(|(ours, theirs)| (ours.score.as_str(), theirs.score.as_str())),
                )
            },
        );
        for (ood, jobs) in test.into_iter().chain(ood) {
            let Some((ours, theirs)) = jobs else { continue };
            match compare(config, dataset, (ours, theirs), records) {
                Ok((difference, delong)) => found.push(Comparison {
                    method: row.method.name.clone(),
                    single: single.method.name.clone(),
                    ood,
                    difference,
                    same: row.soup.digest == single.soup.digest,
                    delong,
                }),
                Err(why) => {
                    let on = ood.as_deref().unwrap_or("test");
                    missing
                        .push(format!("{} against {} on {on}: {why}", row.method.name, single.method.name));
                }
            }
        }
    }
    Ok((found, missing))
}

type Compared = (Option<ff_eval::Difference>, Vec<ff_eval::OutputDifference>);

fn compare(
    config: &SoupsConfig,
    dataset: &DatasetEntry,
    (ours, theirs): (&str, &str),
    records: Records<'_>,
) -> Result<Compared, String> {
    let (ours, theirs) = (records.scored_predictions(ours)?, records.scored_predictions(theirs)?);
    let (resamples, seed) = (config.evaluation.resamples, config.evaluation.seed);
    let unpaired = |error: ff_eval::Error| error.to_string();
    let difference =
        bootstrap_difference(dataset.metric, &theirs, &ours, resamples, seed).map_err(unpaired)?;
    // DeLong's test is for areas under ROC curves only.
    let areas = match dataset.metric {
        Metric::Auroc => delong(&theirs, &ours).map_err(unpaired)?,
        _ => Vec::new(),
    };
    Ok((difference, areas))
}
