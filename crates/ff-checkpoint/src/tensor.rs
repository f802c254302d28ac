//! Single tensors, borrowed or owned, and conversions of their elements.

use safetensors::Dtype;

/// A tensor borrowed from a [`StateDict`](crate::StateDict): little endian, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorRef<'a> {
    /// The type of an element.
    pub dtype: Dtype,
    /// The size of each dimension; empty for a scalar.
    pub shape: &'a [usize],
    /// The bytes of the elements.
    pub data: &'a [u8],
}

/// A tensor that owns its elements: little endian, row-major.
///
/// ```
/// use ff_checkpoint::{Dtype, OwnedTensor};
///
/// let bias = OwnedTensor::f32([2], &[0.5, -0.5]);
/// assert_eq!(bias.data.len(), 8); // two elements of 4 bytes
///
/// let half = OwnedTensor::rounded(Dtype::F16, &[2, 1], &[0.5, -0.5]);
/// assert_eq!((half.shape, half.data.len()), (vec![2, 1], 4));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedTensor {
    /// The type of an element.
    pub dtype: Dtype,
    /// The size of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The bytes of the elements.
    pub data: Vec<u8>,
}

impl OwnedTensor {
    /// Creates a tensor of 32-bit floats.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn f32(shape: impl Into<Vec<usize>>, values: &[f32]) -> Self {
        Self::new(Dtype::F32, shape.into(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Creates a tensor of 64-bit integers.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn i64(shape: impl Into<Vec<usize>>, values: &[i64]) -> Self {
        Self::new(Dtype::I64, shape.into(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Creates a tensor of a floating-point type, with each value rounded to it.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape, or if the type is not a
    /// floating-point type of weights ([`TensorRef::is_float`]).
    pub fn rounded(dtype: Dtype, shape: &[usize], values: &[f64]) -> Self {
        let mut data = vec![0; values.len() * dtype.bitsize() / 8];
        write_rounded(dtype, values, &mut data);
        Self::new(dtype, shape.to_vec(), data)
    }

    fn new(dtype: Dtype, shape: Vec<usize>, data: Vec<u8>) -> Self {
        assert_eq!(shape.iter().product::<usize>() * dtype.bitsize() / 8, data.len(), "shape {shape:?}");
        Self { dtype, shape, data }
    }
}

/// Writes values as elements of a floating-point type, with each value rounded to it once.
///
/// # Panics
/// If `data` does not have the size of that many elements, or if the type is not a floating-point
/// type of weights ([`TensorRef::is_float`]).
pub fn write_rounded(dtype: Dtype, values: &[f64], data: &mut [u8]) {
    fn each<const N: usize>(values: &[f64], data: &mut [u8], bytes: impl Fn(f64) -> [u8; N]) {
        assert_eq!(data.len(), values.len() * N);
        for (element, &value) in data.as_chunks_mut().0.iter_mut().zip(values) {
            *element = bytes(value);
        }
    }
    match dtype {
        Dtype::F32 => each(values, data, |v| (v as f32).to_le_bytes()),
        Dtype::F64 => each(values, data, f64::to_le_bytes),
        Dtype::F16 => each(values, data, |v| half::f16::from_f64(v).to_le_bytes()),
        Dtype::BF16 => each(values, data, |v| half::bf16::from_f64(v).to_le_bytes()),
        other => panic!("expected F16, BF16, F32 or F64, found {other}"),
    }
}

/// Returns true unless `data` has a NaN or an infinity: an element whose exponent bits are all 1.
///
/// Types other than those of weights have neither.
pub(crate) fn all_finite(dtype: Dtype, data: &[u8]) -> bool {
    fn none<const N: usize>(data: &[u8], bad: impl Fn([u8; N]) -> bool) -> bool {
        // No early return, so that the compiler vectorizes the loop.
        !data.as_chunks().0.iter().fold(false, |any, element| any | bad(*element))
    }
    const F32: u32 = 0xff << 23;
    const F64: u64 = 0x7ff << 52;
    const F16: u16 = 0x1f << 10;
    const BF16: u16 = 0xff << 7;
    match dtype {
        Dtype::F32 => none(data, |b| u32::from_le_bytes(b) & F32 == F32),
        Dtype::F64 => none(data, |b| u64::from_le_bytes(b) & F64 == F64),
        Dtype::F16 => none(data, |b| u16::from_le_bytes(b) & F16 == F16),
        Dtype::BF16 => none(data, |b| u16::from_le_bytes(b) & BF16 == BF16),
        _ => true,
    }
}

impl TensorRef<'_> {
    /// The number of elements; 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns true for the floating-point types of weights: F16, BF16, F32, F64.
    pub fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
    }

    /// Converts the elements to 32-bit floats, rounded from F64; `None` unless
    /// [`is_float`](Self::is_float).
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        Some(match self.dtype {
            Dtype::F32 => self.chunks().map(f32::from_le_bytes).collect(),
            Dtype::F64 => self.chunks().map(|b| f64::from_le_bytes(b) as f32).collect(),
            Dtype::F16 => self.chunks().map(|b| half::f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => self.chunks().map(|b| half::bf16::from_le_bytes(b).to_f32()).collect(),
            _ => return None,
        })
    }

    /// Converts the elements to 64-bit floats, exactly; `None` unless [`is_float`](Self::is_float).
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match self.dtype {
            Dtype::F64 => Some(self.chunks().map(f64::from_le_bytes).collect()),
            _ => Some(self.to_f32()?.into_iter().map(f64::from).collect()),
        }
    }

    /// Converts the elements to 64-bit integers; `None` unless the type is I64 or I32.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        Some(match self.dtype {
            Dtype::I64 => self.chunks().map(i64::from_le_bytes).collect(),
            Dtype::I32 => self.chunks().map(|b| i32::from_le_bytes(b).into()).collect(),
            _ => return None,
        })
    }

    /// Copies the tensor.
    pub fn to_owned(&self) -> OwnedTensor {
        OwnedTensor { dtype: self.dtype, shape: self.shape.to_vec(), data: self.data.to_vec() }
    }

    fn chunks<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> {
        // The length was checked against shape and type when the file was opened.
        self.data.chunks_exact(N).map(|bytes| bytes.try_into().expect("N bytes"))
    }
}
