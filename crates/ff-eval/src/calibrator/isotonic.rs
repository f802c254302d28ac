//! Isotonic regression: a rising function of the logit, linear between knots.

/// Fits the knots (logit, probability) of the rising function that is nearest to the truths by
/// least squares.
///
/// The method is the pool adjacent violators algorithm (Barlow et al. 1972, *Statistical Inference
/// under Order Restrictions*): neighbours whose frequencies fall become one block with their common
/// frequency. Samples with equal logits count as one. A block has a knot at its first and its last
/// logit, as the thresholds of scikit-learn's `IsotonicRegression`. Empty without samples.
pub(super) fn fit(samples: &[(f32, bool)]) -> Vec<(f64, f64)> {
    let mut ascending = samples.to_vec();
    ascending.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for tied in ascending.chunk_by(|a, b| a.0 == b.0) {
        let positives = tied.iter().filter(|of| of.1).count() as u64;
        let mut block = Block { first: tied[0].0, last: tied[0].0, positives, samples: tied.len() as u64 };
        while let Some(before) = blocks.pop_if(|before| !before.is_below(&block)) {
            block = Block {
                first: before.first,
                positives: before.positives + block.positives,
                samples: before.samples + block.samples,
                ..block
            };
        }
        blocks.push(block);
    }
    let mut knots = Vec::new();
    for block in blocks {
        let frequency = block.positives as f64 / block.samples as f64;
        knots.push((f64::from(block.first), frequency));
        if block.first != block.last {
            knots.push((f64::from(block.last), frequency));
        }
    }
    knots
}

/// The probability at a logit; outside the knots it is that of the nearest.
///
/// # Panics
/// Without knots.
pub(super) fn interpolate(knots: &[(f64, f64)], logit: f32) -> f64 {
    let logit = f64::from(logit);
    let above = knots.partition_point(|knot| knot.0 <= logit);
    match (above.checked_sub(1).map(|below| knots[below]), knots.get(above)) {
        (Some((x, y)), Some(&(next_x, next_y))) => {
            (y + (next_y - y) * ((logit - x) / (next_x - x))).min(next_y)
        }
        (Some((_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => panic!("an isotonic map has at least one knot"),
    }
}

/// Neighbouring samples with one probability: their frequency.
struct Block {
    first: f32,
    last: f32,
    positives: u64,
    samples: u64,
}

impl Block {
    /// Returns true if the frequency is below that of another block; exact, with integers.
    fn is_below(&self, other: &Block) -> bool {
        self.positives * other.samples < other.positives * self.samples
    }
}
