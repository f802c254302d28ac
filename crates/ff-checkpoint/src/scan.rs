//! One pass over tensors: checksums, a check for finite values and, where asked for, the digest.
//!
//! All of them read a run of bytes while it is in the cache.

use safetensors::Dtype;

use crate::blocks::{BlockSummer, BlockSums};
use crate::digest::{Digest, RUN};
use crate::tensor::{TensorRef, all_finite};

/// The result of a pass over tensors.
#[derive(Default)]
pub(crate) struct Scan {
    pub sums: BlockSums,
    /// The first tensor that holds a NaN or an infinity.
    pub not_finite: Option<String>,
}

impl Scan {
    /// Scans tensors given in order of name, at the speed of memory.
    pub fn of<'a>(tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> Self {
        let mut scanner = Scanner::default();
        for (name, tensor) in tensors {
            for run in tensor.data.chunks(RUN) {
                scanner.add(name, tensor.dtype, run);
            }
        }
        scanner.finish()
    }

    /// Scans tensors and computes their digest, which takes about twice as long.
    pub fn with_digest<'a>(tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> (Self, Digest) {
        let mut scanner = Scanner::default();
        let digest = Digest::watched(tensors, |name, dtype, run| scanner.add(name, dtype, run));
        (scanner.finish(), digest)
    }
}

#[derive(Default)]
struct Scanner<'a> {
    sums: BlockSummer,
    not_finite: Option<&'a str>,
}

impl<'a> Scanner<'a> {
    /// Adds the next run of whole elements.
    fn add(&mut self, name: &'a str, dtype: Dtype, run: &[u8]) {
        self.sums.add(run);
        if self.not_finite.is_none() && !all_finite(dtype, run) {
            self.not_finite = Some(name);
        }
    }

    fn finish(self) -> Scan {
        Scan { sums: self.sums.finish(), not_finite: self.not_finite.map(str::to_owned) }
    }
}
