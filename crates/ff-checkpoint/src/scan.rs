//! One pass over tensors: checksums, finiteness and digest of each run while it is in the cache.

use safetensors::Dtype;

use crate::blocks::{BlockSummer, BlockSums};
use crate::digest::{Digest, RUN};
use crate::tensor::{TensorRef, all_finite};

/// What a pass over tensors finds.
#[derive(Default)]
pub(crate) struct Scan {
    pub sums: BlockSums,
    /// The first tensor that holds a NaN or an infinity.
    pub not_finite: Option<String>,
}

impl Scan {
    /// Of tensors given in order of name: at the speed of memory.
    pub fn of<'a>(tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> Self {
        let mut scanner = Scanner::default();
        for (name, tensor) in tensors {
            for run in tensor.data.chunks(RUN) {
                scanner.see(name, tensor.dtype, run);
            }
        }
        scanner.finish()
    }

    /// The same and the digest, which takes about twice as long.
    pub fn with_digest<'a>(tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>) -> (Self, Digest) {
        let mut scanner = Scanner::default();
        let digest = Digest::watched(tensors, |name, dtype, run| scanner.see(name, dtype, run));
        (scanner.finish(), digest)
    }
}

#[derive(Default)]
struct Scanner<'a> {
    sums: BlockSummer,
    not_finite: Option<&'a str>,
}

impl<'a> Scanner<'a> {
    /// Takes the next run of whole elements.
    fn see(&mut self, name: &'a str, dtype: Dtype, run: &[u8]) {
        self.sums.add(run);
        if self.not_finite.is_none() && !all_finite(dtype, run) {
            self.not_finite = Some(name);
        }
    }

    fn finish(self) -> Scan {
        Scan { sums: self.sums.finish(), not_finite: self.not_finite.map(str::to_owned) }
    }
}
