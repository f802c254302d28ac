//! Reads the first sheet of an `.xlsx` file.

use std::io::{Cursor, Read, copy, sink};

use calamine::{Data, Reader, Xlsx};
use zip::ZipArchive;

/// Maximum bytes of the unpacked file, and of the cells with blank ones. A sheet of 100,000 rows
/// and 10 columns has 40 MB.
const MAX_BYTES: u64 = 1 << 28;

/// Returns the cells of each row, with the row's number. The error says what was found.
pub(super) fn rows(file: &[u8]) -> Result<Vec<(u64, Vec<String>)>, String> {
    check(file)?;
    let mut book = Xlsx::new(Cursor::new(file)).map_err(|error| error.to_string())?;
    let names = book.sheet_names();
    let name = names.first().ok_or("a file without a sheet")?;
    let mut cells = book.worksheet_cells_reader(name).map_err(|error| error.to_string())?;
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    let mut bytes = 0;
    while let Some(cell) = cells.next_cell().map_err(|error| error.to_string())? {
        let (row, column) = cell.get_position();
        let number = u64::from(row) + 1;
        if rows.last().is_none_or(|(last, _)| *last < number) {
            rows.push((number, Vec::new()));
        }
        let (last, texts) = rows.last_mut().expect("one was pushed");
        let column = column as usize;
        if *last != number || column < texts.len() {
            return Err(format!("cells out of order in row {number}"));
        }
        let text = Data::from(cell.get_value().clone()).to_string();
        bytes += ((column - texts.len() + 1) * size_of::<String>() + text.len()) as u64;
        if bytes > MAX_BYTES {
            return Err(format!("a sheet of more than {MAX_BYTES} bytes"));
        }
        texts.resize(column, String::new());
        texts.push(text);
    }
    Ok(rows)
}

/// Refuses an archive that unpacks to too many bytes: calamine unpacks it into memory.
fn check(file: &[u8]) -> Result<(), String> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| error.to_string())?;
    let mut left = MAX_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| error.to_string())?;
        let bytes = copy(&mut entry.take(left + 1), &mut sink()).map_err(|error| error.to_string())?;
        left =
            left.checked_sub(bytes).ok_or(format!("a file that unpacks to more than {MAX_BYTES} bytes"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_and_changed_byte_is_read_or_refused() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/datasets/labels.xlsx");
        let whole = std::fs::read(golden).unwrap();
        assert_eq!(rows(&whole).unwrap().len(), 5);
        for length in (0..whole.len()).step_by(31) {
            rows(&whole[..length]).unwrap_err();
        }
        for place in (0..whole.len()).step_by(17) {
            let mut file = whole.clone();
            file[place] ^= 0xff;
            let _ = std::panic::catch_unwind(|| rows(&file).is_ok());
        }
    }
}
