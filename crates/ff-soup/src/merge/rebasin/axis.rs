//! Axes of tensors whose places are units of a layer.

/// An axis of a tensor, of which each place belongs to one unit. After a flattened feature map, a
/// unit has several places that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub tensor: String,
    /// The product of the sizes before the axis.
    pub outer: usize,
    pub units: usize,
    /// The elements of a unit that follow each other.
    pub inner: usize,
}

impl Axis {
    /// Reorders the bytes of a tensor whose elements have `size` of them: unit `u` becomes what unit
    /// `order[u]` was.
    pub fn permute(&self, size: usize, data: &mut [u8], order: &[usize]) {
        if data.is_empty() {
            return;
        }
        let unit = self.inner * size;
        for data in data.chunks_exact_mut(self.units * unit) {
            let before = data.to_vec();
            for (room, from) in data.chunks_exact_mut(unit).zip(order) {
                room.copy_from_slice(&before[from * unit..][..unit]);
            }
        }
    }
}
