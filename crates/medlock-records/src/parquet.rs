//! Apache Parquet: a row group at a time, row by row through all columns, so that a row's patient is
//! known before its values. Written afresh: old statistics, indexes, bloom filters and metadata go
//! with the old values.

mod column;
mod source;

use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{ChunkReader, FileReader};
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::file::writer::SerializedFileWriter;
use bytes::Bytes;

use self::column::Column;
use self::source::Seekable;
use crate::error::{Place, RecordError};
use crate::stream::{Input, Output};
use crate::words::Meaning;
use crate::work::Work;
use crate::{Format, Options, Report, Rewrite};

/// A row group may be this many times [`Options::max_unit`]: writers make them large.
const ROW_GROUP: usize = 8;

/// Rewrites a Parquet file that can be read at any place, with a row group of it in memory; what
/// [`crate::rewrite`] has to read whole.
///
/// Dates and timestamps are rewritten in every column, numbers where the column's name says what they
/// are, text in every column. A value without a valid replacement becomes null.
///
/// # Errors
/// As [`crate::rewrite`]. Columns of types that cannot be inspected (raw bytes, encrypted ones) are
/// refused by name, and so is a value without a replacement in a column that must not be null.
pub fn rewrite_parquet<R: Read + Seek + Send + 'static, W: Write>(
    input: R,
    output: W,
    rewriter: &mut dyn Rewrite,
    options: &Options,
) -> Result<Report, RecordError> {
    let source = Seekable::new(input).map_err(RecordError::Read)?;
    let length = ::parquet::file::reader::Length::len(&source);
    let mut work = Work::new(rewriter, options);
    let mut output = Output::new(output);
    file(source, &mut output, &mut work)?;
    output.flush()?;
    work.report.bytes_in = length;
    work.report.bytes_out = output.written;
    Ok(work.report)
}

pub(crate) fn run<R: Read, W: Write>(
    input: &mut Input<R>,
    output: &mut Output<W>,
    work: &mut Work<'_>,
) -> Result<(), RecordError> {
    let limit = work.options.max_unit.saturating_mul(ROW_GROUP);
    let bytes = input.rest(limit, "a Parquet file that is not read from a file")?;
    file(Bytes::from(bytes), output, work)
}

fn invalid(what: &'static str) -> RecordError {
    RecordError::Invalid { format: Format::Parquet, what, at: Place::default() }
}

/// What the library says may repeat bytes of the file; which kind of mistake it is does not.
fn broken(error: ParquetError) -> RecordError {
    match error {
        ParquetError::NYI(_) => {
            RecordError::Refused { what: "a Parquet feature that is not read", at: Place::default() }
        }
        _ => invalid("damaged, encrypted or compressed in a way that is not read"),
    }
}

/// Damaged files make the library panic in places; that is their error, not ours.
fn guarded<T>(read: impl FnOnce() -> Result<T, RecordError>) -> Result<T, RecordError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(invalid("damaged")))
}

fn file<S: ChunkReader + 'static, W: Write>(
    source: S,
    output: &mut Output<W>,
    work: &mut Work<'_>,
) -> Result<(), RecordError> {
    let reader = guarded(|| SerializedFileReader::new(source).map_err(broken))?;
    let metadata = reader.metadata().clone();
    if metadata.file_metadata().key_value_metadata().is_some_and(|m| !m.is_empty()) {
        work.report.removed("metadata of the file", "file");
    }
    let written = Shared::default();
    let mut writer = guarded(|| writer(&metadata, written.clone()))?;
    for index in 0..reader.num_row_groups() {
        let mut columns = guarded(|| read(&reader, index, work))?;
        rows(&mut columns, metadata.row_group(index).num_rows() as usize, work)?;
        guarded(|| {
            let mut group = writer.next_row_group().map_err(broken)?;
            for column in columns {
                let mut out = group.next_column().map_err(broken)?.ok_or_else(|| invalid("damaged"))?;
                column.write(&mut out)?;
                out.close().map_err(broken)?;
            }
            group.close().map(|_| ()).map_err(broken)
        })?;
        output.put(&written.take())?;
    }
    guarded(|| writer.close().map_err(broken))?;
    output.put(&written.take())
}

type Writer = SerializedFileWriter<Shared>;

fn writer(metadata: &ParquetMetaData, sink: Shared) -> Result<Writer, RecordError> {
    let schema = metadata.file_metadata().schema_descr().root_schema_ptr();
    let mut properties =
        WriterProperties::builder().set_created_by("medlock".into()).set_compression(Compression::SNAPPY);
    // Each column as it was compressed, as far as this build can.
    if let Some(group) = metadata.row_groups().first() {
        for column in group.columns() {
            if matches!(column.compression(), Compression::UNCOMPRESSED | Compression::ZSTD(_) | Compression::GZIP(_)) {
                properties = properties.set_column_compression(column.column_path().clone(), column.compression());
            }
        }
    }
    SerializedFileWriter::new(sink, schema, Arc::new(properties.build())).map_err(broken)
}

fn read<S: ChunkReader + 'static>(
    reader: &SerializedFileReader<S>,
    index: usize,
    work: &Work<'_>,
) -> Result<Vec<Column>, RecordError> {
    let metadata = reader.metadata().row_group(index);
    let limit = work.options.max_unit.saturating_mul(ROW_GROUP);
    if metadata.num_rows() < 0 || metadata.num_rows() as u64 > limit as u64 {
        return Err(invalid("damaged"));
    }
    if metadata.total_byte_size() < 0 || metadata.total_byte_size() as u64 > limit as u64 {
        let at = Place::path(format!("row group {}", index + 1));
        return Err(RecordError::TooLarge { unit: "a Parquet row group", limit, at });
    }
    let group = reader.get_row_group(index).map_err(broken)?;
    (0..group.num_columns())
        .map(|at| {
            let descriptor = metadata.column(at).column_descr();
            let values = group.get_column_reader(at).map_err(broken)?;
            Column::read(descriptor, at, values, metadata.num_rows() as usize)
        })
        .collect()
}

/// Rewrites every row: what columns tell of people first, then the texts that may name them.
fn rows(columns: &mut [Column], rows: usize, work: &mut Work<'_>) -> Result<(), RecordError> {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| columns[*at].label.meaning == Meaning::Text);
    let patient = columns.iter().position(|c| c.label.patient);
    for _ in 0..rows {
        let key = patient.and_then(|at| columns[at].next());
        work.document(key.as_deref());
        for at in &order {
            columns[*at].row(work)?;
        }
    }
    Ok(())
}

/// A sink that the writer may own while we take what is in it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
