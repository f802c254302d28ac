//! Checksums of 1 MiB blocks of tensor data.

use serde::{Deserialize, Serialize};

use crate::tensor::TensorRef;

/// Bytes in a block. Part of the file format.
const BLOCK: usize = 1 << 20;

/// The CRC32C of each 1 MiB block of the tensors' data, concatenated in order of name.
///
/// The last block may be shorter. The checksum detects every single flipped bit in a block and
/// every burst of errors of up to 32 bits; of other damage, it misses one case in 2³².
///
/// Serialized as 8 hexadecimal digits for each block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BlockSums(Vec<u32>);

/// A block whose checksum differs from the recorded one.
pub(crate) struct BadBlock {
    pub index: usize,
    pub expected: u32,
    pub found: u32,
}

/// Computes the checksums of data given in pieces of any length.
#[derive(Default)]
pub(crate) struct BlockSummer {
    sums: Vec<u32>,
    /// Bytes in the last block; 0 if it is full.
    filled: usize,
}

impl BlockSummer {
    pub fn add(&mut self, mut data: &[u8]) {
        while let Some((now, rest)) = data.split_at_checked(data.len().min(BLOCK - self.filled))
            && !now.is_empty()
        {
            if self.filled == 0 {
                self.sums.push(0);
            }
            if let Some(sum) = self.sums.last_mut() {
                *sum = crc32c::crc32c_append(*sum, now);
            }
            self.filled = (self.filled + now.len()) % BLOCK;
            data = rest;
        }
    }

    pub fn finish(self) -> BlockSums {
        BlockSums(self.sums)
    }
}

impl BlockSums {
    /// Finds the first block whose checksum differs; a missing checksum is reported as 0.
    pub fn first_difference(&self, now: &Self) -> Option<BadBlock> {
        let sum = |sums: &Self, index| sums.0.get(index).copied();
        let index = (0..self.0.len().max(now.0.len())).find(|&i| sum(self, i) != sum(now, i))?;
        let [expected, found] = [self, now].map(|sums| sum(sums, index).unwrap_or(0));
        Some(BadBlock { index, expected, found })
    }
}

/// Names the tensors that a block has bytes of, for an error.
pub(crate) fn tensors_in<'a>(
    block: usize,
    tensors: impl Iterator<Item = (&'a str, TensorRef<'a>)>,
) -> String {
    let (start, mut at) = (block * BLOCK, 0);
    let mut inside = tensors.filter_map(|(name, tensor)| {
        let from = at;
        at += tensor.data.len();
        (from < start + BLOCK && at > start && at > from).then_some(name)
    });
    match (inside.next(), inside.last()) {
        (Some(first), Some(last)) => format!("`{first}` to `{last}`"),
        (first, _) => format!("`{}`", first.unwrap_or_default()),
    }
}

impl From<BlockSums> for String {
    fn from(sums: BlockSums) -> Self {
        sums.0.iter().map(|sum| format!("{sum:08x}")).collect()
    }
}

impl TryFrom<String> for BlockSums {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (sums, rest) = text.as_bytes().as_chunks::<8>();
        let parse = |digits: &[u8; 8]| u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
        let sums: Option<Vec<u32>> = sums.iter().map(parse).collect();
        sums.filter(|_| rest.is_empty()).map(Self).ok_or("expected 8 hexadecimal digits for each block")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(data: &[u8], piece: usize) -> BlockSums {
        let mut summer = BlockSummer::default();
        data.chunks(piece).for_each(|piece| summer.add(piece));
        summer.finish()
    }

    #[test]
    fn checksums_do_not_depend_on_the_pieces() {
        let data: Vec<u8> = (0..2 * BLOCK + 7).map(|i| (i * i / 255) as u8).collect();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, data.len()] {
            let data = &data[..length];
            let expected = BlockSums(data.chunks(BLOCK).map(crc32c::crc32c).collect());
            for piece in [1000, BLOCK - 1, BLOCK, 3 * BLOCK] {
                assert_eq!(sums(data, piece), expected, "{length} bytes by {piece}");
            }
        }
    }

    #[test]
    fn matches_the_standard_check_value() {
        assert_eq!(String::from(sums(b"123456789", 9)), "e3069283");
    }

    #[test]
    fn text_round_trips() {
        let sums = BlockSums(vec![0, 1, u32::MAX]);
        let text = String::from(sums.clone());
        assert_eq!(text, "0000000000000001ffffffff");
        assert_eq!(BlockSums::try_from(text).unwrap(), sums);
        for bad in ["0", "0000000g", "00000000f", "000000µ"] {
            assert!(BlockSums::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
