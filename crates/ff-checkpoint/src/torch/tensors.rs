//! Reads tensors from the calls that would rebuild them.

use std::ops::Range;

use ff_pickle::Value;
use safetensors::Dtype;

/// Maximum dimensions of a tensor. A few bytes can give the same shape to many tensors.
const MAX_DIMENSIONS: usize = 64;

/// The bytes of a tensor, row-major.
pub enum Elements {
    /// As the file has them, at this place.
    At(Range<usize>),
    /// Gathered from another order, such as channels-last.
    Gathered(Vec<u8>),
}

/// A tensor: a view of a store.
pub struct Strided {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Key of the store.
    pub store: String,
    /// Place of the first element in the store, in elements.
    offset: usize,
    /// Elements between neighbours in each dimension.
    strides: Vec<usize>,
}

/// Returns whether a value is a tensor or parameter, of whatever kind.
pub fn is_tensor(value: Value<'_>) -> bool {
    value.object().is_some_and(|object| match object.module {
        "torch._utils" => object.name.starts_with("_rebuild_"),
        module => module == "torch._tensor" && object.name == "_rebuild_from_type_v2",
    })
}

impl Strided {
    /// Reads a tensor or parameter. The error says what was found.
    pub fn of(value: Value<'_>) -> Result<Self, String> {
        Self::within(value, 3)
    }

    /// `depth`: how many more tensors may wrap this one.
    fn within(value: Value<'_>, depth: u8) -> Result<Self, String> {
        let malformed = || "a malformed tensor".to_owned();
        let object = value.object().ok_or_else(malformed)?;
        let arguments: Vec<Value<'_>> = object.arguments.items().ok_or_else(malformed)?.collect();
        match (object.name, &arguments[..]) {
            (_, _) if depth == 0 => Err(malformed()),
            ("_rebuild_parameter" | "_rebuild_parameter_with_state", [tensor, ..]) => {
                Self::within(*tensor, depth - 1)
            }
            ("_rebuild_tensor" | "_rebuild_tensor_v2", [store, offset, shape, strides, ..]) => {
                Self::view(*store, [*offset, *shape, *strides], None)
            }
            ("_rebuild_tensor_v3", [store, offset, shape, strides, _, _, dtype, ..]) => {
                Self::view(*store, [*offset, *shape, *strides], Some(*dtype))
            }
            // A subclass of Tensor: function, class, arguments, state.
            ("_rebuild_from_type_v2", [function, _, arguments, _]) => {
                match (function.global(), arguments.items().map(Vec::from_iter).as_deref()) {
                    (
                        Some(("torch._utils", "_rebuild_tensor_v2")),
                        Some([store, offset, shape, strides, ..]),
                    ) => Self::view(*store, [*offset, *shape, *strides], None),
                    _ => Err("a tensor of an unknown class".to_owned()),
                }
            }
            (name, _) => {
                let kind = name.trim_start_matches("_rebuild_").trim_end_matches("_tensor").replace('_', " ");
                Err(format!("a tensor of another kind than dense ({kind})"))
            }
        }
    }

    fn view(store: Value<'_>, place: [Value<'_>; 3], dtype: Option<Value<'_>>) -> Result<Self, String> {
        let id = store.persistent_id().ok_or("a tensor without a store")?;
        let (key, of_store) = store_type(id).ok_or("a store of an unknown type, or a view of one")?;
        let dtype = match dtype {
            None => of_store,
            Some(value) => {
                let name = value.global().map_or("", |(_, name)| name);
                dtype_named(name).ok_or_else(|| format!("elements of type `{name}`"))?
            }
        };
        let malformed = || "a malformed shape".to_owned();
        let size = |value: Value<'_>| usize::try_from(value.integer()?).ok();
        let sizes = |value: Value<'_>| -> Option<Vec<usize>> {
            value.items().filter(|items| items.len() <= MAX_DIMENSIONS)?.map(size).collect()
        };
        let [offset, shape, strides] = place;
        let shape = match shape.object() {
            // torch.Size((2, 3))
            Some(object) => object.arguments.tuple().and_then(|[sizes_of]| sizes(sizes_of)),
            None => sizes(shape),
        };
        let (shape, strides) = shape.zip(sizes(strides)).ok_or_else(malformed)?;
        if shape.len() != strides.len() {
            return Err(malformed());
        }
        let offset = size(offset).ok_or_else(malformed)?;
        Ok(Self { dtype, shape, store: key.to_owned(), offset, strides })
    }

    /// Returns the tensor's bytes; `store` is the place of its store in the file.
    pub fn elements(&self, bytes: &[u8], store: Range<usize>) -> Result<Elements, String> {
        let outside = || "elements outside its store".to_owned();
        let width = self.dtype.bitsize() / 8;
        let count = self.shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        let count = count.ok_or_else(outside)?;
        if count == 0 {
            return Ok(Elements::At(store.start..store.start));
        }
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (&size, &stride)| {
            last.checked_add((size - 1).checked_mul(stride)?)
        });
        let room = (store.end - store.start) / width;
        // A tensor that repeats elements would be larger than the file.
        if last.is_none_or(|last| last >= room) || count > room {
            return Err(outside());
        }
        if self.is_contiguous() {
            let start = store.start + self.offset * width;
            return Ok(Elements::At(start..start + count * width));
        }
        let mut gathered = Vec::with_capacity(count * width);
        let (mut index, mut at) = (vec![0; self.shape.len()], self.offset);
        for _ in 0..count {
            let start = store.start + at * width;
            gathered.extend_from_slice(&bytes[start..start + width]);
            for dimension in (0..index.len()).rev() {
                at += self.strides[dimension];
                index[dimension] += 1;
                if index[dimension] < self.shape[dimension] {
                    break;
                }
                at -= self.strides[dimension] * self.shape[dimension];
                index[dimension] = 0;
            }
        }
        Ok(Elements::Gathered(gathered))
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }
}

/// Returns key and type of a store from its id: `('storage', type, key, location, count)`.
pub fn store_type(id: Value<'_>) -> Option<(&str, Dtype)> {
    let mut parts = id.items()?;
    let (mark, class, key) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, class) = class.global()?;
    // Files of PyTorch 0.1 have views of stores, after location and count.
    let whole = parts.nth(2).is_none_or(|view| view.items().is_none());
    let dtype = match class.strip_suffix("Storage")? {
        "Untyped" => Dtype::U8,
        "Float" => Dtype::F32,
        "Double" => Dtype::F64,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::BOOL,
        "ComplexFloat" => Dtype::C64,
        _ => return None,
    };
    (mark.text() == Some("storage") && whole).then_some((key.text()?, dtype))
}

fn dtype_named(name: &str) -> Option<Dtype> {
    Some(match name {
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "int64" => Dtype::I64,
        "int32" => Dtype::I32,
        "int16" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "bool" => Dtype::BOOL,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        _ => return None,
    })
}
