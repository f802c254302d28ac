//! Reads the cells of a table's file.

use std::borrow::Cow;
use std::io::{Cursor, Read};
use std::path::Path;

use calamine::{Data, Reader, Xls};
use csv::{Position, StringRecord};

use super::xls;
use crate::error::Error;

/// Maximum bytes of an unpacked table. MIMIC-CXR's largest has 56 MB, but a few kilobytes can
/// unpack to any number.
const MAX_UNPACKED: u64 = 1 << 30;

/// Names of the columns, and the rows with the lines on which they start.
type Cells = (Vec<String>, Vec<StringRecord>);

pub(super) fn read(path: &Path) -> Result<Cells, Error> {
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    let ends = |end: &str| path.to_string_lossy().to_ascii_lowercase().ends_with(end);
    if ends(".xls") {
        return sheet(path, bytes);
    }
    if ends(".gz") {
        return text(path, &unpack(path, &bytes)?);
    }
    text(path, &bytes)
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
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(Error::dataset(path.display(), "a CSV in UTF-8 or Latin-1", "binary data"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&text))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let explain =
        |error: csv::Error| Error::dataset(path.display(), "a CSV", format!("an invalid one: {error}"));
    let columns: Vec<String> = reader.headers().map_err(explain)?.iter().map(str::to_owned).collect();
    let mut records = Vec::new();
    for cells in reader.records() {
        let cells = cells.map_err(explain)?;
        // A comma at the end of each row but not of the header adds an empty cell.
        if cells.len() < columns.len() || cells.iter().skip(columns.len()).any(|extra| !extra.is_empty()) {
            let number = cells.position().map_or(0, Position::line);
            let (place, expected) = (format!("{} row {number}", path.display()), columns.len());
            let expected = format!("{expected} cells as in the header");
            return Err(Error::dataset(place, expected, cells.len().to_string()));
        }
        records.push(cells);
    }
    Ok((columns, records))
}

/// Returns the delimiter of the header's cells.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or("");
    let count = |delimiter: u8| header.bytes().filter(|&byte| byte == delimiter).count();
    // The last of equal counts, so a header of one column has commas.
    [b';', b'\t', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).expect("three")
}

fn sheet(path: &Path, bytes: Vec<u8>) -> Result<Cells, Error> {
    let damaged = |found: String| {
        Error::dataset(path.display(), "an Excel sheet (.xls)", found).hint("save the table as CSV")
    };
    xls::check(&bytes).map_err(damaged)?;
    // The reader trusts offsets inside the file and may panic on a damaged one.
    let range = std::panic::catch_unwind(|| {
        let mut book = Xls::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
        match book.worksheet_range_at(0) {
            Some(range) => range.map_err(|error| error.to_string()),
            None => Err("a file without a sheet".to_owned()),
        }
    });
    let range = range.unwrap_or_else(|_| Err("a damaged file".into())).map_err(damaged)?;
    let first = range.start().map_or(0, |(row, _)| row);
    // Whole numbers have no decimal point, as in a CSV.
    let cell = |data: &Data| data.to_string().trim().to_owned();
    let mut rows = range.rows().zip(u64::from(first) + 1..).map(|(cells, line)| {
        let mut row: StringRecord = cells.iter().map(cell).collect();
        row.set_position(Some(Position::new().set_line(line).clone()));
        row
    });
    let header = rows.next().ok_or_else(|| damaged("an empty sheet".into()))?;
    let columns = header.iter().map(str::to_owned).collect();
    Ok((columns, rows.filter(|row| !row.iter().all(str::is_empty)).collect()))
}
