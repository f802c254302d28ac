//! Reads NumPy array files, as far as datasets need them: integers, in C order.

use std::io::Read;

/// Maximum bytes of a header; NumPy writes 118 for plain arrays.
const MAX_HEADER: usize = 4096;
const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The header of an array file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// NumPy's name of the element type, such as `|u1` or `<i8`.
    pub descr: String,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Bytes before the data.
    pub bytes: usize,
}

impl Header {
    /// Reads the header, up to the data.
    ///
    /// # Errors
    /// What was found instead of an array in C order.
    pub fn read(reader: &mut impl Read) -> Result<Self, String> {
        let mut start = [0; 8];
        let short = |_| "a file that ends inside its header".to_owned();
        reader.read_exact(&mut start).map_err(short)?;
        if &start[..6] != MAGIC {
            return Err(format!("bytes that start with {:02x?}", &start[..6]));
        }
        let mut length = [0; 4];
        let size = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => return Err(format!("version {version} of the format")),
        };
        reader.read_exact(&mut length[..size]).map_err(short)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(format!("a header of {length} bytes"));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(short)?;
        let text = std::str::from_utf8(&text).map_err(|_| "a header that is not UTF-8".to_owned())?;
        let found = || format!("the header {}", text.trim());
        if value(text, "fortran_order").ok_or_else(found)?.starts_with("True") {
            return Err("an array in Fortran order".into());
        }
        let descr = value(text, "descr").ok_or_else(found)?;
        let quoted = descr.strip_prefix(['\'', '"']).and_then(|rest| rest.split(['\'', '"']).next());
        let shape = value(text, "shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
        let extents = shape.ok_or_else(found)?.split(',').map(str::trim).filter(|extent| !extent.is_empty());
        let shape = extents.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| found())?;
        let descr = quoted.ok_or_else(found)?.to_owned();
        Ok(Self { descr, shape, bytes: 8 + size + length })
    }

    /// Returns the number of elements; `None` if it overflows.
    pub fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
    }

    /// Returns the elements, if they are integers and `bytes` holds exactly these.
    pub fn integers(&self, bytes: &[u8]) -> Result<Vec<i64>, String> {
        fn each<const N: usize>(bytes: &[u8], read: fn([u8; N]) -> i64) -> Vec<i64> {
            bytes.chunks_exact(N).map(|chunk| read(chunk.try_into().expect("chunks of N bytes"))).collect()
        }
        let numbers = match self.descr.as_str() {
            "|u1" | "|b1" => each(bytes, |b: [u8; 1]| i64::from(b[0])),
            "|i1" => each(bytes, |b| i64::from(i8::from_le_bytes(b))),
            "<u2" => each(bytes, |b| i64::from(u16::from_le_bytes(b))),
            "<i2" => each(bytes, |b| i64::from(i16::from_le_bytes(b))),
            "<u4" => each(bytes, |b| i64::from(u32::from_le_bytes(b))),
            "<i4" => each(bytes, |b| i64::from(i32::from_le_bytes(b))),
            "<i8" | "<u8" => each(bytes, i64::from_le_bytes),
            other => return Err(format!("elements of the type {other}")),
        };
        match self.elements() == Some(numbers.len()) && bytes.len().is_multiple_of(numbers.len().max(1)) {
            true => Ok(numbers),
            false => Err(format!("{} bytes for the shape {:?} of {}", bytes.len(), self.shape, self.descr)),
        }
    }
}

/// Returns the text after a key of the header, which is a Python dictionary.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = ["'", "\""].iter().find_map(|quote| text.find(&format!("{quote}{key}{quote}")))?;
    Some(text[at + key.len() + 2..].trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes
    }

    #[test]
    fn a_header_as_numpy_writes_it() {
        let bytes = file("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }      \n");
        let header = Header::read(&mut bytes.as_slice()).unwrap();
        assert_eq!((header.descr.as_str(), header.shape.as_slice()), ("<i4", &[2, 3][..]));
        assert_eq!(header.bytes, bytes.len());
        let data: Vec<u8> = (-1..5i32).flat_map(i32::to_le_bytes).collect();
        assert_eq!(header.integers(&data).unwrap(), [-1, 0, 1, 2, 3, 4]);
        assert!(header.integers(&data[..20]).is_err() && header.integers(&[0; 25]).is_err());
        let one = file("{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }\n");
        assert_eq!(Header::read(&mut one.as_slice()).unwrap().shape, [7]);
    }

    #[test]
    fn anything_else_is_refused() {
        for header in [
            "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }",
            "{'descr': '<i4', 'fortran_order': False, 'shape': (2, -3), }",
            "{'descr': '<i4', 'fortran_order': False, 'shape': 3, }",
            "{'fortran_order': False, 'shape': (3,), }",
            "{}",
            "",
        ] {
            assert!(Header::read(&mut file(header).as_slice()).is_err(), "{header}");
        }
        let mut long = MAGIC.to_vec();
        long.extend([2, 0, 0xff, 0xff, 0xff, 0xff]);
        assert!(Header::read(&mut long.as_slice()).unwrap_err().contains("a header of 4294967295 bytes"));
        assert!(Header::read(&mut &b"PK\x03\x04...."[..]).is_err());
        let huge = file("{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9999999999), }");
        assert_eq!(Header::read(&mut huge.as_slice()).unwrap().elements(), None);
    }
}
