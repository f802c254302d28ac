//! One tensor: borrowed from a file, or owned.

use safetensors::Dtype;

/// A tensor that lies in a [`StateDict`](crate::StateDict): little endian, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorRef<'a> {
    /// Type of an element.
    pub dtype: Dtype,
    /// Sizes; empty for a scalar.
    pub shape: &'a [usize],
    /// The elements.
    pub data: &'a [u8],
}

/// A tensor in memory: little endian, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedTensor {
    /// Type of an element.
    pub dtype: Dtype,
    /// Sizes; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Vec<u8>,
}

impl OwnedTensor {
    /// A tensor of 32-bit floats.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn f32(shape: impl Into<Vec<usize>>, values: &[f32]) -> Self {
        Self::new(Dtype::F32, shape.into(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// A tensor of 64-bit integers.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn i64(shape: impl Into<Vec<usize>>, values: &[i64]) -> Self {
        Self::new(Dtype::I64, shape.into(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// A tensor of floats of a type that weights come in, each value rounded to it.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape, or for another type
    /// ([`TensorRef::is_float`]).
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

/// Writes floats as elements of a type that weights come in, each value rounded to it once.
///
/// # Panics
/// If `data` has not the size of as many elements, or for another type ([`TensorRef::is_float`]).
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
        other => panic!("{other} is no type of weights"),
    }
}

/// True unless `data` has a NaN or an infinity, of a type that has them: an exponent of ones only.
pub(crate) fn all_finite(dtype: Dtype, data: &[u8]) -> bool {
    fn none<const N: usize>(data: &[u8], bad: impl Fn([u8; N]) -> bool) -> bool {
        // No early end: a loop without one is done on vectors.
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
    /// Number of elements: 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// True for the floating-point types that weights come in: F16, BF16, F32, F64.
    pub fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
    }

    /// The elements as 32-bit floats, rounded where the type is wider; `None` for other types than
    /// floats.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        Some(match self.dtype {
            Dtype::F32 => self.chunks().map(f32::from_le_bytes).collect(),
            Dtype::F64 => self.chunks().map(|b| f64::from_le_bytes(b) as f32).collect(),
            Dtype::F16 => self.chunks().map(|b| half::f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => self.chunks().map(|b| half::bf16::from_le_bytes(b).to_f32()).collect(),
            _ => return None,
        })
    }

    /// The elements as 64-bit floats, which hold those of every type of weights exactly; `None` for
    /// other types.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match self.dtype {
            Dtype::F64 => Some(self.chunks().map(f64::from_le_bytes).collect()),
            _ => Some(self.to_f32()?.into_iter().map(f64::from).collect()),
        }
    }

    /// The elements as 64-bit integers; `None` unless the type is I64 or I32.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        Some(match self.dtype {
            Dtype::I64 => self.chunks().map(i64::from_le_bytes).collect(),
            Dtype::I32 => self.chunks().map(|b| i32::from_le_bytes(b).into()).collect(),
            _ => return None,
        })
    }

    /// A copy in memory.
    pub fn to_owned(&self) -> OwnedTensor {
        OwnedTensor { dtype: self.dtype, shape: self.shape.to_vec(), data: self.data.to_vec() }
    }

    fn chunks<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> {
        // The length was checked against shape and type when the file was opened.
        self.data.chunks_exact(N).map(|bytes| bytes.try_into().expect("N bytes"))
    }
}
