//! Reads the first sheet of an `.xls` file.
//!
//! On a damaged file calamine can follow a cycle of sectors until memory is exhausted, or allocate
//! what a few bytes claim; neither is a panic that could be caught. So it is given a container made
//! from the stream of records, after the records are checked.

use std::io::{Cursor, Read, Result as IoResult, Write};

use calamine::{Reader, Xls};
use cfb::{CompoundFile, Version};

/// Maximum bytes of a file; a table of Messidor has a hundred rows.
const MAX_BYTES: usize = 1 << 20;
/// Maximum cells within the bounds of all sheets, with blank ones.
const MAX_CELLS: u64 = 1 << 20;
/// Maximum cells that a sheet may declare without having them: those of the largest sheet.
const MAX_DECLARED: u64 = 65_536 * 256;

// Kinds of records (MS-XLS, 2.3).
const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const MUL_RK: u16 = 0x00bd;
/// Formula, LabelSst, RString, Number, Label, BoolErr and RK, which begin with row and column.
const CELLS: [u16; 7] = [0x0006, 0x00fd, 0x00d6, 0x0203, 0x0204, 0x0205, 0x027e];

/// Returns the cells of each row, with the row's number. The error says what was found.
pub(super) fn rows(file: &[u8]) -> Result<Vec<(u64, Vec<String>)>, String> {
    if file.len() > MAX_BYTES {
        return Err(format!("a file of {} bytes, more than {MAX_BYTES}", file.len()));
    }
    let book = workbook(file).map_err(|error| error.to_string())?;
    check_sheets(&book).ok_or("a damaged file, or sheets of too many cells")?;
    let container = container(&book).map_err(|error| error.to_string())?;
    let mut book = Xls::new(Cursor::new(container)).map_err(|error| error.to_string())?;
    let sheet = book.worksheet_range_at(0).ok_or("a file without a sheet")?;
    let sheet = sheet.map_err(|error| error.to_string())?;
    let first = sheet.start().map_or(0, |(row, _)| row);
    let rows = sheet.rows().map(|cells| cells.iter().map(ToString::to_string).collect());
    Ok((u64::from(first) + 1..).zip(rows).collect())
}

/// Returns the stream of records. An error if the file has not all of it.
fn workbook(file: &[u8]) -> IoResult<Vec<u8>> {
    let mut container = CompoundFile::open(Cursor::new(file))?;
    let name = if container.is_stream("Workbook") { "Workbook" } else { "Book" };
    let mut book = Vec::new();
    container.open_stream(name)?.read_to_end(&mut book)?;
    Ok(book)
}

/// Returns a container of a stream of records.
fn container(book: &[u8]) -> IoResult<Vec<u8>> {
    let mut container = CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::new()))?;
    let mut stream = container.create_stream("Workbook")?;
    stream.write_all(book)?;
    stream.flush()?;
    drop(stream);
    container.flush()?;
    Ok(container.into_inner().into_inner())
}

/// Returns `None` if sheets overlap, are outside the book, or have too many cells.
fn check_sheets(book: &[u8]) -> Option<()> {
    let globals = records(book).take_while(|(kind, _)| *kind != EOF);
    let mut starts = Vec::new();
    for (_, data) in globals.filter(|(kind, _)| *kind == BOUND_SHEET) {
        starts.push(long(data, 0)? as usize);
    }
    let (mut walked, mut cells) = (0, 0);
    for start in starts {
        let (mut depth, mut rows, mut columns) = (0, 0, 0);
        for (kind, data) in records(book.get(start..)?) {
            walked += 4 + data.len();
            if walked > book.len() {
                return None;
            }
            match kind {
                BOF => depth += 1,
                EOF if depth <= 1 => break,
                EOF => depth -= 1,
                DIMENSIONS if declared(data)? > MAX_DECLARED => return None,
                MUL_RK => {
                    rows = rows.max(u64::from(word(data, 0)?) + 1);
                    columns = columns.max(u64::from(word(data, data.len().checked_sub(2)?)?) + 1);
                }
                kind if CELLS.contains(&kind) => {
                    rows = rows.max(u64::from(word(data, 0)?) + 1);
                    columns = columns.max(u64::from(word(data, 2)?) + 1);
                }
                _ => {}
            }
        }
        cells += rows * columns;
        if cells > MAX_CELLS {
            return None;
        }
    }
    Some(())
}

/// Returns the number of cells that a sheet declares; `None` if its bounds are reversed.
fn declared(data: &[u8]) -> Option<u64> {
    let (first_row, last_row, columns) = match data.len() {
        10 => (word(data, 0)?.into(), word(data, 2)?.into(), word(data, 6)?),
        _ => (long(data, 0)?, long(data, 4)?, word(data, 10)?),
    };
    // Rows of an empty sheet are 0 to 0.
    let rows = if last_row == 0 { 1 } else { last_row.checked_sub(first_row)? };
    Some(u64::from(rows) * u64::from(columns))
}

/// Returns kind and data of each complete record.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, length) = (word(bytes, 0)?, usize::from(word(bytes, 2)?));
        let (data, rest) = bytes[4..].split_at_checked(length)?;
        bytes = rest;
        Some((kind, data))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/datasets/");
        std::fs::read(format!("{folder}Annotation_Base11.xls")).unwrap()
    }

    #[test]
    fn a_cycle_of_sectors_is_refused() {
        let mut file = golden();
        // The first entry of the folder's chain points to itself.
        let (table, folder) = (long(&file, 76).unwrap() as usize, long(&file, 48).unwrap());
        let at = 512 + table * 512 + folder as usize * 4;
        file[at..at + 4].copy_from_slice(&folder.to_le_bytes());
        rows(&file).unwrap_err();
    }

    #[test]
    fn too_many_declared_cells_are_refused() {
        let book = workbook(&golden()).unwrap();
        check_sheets(&book).unwrap();
        let sheet = long(records(&book).find(|(kind, _)| *kind == BOUND_SHEET).unwrap().1, 0).unwrap();
        let with = |kind: u16, data: &[u8]| {
            let mut book = book.clone();
            book.truncate(sheet as usize);
            book.extend([kind, data.len() as u16].map(u16::to_le_bytes).as_flattened());
            book.extend(data);
            check_sheets(&book)
        };
        let dimensions = |rows: u32, columns: u16| {
            [&[0; 4], &rows.to_le_bytes()[..], &[0; 2], &columns.to_le_bytes(), &[0; 2]].concat()
        };
        assert_eq!(with(DIMENSIONS, &dimensions(65_536, 256)), Some(()));
        assert_eq!(with(DIMENSIONS, &dimensions(u32::MAX, 256)), None);
        assert_eq!(with(0x0203, &[9; 14]), None, "a cell in row 2313 and column 2313");
        assert_eq!(with(MUL_RK, &[255; 12]), None);
        assert_eq!(with(0x0203, &[9, 0, 9, 0, 0]), Some(()));
    }

    #[test]
    fn every_prefix_and_changed_byte_is_read_or_refused() {
        let whole = golden();
        assert_eq!(rows(&whole).unwrap().len(), 3);
        for length in (0..whole.len()).step_by(11) {
            // A truncated file is never read as a shorter one.
            let read = std::panic::catch_unwind(|| rows(&whole[..length]));
            assert!(!matches!(read, Ok(Ok(_))), "{length}");
        }
        for place in 0..whole.len() {
            let mut file = whole.clone();
            file[place] ^= 0x81;
            let _ = std::panic::catch_unwind(|| rows(&file).is_ok());
        }
    }
}
