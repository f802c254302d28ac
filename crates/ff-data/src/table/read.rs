//! Reads the cells of a table's file.

use std::borrow::Cow;
use std::io::Read;
use std::panic::UnwindSafe;
use std::path::Path;

use csv::{Position, StringRecord};

use super::{xls, xlsx};
use crate::error::Error;
use crate::stand_in::stand_in;

/// Maximum bytes of an unpacked table. MIMIC-CXR's largest has 56 MB, but a few kilobytes can
/// unpack to any number.
const MAX_UNPACKED: u64 = 1 << 30;

/// Names of the columns, and the rows with the lines on which they start.
type Cells = (Vec<String>, Vec<StringRecord>);

pub(super) fn read(path: &Path) -> Result<Cells, Error> {
    if path.is_dir() {
        let hint = "name the table's file, such as labels.csv in that folder";
        return Err(Error::dataset(path.display(), "a table", "a folder").hint(hint));
    }
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    if let Some((found, hint)) = stand_in(&bytes) {
        return Err(Error::dataset(path.display(), "a table", found).hint(hint));
    }
    // By content: a table may be called `.xls` and be text, or be unpacked and still called `.gz`.
    match &bytes[..] {
        [0xd0, 0xcf, 0x11, 0xe0, ..] => sheet(path, || xls::rows(&bytes)),
        [b'P', b'K', 3, 4, ..] => sheet(path, || xlsx::rows(&bytes)),
        [0x1f, 0x8b, ..] => text(path, &unpack(path, &bytes)?),
        _ => text(path, &bytes),
    }
}

fn unpack(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(MAX_UNPACKED + 1);
    reader.read_to_end(&mut unpacked).map_err(|error| {
        Error::damaged(path.display(), "a valid gzip file", format!("a damaged one: {error}"))
    })?;
    if unpacked.len() as u64 > MAX_UNPACKED {
        let expected = format!("a table of at most {MAX_UNPACKED} bytes");
        return Err(Error::dataset(path.display(), expected, "more when unpacked"));
    }
    Ok(unpacked)
}

fn text(path: &Path, bytes: &[u8]) -> Result<Cells, Error> {
    let text = decode(bytes);
    if text.contains('\0') {
        return Err(Error::dataset(path.display(), "a CSV in UTF-8, UTF-16 or Latin-1", "binary data"));
    }
    let (delimiter, start) = sep_line(&text).unwrap_or_else(|| (delimiter(&text), 0));
    let (text, mut line) = (&text[start..], if start > 0 { 2 } else { 1 });
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let explain =
        |error: csv::Error| Error::dataset(path.display(), "a CSV", format!("an invalid one: {error}"));
    let columns: Vec<String> =
        reader.headers().map_err(explain)?.iter().map(|name| unquoted(name).to_owned()).collect();
    let (mut records, mut counted) = (Vec::new(), 0);
    for cells in reader.records() {
        let cells = cells.map_err(explain)?;
        // The reader's position may be that of line breaks before the record.
        let after = cells.position().map_or(counted, |position| position.byte() as usize);
        let breaks = text[after..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        line += text[counted..after + breaks].bytes().filter(|&byte| byte == b'\n').count() as u64;
        counted = after + breaks;
        // A comma at the end of each row but not of the header adds an empty cell.
        if cells.len() < columns.len() || cells.iter().skip(columns.len()).any(|extra| !extra.is_empty()) {
            let (place, expected) = (format!("{} row {line}", path.display()), columns.len());
            let expected = format!("{expected} cells as in the header");
            return Err(Error::dataset(place, expected, cells.len().to_string()));
        }
        records.push(record(cells.iter().map(unquoted), line));
    }
    Ok((columns, records))
}

/// Decodes UTF-8, UTF-16 with a byte-order mark (Excel's "Unicode text"), or else Latin-1.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let utf_16 = |units: &[u8], unit: fn([u8; 2]) -> u16| -> String {
        let units = units.as_chunks().0.iter().map(|&bytes| unit(bytes));
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, units @ ..] => Cow::Owned(utf_16(units, u16::from_le_bytes)),
        [0xfe, 0xff, units @ ..] => Cow::Owned(utf_16(units, u16::from_be_bytes)),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => bytes.iter().copied().map(char::from).collect(),
            }
        }
    }
}

