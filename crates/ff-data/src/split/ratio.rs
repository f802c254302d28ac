//! Random splits by ratio: stratified, and by group if configured.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::dataset::{Dataset, Sample, Split, Target};
use crate::error::Error;
use crate::random::stream;

const RULE: &str = "split rule `ratio`";

/// Returns the split of every sample.
pub fn assign(
    dataset: &dyn Dataset,
    shares: [f64; 3],
    seed: u64,
    grouped: bool,
) -> Result<Vec<Split>, Error> {
    let samples = dataset.samples();
    check(samples, shares, grouped)?;
    let sum: f64 = shares.iter().sum();
    let shares = shares.map(|share| share / sum);
    let mut assigned = vec![Split::Test; samples.len()];
    let free: Vec<usize> =
        (0..samples.len()).filter(|&index| samples[index].split != Some(Split::Test)).collect();
    if grouped {
        by_group(samples, &free, shares, seed, &mut assigned)?;
    } else {
        by_stratum(samples, &free, shares, seed, &mut assigned);
    }
    Ok(assigned)
}

fn check(samples: &[Sample], shares: [f64; 3], grouped: bool) -> Result<(), Error> {
    let [train, val, test] = shares;
    if !shares.iter().all(|share| (0.0..=1.0).contains(share)) || (train + val + test - 1.0).abs() > 1e-6 {
        let found = format!("train = {train}, val = {val}, test = {test}");
        return Err(Error::split(RULE, "three shares of 0 to 1 that sum to 1", found));
    }
    if test > 0.0 && samples.iter().any(|sample| sample.split == Some(Split::Test)) {
        let hint = "set `test = 0.0` to keep the dataset's test split and split the rest";
        let found = format!("test = {test} for a dataset with a test split of its own");
        return Err(Error::split(RULE, "test = 0", found).hint(hint));
    }
    if grouped && samples.iter().all(|sample| sample.group.is_none()) {
        let hint = "add a `group` column to the manifest, or set `grouped = false`";
        return Err(Error::split(RULE, "samples with groups", "none").hint(hint));
    }
    Ok(())
}

/// The stratum of a sample: its class, or its number of positive labels.
fn stratum(sample: &Sample) -> usize {
    match &sample.target {
        Target::Class(class) => *class,
        Target::Labels(labels) => labels.iter().filter(|label| **label == Some(true)).count(),
    }
}

fn by_stratum(samples: &[Sample], free: &[usize], shares: [f64; 3], seed: u64, assigned: &mut [Split]) {
    let mut strata: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &index in free {
        strata.entry(stratum(&samples[index])).or_default().push(index);
    }
    // The samples that rounding has cost each split so far, so that many small strata do not all
    // round the same way.
    let mut owed = [0.0; 3];
    for (stratum, mut members) in strata {
        members.shuffle(&mut stream(seed, "split", &[stratum as u64]));
        let counts = round(members.len(), shares, &mut owed);
        let mut rest = members.as_slice();
        for (split, count) in Split::ALL.into_iter().zip(counts) {
            let (taken, left) = rest.split_at(count);
            taken.iter().for_each(|&index| assigned[index] = split);
            rest = left;
        }
    }
}

/// Returns whole numbers that sum to `count`, each share rounded down or up. Left-over samples go
/// to the splits that are owed most, but first to train if it would have none.
fn round(count: usize, shares: [f64; 3], owed: &mut [f64; 3]) -> [usize; 3] {
    let quotas = shares.map(|share| share * count as f64);
    // 0.1 * 30 is a little more than 3, and 0.7 * 10 a little less than 7.
    let mut counts = quotas.map(|quota| (quota + 1e-9).floor() as usize);
    let left = count.saturating_sub(counts.iter().sum());
    let need = |slot: usize| quotas[slot] - counts[slot] as f64;
    let mut order: Vec<usize> = (0..3).filter(|&slot| need(slot) > 1e-9).collect();
    let urgency = |slot: usize| {
        let empty_train = slot == 0 && counts[0] == 0;
        (empty_train, need(slot) + owed[slot])
    };
    order.sort_by(|&a, &b| urgency(b).partial_cmp(&urgency(a)).expect("finite"));
    for slot in order.into_iter().take(left) {
        counts[slot] += 1;
    }
    counts[0] = count - counts[1] - counts[2];
    for slot in 0..3 {
        owed[slot] += quotas[slot] - counts[slot] as f64;
    }
    counts
}

/// Assigns whole groups, in random order, each to the split that its strata fill least.
fn by_group(
    samples: &[Sample],
    free: &[usize],
    shares: [f64; 3],
    seed: u64,
    assigned: &mut [Split],
) -> Result<(), Error> {
    // A sample without a group is a group of its own.
    let mut groups: BTreeMap<(Option<&str>, usize), Vec<usize>> = BTreeMap::new();
    for &index in free {
        let group = samples[index].group.as_deref();
        let key = (group, if group.is_none() { index } else { 0 });
        groups.entry(key).or_default().push(index);
    }
    if let Some(shared) = samples
        .iter()
        .filter(|sample| sample.split == Some(Split::Test))
        .find_map(|sample| sample.group.as_deref().filter(|&group| groups.contains_key(&(Some(group), 0))))
    {
        let found = format!("group `{shared}` both in the dataset's test split and outside it");
        let hint = "set `grouped = false`, or list the split in a CSV with `kind = \"csv\"`";
        return Err(Error::split(RULE, "groups inside or outside the test split", found).hint(hint));
    }
    let count = |indices: &[usize]| {
        let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
        for &index in indices {
            *counts.entry(stratum(&samples[index])).or_default() += 1.0;
        }
        counts
    };
    let totals = count(free);
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.shuffle(&mut stream(seed, "split groups", &[]));
    let mut filled: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for group in groups {
        let counts = count(&group);
        // How full the split's share of these strata would be with this group.
        let fullness = |slot: usize| -> f64 {
            let one = |(&stratum, &count): (&usize, &f64)| {
                let have = filled.get(&(slot, stratum)).copied().unwrap_or(0.0);
                count * (have + count) / (shares[slot] * totals[&stratum])
            };
            counts.iter().map(one).sum()
        };
        let open = (0..3).filter(|&slot| shares[slot] > 0.0);
        let slot = open.min_by(|&a, &b| fullness(a).total_cmp(&fullness(b))).expect("shares sum to 1");
        for (&stratum, &count) in &counts {
            *filled.entry((slot, stratum)).or_default() += count;
        }
        group.iter().for_each(|&index| assigned[index] = Split::ALL[slot]);
    }
    Ok(())
}
