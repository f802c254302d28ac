//! Finds the stores of a PyTorch file: runs of elements that tensors are views of.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use ff_pickle::{Pickle, Value};
use safetensors::Dtype;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Refusal, parse};
use super::tensors::store_type;
use crate::form::LEGACY;

/// The stores of a file by their keys, and the other entries of a zip file by their names.
pub struct Stores(HashMap<String, Store>);

struct Store {
    range: Range<usize>,
    /// The checksum of its bytes, until they are compared with it.
    crc32: Option<u32>,
}

impl Stores {
    /// Returns the stores of a zip file and the bytes of its pickle.
    pub fn of_zip(bytes: &[u8]) -> Result<(&[u8], Self), Refusal> {
        let damaged = |error| Refusal::damaged(format!("a damaged or truncated zip archive: {error}"));
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        let names = archive.file_names().collect::<Result<Vec<_>, _>>().map_err(damaged)?;
        let is_pickle = |name: &&str| *name == "data.pkl" || name.ends_with("/data.pkl");
        let pickle = names.iter().map(|name| &**name).find(is_pickle);
        let pickle = pickle.ok_or("a zip archive that `torch.save` did not write")?;
        let folder = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
        let constants = format!("{folder}constants.pkl");
        if names.iter().any(|name| *name == constants) {
            return Err("a TorchScript program, of `torch.jit.save`".into());
        }
        let mut stores = HashMap::new();
        for index in 0..archive.len() {
            let file = archive.by_index_raw(index).map_err(damaged)?;
            let name = file.name().map_err(damaged)?.into_owned();
            if file.compression() != CompressionMethod::Stored || file.encrypted() {
                return Err(format!("a zip archive whose `{name}` is compressed or encrypted").into());
            }
            let end = file.data_start().and_then(|start| start.checked_add(file.size()));
            let (Some(start), Some(end)) = (file.data_start(), end.filter(|&end| end <= bytes.len() as u64))
            else {
                return Err(Refusal::damaged(format!("a zip archive whose `{name}` ends outside it")));
            };
            if let Some(name) = name.strip_prefix(&folder) {
                let store = Store { range: start as usize..end as usize, crc32: Some(file.crc32()) };
                stores.insert(name.strip_prefix("data/").unwrap_or(name).to_owned(), store);
            }
        }
        let mut stores = Self(stores);
        let pickle = stores.check(bytes, "data.pkl")?;
        // Files of PyTorch before 1.13 do not say; they are little endian.
        if stores.0.get("byteorder").is_some_and(|order| bytes[order.range.clone()] != *b"little") {
            return Err(BIG_ENDIAN.into());
        }
        Ok((&bytes[pickle], stores))
    }

    /// Returns the stores of a file of the old form, which come after its pickles, and the pickle of
    /// its content.
    pub fn of_legacy(bytes: &[u8]) -> Result<(Pickle<'_>, Self), Refusal> {
        let mut at = LEGACY.len();
        let mut next = || -> Result<Pickle<'_>, Refusal> {
            let pickle = parse(&bytes[at..])?;
            at += pickle.length();
            Ok(pickle)
        };
        let (version, system, content, keys) = (next()?, next()?, next()?, next()?);
        if version.root().integer() != Some(1001) {
            return Err("another version than 1001 of PyTorch's old form".into());
        }
        if system.root().get("little_endian").and_then(Value::boolean) != Some(true) {
            return Err(BIG_ENDIAN.into());
        }
        let types: HashMap<&str, Dtype> =
            content.values().filter_map(|value| store_type(value.persistent_id()?)).collect();
        let mut stores = HashMap::new();
        for key in keys.root().items().ok_or("no list of stores")? {
            let key = key.text().ok_or("a store without a name")?;
            let dtype = types.get(key).ok_or_else(|| format!("a store `{key}` of an unknown type"))?;
            let count = bytes.get(at..).and_then(|rest| rest.first_chunk());
            let count = count.and_then(|&count| usize::try_from(u64::from_le_bytes(count)).ok());
            let length = count.and_then(|count| count.checked_mul(dtype.bitsize() / 8));
            let start = at + 8;
            let end = length.and_then(|length| start.checked_add(length)).filter(|&end| end <= bytes.len());
            at = end.ok_or_else(|| Refusal::damaged(format!("the end of the file in store `{key}`")))?;
            stores.insert(key.to_owned(), Store { range: start..at, crc32: None });
        }
        Ok((content, Self(stores)))
    }

    /// Returns the place of a store, whose bytes are compared with their checksum once.
    pub fn check(&mut self, bytes: &[u8], key: &str) -> Result<Range<usize>, Refusal> {
        let Some(Store { range, crc32 }) = self.0.get_mut(key) else {
            return Err(Refusal::damaged(format!("a PyTorch file without its store `{key}`")));
        };
        match crc32.take() {
            Some(expected) if crc32fast::hash(&bytes[range.clone()]) != expected => {
                Err(Refusal::damaged(format!("damaged bytes in `{key}`, which differ from their checksum")))
            }
            _ => Ok(range.clone()),
        }
    }
}

const BIG_ENDIAN: &str = "elements of another byte order than little endian";