/// Returns the delimiter that a first line `sep=;` names for Excel, and where the next line starts.
fn sep_line(text: &str) -> Option<(u8, usize)> {
    let line = text.split_inclusive('\n').next()?;
    match line.trim_end_matches(['\r', '\n']).as_bytes() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] => Some((*delimiter, line.len())),
        _ => None,
    }
}

/// Returns the delimiter of the header's cells.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.is_empty()).unwrap_or("");
    let count = |delimiter: u8| header.bytes().filter(|&byte| byte == delimiter).count();
    // The last of equal counts, so a header of one column has commas.
    [b'|', b';', b'\t', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).expect("four")
}

/// Removes quotes around a cell. A quote after a blank (`a, "b"`) does not begin a quoted cell, so
/// that quotes are left in it.
fn unquoted(cell: &str) -> &str {
    cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).map_or(cell, str::trim)
}

fn record(cells: impl Iterator<Item = impl AsRef<str>>, line: u64) -> StringRecord {
    let mut record: StringRecord = cells.collect();
    record.set_position(Some(Position::new().set_line(line).clone()));
    record
}

/// Reads a sheet whose rows `read` returns with their numbers.
fn sheet(
    path: &Path,
    read: impl FnOnce() -> Result<Vec<(u64, Vec<String>)>, String> + UnwindSafe,
) -> Result<Cells, Error> {
    let damaged = |found: String| {
        let expected = "an Excel sheet (.xls or .xlsx)";
        Error::dataset(path.display(), expected, found).hint("save the table as CSV")
    };
    // The readers trust offsets inside the file and may panic on a damaged one.
    let rows = std::panic::catch_unwind(read).unwrap_or_else(|_| Err("a damaged file".into()));
    let mut rows = rows.map_err(damaged)?;
    let width = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    for (_, cells) in &mut rows {
        cells.resize(width, String::new());
        cells.iter_mut().for_each(|cell| *cell = cell.trim().to_owned());
    }
    rows.retain(|(_, cells)| !cells.iter().all(String::is_empty));
    let mut rows = rows.into_iter();
    let (_, columns) = rows.next().ok_or_else(|| damaged("an empty sheet".into()))?;
    Ok((columns, rows.map(|(line, cells)| record(cells.iter(), line)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a table's columns, and the line and cells of each row.
    fn read_bytes(bytes: &[u8]) -> (Vec<String>, Vec<(u64, Vec<String>)>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let (columns, records) = read(file.path()).unwrap();
        let cells = |record: &StringRecord| record.iter().map(str::to_owned).collect();
        let row = |record: &StringRecord| (record.position().unwrap().line(), cells(record));
        (columns, records.iter().map(row).collect())
    }

    #[test]
    fn a_table_is_read_in_every_form_that_spreadsheets_write() {
        let expected = read_bytes(b"path,label\na/1.png,x\n2.png,y z\n");
        assert_eq!(expected.1[1], (3, vec!["2.png".to_owned(), "y z".to_owned()]));
        let utf_16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let tabs = "\u{feff}path\tlabel\r\na/1.png\tx\r\n2.png\ty z\r\n";
        for (form, bytes) in [
            ("CRLF", b"path,label\r\na/1.png,x\r\n2.png,y z\r\n".to_vec()),
            ("byte-order mark", b"\xef\xbb\xbfpath;label\na/1.png;x\n2.png;y z".to_vec()),
            ("little endian", utf_16(tabs, u16::to_le_bytes)),
            ("big endian", utf_16(tabs, u16::to_be_bytes)),
            ("bars", b"path|label\na/1.png|x\n2.png|y z\n".to_vec()),
            ("blanks and quotes", b"\"path\" , \"label\"\na/1.png, \"x\"\n\"2.png\", \"y z\" \n".to_vec()),
        ] {
            assert_eq!(read_bytes(&bytes), expected, "{form}");
        }
        // The lines before a row count, also blank ones.
        let (columns, rows) = read_bytes(b"sep=;\r\npath;label\r\n\r\na/1.png;x\r\n2.png;y z\r\n");
        assert_eq!((columns, rows[0].0, rows[1].0), (expected.0, 4, 5));
        assert_eq!(rows[0].1, expected.1[0].1);
    }
}
