//! Reads the batches of CIFAR's Python form: pickles with a list of labels and a NumPy array.

use ff_pickle::{Pickle, Value};

/// The content of a batch.
pub struct Batch {
    pub labels: Vec<i64>,
    /// Rows and columns of the array.
    pub shape: [usize; 2],
    /// The bytes of the array, row by row.
    pub data: Vec<u8>,
}

/// Reads a batch whose labels are under `label_key`. The error says what was found.
pub fn read(bytes: &[u8], label_key: &str) -> Result<Batch, String> {
    let pickle = Pickle::parse(bytes, is_numpy).map_err(|error| error.to_string())?;
    let value = |key| pickle.root().get(key).ok_or_else(|| format!("no dictionary with `{key}`"));
    let labels = value(label_key)?.items().and_then(|items| items.map(|item| item.integer()).collect());
    let labels = labels.ok_or_else(|| format!("no list of integers under `{label_key}`"))?;
    let (shape, data) = matrix(value("data")?).ok_or("no NumPy array of bytes under `data`")?;
    Ok(Batch { labels, shape, data })
}

/// The functions that NumPy's arrays of bytes call in a pickle.
fn is_numpy(module: &str, name: &str) -> bool {
    matches!(
        (module, name),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct")
            | ("numpy", "dtype")
            | ("_codecs", "encode")
    )
}

/// Returns the shape and the bytes of a two-dimensional array whose size matches its shape.
fn matrix(value: Value<'_>) -> Option<([usize; 2], Vec<u8>)> {
    let [_version, shape, dtype, fortran, data] = value.object()?.state?.tuple()?;
    let [rows, columns] =
        shape.tuple()?.map(|size| size.integer().and_then(|size| usize::try_from(size).ok()));
    let (rows, columns) = (rows?, columns?);
    let dtype = dtype.object().filter(|object| object.is("numpy", "dtype"))?.arguments.items()?.next()?;
    let data = data.bytes()?;
    if !(dtype.is("u1") || dtype.is("|u1")) || rows.checked_mul(columns) != Some(data.len()) {
        return None;
    }
    // In Fortran's order columns are contiguous, not rows.
    let data = match fortran.boolean().or(fortran.integer().map(|flag| flag != 0))? {
        true => (0..data.len()).map(|i| data[i % columns * rows + i / columns]).collect(),
        false => data.into_owned(),
    };
    Some(([rows, columns], data))
}
