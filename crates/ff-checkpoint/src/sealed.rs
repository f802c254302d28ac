//! JSON files with a digest of their content, which detects damage.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::atomic::write_json;
use crate::digest::Digest;
use crate::error::Error;

/// The field that holds the digest of all others.
const SEAL: &str = "digest";

/// Writes `value` as indented JSON with the digest of its content in a field `digest`.
///
/// The value must serialize to an object without a field of that name. The write is atomic
/// ([`write_atomic`](crate::write_atomic)).
///
/// # Errors
/// [`Error::Io`]; [`Error::Json`] for a value of another form.
pub fn write_sealed(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut fields = match serde_json::to_value(value).map_err(|error| Error::json(path, error))? {
        Value::Object(fields) if !fields.contains_key(SEAL) => fields,
        _ => return Err(Error::json(path, "expected an object without a field `digest`")),
    };
    let seal = digest(&fields);
    fields.insert(SEAL.to_owned(), seal.to_string().into());
    write_json(path, &fields)
}

/// Reads a file that [`write_sealed`] wrote and checks its digest.
///
/// White space and the order of fields may differ. A file without a digest, as older versions
/// wrote, is read without the check.
///
/// # Errors
/// [`Error::Io`]; [`Error::Json`] if it is not JSON or not a `T`; [`Error::Damaged`] if its content
/// does not have the digest.
pub fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read(path).map_err(Error::io(path, "read this file"))?;
    let mut fields: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|error| Error::json(path, error))?;
    if let Some(seal) = fields.remove(SEAL) {
        let expected: Digest = serde_json::from_value(seal).map_err(|error| Error::json(path, error))?;
        let found = digest(&fields);
        if expected != found {
            return Err(Error::Damaged { path: path.to_owned(), expected, found });
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| Error::json(path, error))
}

fn digest(fields: &Map<String, Value>) -> Digest {
    Digest::of_text(&serde_json::to_string(fields).expect("a JSON value has a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        name: String,
        score: f64,
        inner: Vec<(u32, Option<bool>)>,
    }

    fn note() -> Note {
        Note { name: "a \"b\" µ".into(), score: 0.1 + 0.2, inner: vec![(7, Some(true)), (8, None)] }
    }

    #[test]
    fn flipped_bits_and_truncations_are_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note.json");
        write_sealed(&path, &note()).unwrap();
        let sound = std::fs::read(&path).unwrap();
        assert_eq!(read_sealed::<Note>(&path).unwrap(), note());
        let mut seen = 0;
        for bit in 0..sound.len() * 8 {
            let mut flipped = sound.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            match read_sealed::<Note>(&path) {
                Ok(read) => assert_eq!(read, note(), "bit {bit}"),
                Err(error) => {
                    assert!(error.to_string().contains("note.json"), "{error}");
                    seen += 1;
                }
            }
        }
        assert!(seen > sound.len() * 4, "{seen} of {} bits", sound.len() * 8);
        // Without its last newline the file is still complete.
        for length in 0..sound.len() - 1 {
            std::fs::write(&path, &sound[..length]).unwrap();
            assert!(read_sealed::<Note>(&path).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn only_objects_can_be_sealed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_sealed(&folder.path().join("a.json"), &[1, 2]).is_err());
    }
}
