//! One column of a row group: its values, and what becomes of each.

use medlock_domain::PhiClass;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type, Int96, Int96Type,
};
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::ColumnDescriptor;

use super::{broken, invalid};
use crate::error::{Place, RecordError};
use crate::json;
use crate::value::is_schema_name;
use crate::words::{Label, Meaning};
use crate::work::Work;

/// How the values of a column are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing that could identify: flags, times of day, measurements.
    Copy,
    Text,
    Json,
    /// Days since 1970.
    Date,
    /// So many units a second since 1970.
    Time(i64),
    /// Nanoseconds of a Julian day, as old writers have it.
    Int96,
    /// A number, whose column's name says what it is.
    Number,
    Uuid,
}

enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

pub(super) struct Column {
    pub(super) label: Label,
    path: String,
    kind: Kind,
    values: Values,
    /// Definition and repetition levels; empty where the schema needs none.
    def: Vec<i16>,
    rep: Vec<i16>,
    max_def: i16,
    nullable: bool,
    /// The next level and the next value that the walk through the rows comes to.
    level: usize,
    value: usize,
    /// Values that become null.
    gone: Vec<usize>,
}

/// Names that list and map types put between a column and its values.
const WRAPPERS: &[&str] = &["list", "element", "item", "array", "bag", "array_element", "key_value", "value"];

impl Column {
    pub(super) fn read(
        descriptor: &ColumnDescriptor,
        at: usize,
        reader: ColumnReader,
        rows: usize,
    ) -> Result<Self, RecordError> {
        let parts = descriptor.path().parts();
        if !parts.iter().all(|p| is_schema_name(p)) {
            let what = "a column whose name may be an identifier";
            return Err(RecordError::Refused { what, at: Place::path(format!("column {}", at + 1)) });
        }
        let path = descriptor.path().string();
        let mut label = Label::none();
        for (depth, part) in parts.iter().filter(|p| parts.len() == 1 || !WRAPPERS.contains(&p.as_str())).enumerate() {
            label = if depth == 0 { Label::new(part) } else { Label::within(part, &label, depth) };
        }
        let kind = kind(descriptor).ok_or_else(|| RecordError::Refused {
            what: "a column of a type that cannot be inspected",
            at: Place::path(path.clone()),
        })?;
        let (mut def, mut rep) = (Vec::new(), Vec::new());
        macro_rules! all {
            ($reader:ident, $variant:ident) => {{
                let (mut values, mut done) = (Vec::new(), 0);
                while done < rows {
                    let (n, ..) = $reader
                        .read_records(rows - done, Some(&mut def), Some(&mut rep), &mut values)
                        .map_err(broken)?;
                    if n == 0 {
                        return Err(invalid("damaged"));
                    }
                    done += n;
                }
                Values::$variant(values)
            }};
        }
        let values = match reader {
            ColumnReader::BoolColumnReader(mut r) => all!(r, Bool),
            ColumnReader::Int32ColumnReader(mut r) => all!(r, Int32),
            ColumnReader::Int64ColumnReader(mut r) => all!(r, Int64),
            ColumnReader::Int96ColumnReader(mut r) => all!(r, Int96),
            ColumnReader::FloatColumnReader(mut r) => all!(r, Float),
            ColumnReader::DoubleColumnReader(mut r) => all!(r, Double),
            ColumnReader::ByteArrayColumnReader(mut r) => all!(r, Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(mut r) => all!(r, Fixed),
        };
        let max_def = descriptor.max_def_level();
        let info = descriptor.self_type().get_basic_info();
        let nullable = info.has_repetition() && info.repetition() == Repetition::OPTIONAL;
        if max_def == 0 {
            def.clear();
        }
        if descriptor.max_rep_level() == 0 {
            rep.clear();
        }
        Ok(Self { label, path, kind, values, def, rep, max_def, nullable, level: 0, value: 0, gone: Vec::new() })
    }

    /// The value that the next row begins with, as text.
    pub(super) fn next(&self) -> Option<String> {
        let there = self.def.get(self.level).is_none_or(|d| *d == self.max_def);
        if !there {
            return None;
        }
        match &self.values {
            Values::Bytes(v) => v.get(self.value).and_then(|b| b.as_utf8().ok()).map(str::to_owned),
            Values::Int32(v) => v.get(self.value).map(i32::to_string),
            Values::Int64(v) => v.get(self.value).map(i64::to_string),
            Values::Fixed(v) => v.get(self.value).and_then(|b| <[u8; 16]>::try_from(b.data()).ok()).map(uuid),
            _ => None,
        }
    }

    /// Rewrites the values of the next row.
    pub(super) fn row(&mut self, work: &mut Work<'_>) -> Result<(), RecordError> {
        loop {
            if self.def.get(self.level).is_none_or(|d| *d == self.max_def) {
                if self.kind != Kind::Copy && !self.rewrite(work)? {
                    self.remove(work)?;
                }
                self.value += 1;
            }
            self.level += 1;
            // A repetition level of nought begins another row.
            if self.rep.get(self.level).is_none_or(|r| *r == 0) {
                return Ok(());
            }
        }
    }

    fn remove(&mut self, work: &mut Work<'_>) -> Result<(), RecordError> {
        if !self.nullable {
            let what = "a value without a valid replacement in a column that must have one";
            return Err(RecordError::Refused { what, at: Place::path(self.path.clone()) });
        }
        self.def[self.level] = self.max_def - 1;
        self.gone.push(self.value);
        work.report.removed("a value without a valid replacement", &self.path);
        Ok(())
    }

    /// Rewrites the value that the walk has come to; `false` when there is nothing valid to write.
    fn rewrite(&mut self, work: &mut Work<'_>) -> Result<bool, RecordError> {
        let at = self.value;
        let missing = || invalid("damaged");
        match &mut self.values {
            Values::Bytes(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let Ok(old) = value.as_utf8() else {
                    let what = "a column of bytes that are no text";
                    return Err(RecordError::Refused { what, at: Place::path(self.path.clone()) });
                };
                let new = if self.kind == Kind::Json {
                    work.inside += 1;
                    let new = json::one(old, work, false);
                    work.inside -= 1;
                    new?
                } else {
                    work.labelled(&self.label, old, &self.path)?
                };
                if new != old {
                    *value = new.into_bytes().into();
                }
                Ok(true)
            }
            Values::Fixed(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let old = <[u8; 16]>::try_from(value.data()).map_err(|_| missing())?;
                let new = work.link(&uuid(old), &self.path)?;
                let hex: Vec<u8> = new.bytes().filter(|b| *b != b'-').collect();
                let bytes = hex.chunks(2).map(|pair| {
                    std::str::from_utf8(pair).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0)
                });
                *value = bytes.collect::<Vec<u8>>().into();
                Ok(true)
            }
            Values::Int32(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let old = i64::from(*value);
                let new = match self.kind {
                    Kind::Date => day(old, &self.path, work)?,
                    _ => number(&old.to_string(), &self.label, &self.path, work)?.and_then(|n| n.parse().ok()),
                };
                let new = new.and_then(|n| i32::try_from(n).ok());
                new.map(|n| *value = n).map_or(Ok(false), |()| Ok(true))
            }
            Values::Int64(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let new = match self.kind {
                    Kind::Time(units) => moment(*value, units, &self.path, work)?,
                    _ => number(&value.to_string(), &self.label, &self.path, work)?.and_then(|n| n.parse().ok()),
                };
                new.map(|n| *value = n).map_or(Ok(false), |()| Ok(true))
            }
            Values::Int96(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let Some(nanos) = nanos(value) else { return Ok(false) };
                let Some(new) = moment(nanos, NANOS, &self.path, work)? else { return Ok(false) };
                let (days, rest) = (new.div_euclid(DAY * NANOS), new.rem_euclid(DAY * NANOS));
                value.set_data(rest as u32, (rest >> 32) as u32, (days + EPOCH) as u32);
                Ok(true)
            }
            Values::Float(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let new = number(&value.to_string(), &self.label, &self.path, work)?.and_then(|n| n.parse().ok());
                new.map(|n| *value = n).map_or(Ok(false), |()| Ok(true))
            }
            Values::Double(values) => {
                let value = values.get_mut(at).ok_or_else(missing)?;
                let new = number(&value.to_string(), &self.label, &self.path, work)?.and_then(|n| n.parse().ok());
                new.map(|n| *value = n).map_or(Ok(false), |()| Ok(true))
            }
            Values::Bool(_) => Ok(true),
        }
    }

    /// Writes the column.
    pub(super) fn write(self, out: &mut SerializedColumnWriter<'_>) -> Result<(), RecordError> {
        let def = Some(self.def.as_slice()).filter(|d| !d.is_empty());
        let rep = Some(self.rep.as_slice()).filter(|r| !r.is_empty());
        macro_rules! all {
            ($values:ident, $kind:ty) => {{
                let mut left = $values;
                let mut at = 0;
                let mut gone = self.gone.iter().copied().peekable();
                left.retain(|_| {
                    let keep = gone.peek() != Some(&at);
                    if !keep {
                        gone.next();
                    }
                    at += 1;
                    keep
                });
                out.typed::<$kind>().write_batch(&left, def, rep)
            }};
        }
        match self.values {
            Values::Bool(v) => all!(v, BoolType),
            Values::Int32(v) => all!(v, Int32Type),
            Values::Int64(v) => all!(v, Int64Type),
            Values::Int96(v) => all!(v, Int96Type),
            Values::Float(v) => all!(v, FloatType),
            Values::Double(v) => all!(v, DoubleType),
            Values::Bytes(v) => all!(v, ByteArrayType),
            Values::Fixed(v) => all!(v, FixedLenByteArrayType),
        }
        .map(|_| ())
        .map_err(broken)
    }
}

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// The Julian day of 1970-01-01.
const EPOCH: i64 = 2_440_588;

/// What a column's type says; `None` for one that cannot be inspected.
fn kind(column: &ColumnDescriptor) -> Option<Kind> {
    let logical = column.logical_type_ref();
    let converted = column.converted_type();
    Some(match column.physical_type() {
        Physical::BOOLEAN => Kind::Copy,
        Physical::FLOAT | Physical::DOUBLE => Kind::Number,
        Physical::INT96 => Kind::Int96,
        Physical::INT32 if logical == Some(&LogicalType::Date) || converted == ConvertedType::DATE => Kind::Date,
        Physical::INT64 => match (logical, converted) {
            (Some(LogicalType::Timestamp(t)), _) => Kind::Time(match t.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => NANOS,
            }),
            (None, ConvertedType::TIMESTAMP_MILLIS) => Kind::Time(1_000),
            (None, ConvertedType::TIMESTAMP_MICROS) => Kind::Time(1_000_000),
            (Some(LogicalType::Time(_) | LogicalType::Decimal(_)), _) => Kind::Copy,
            (None, ConvertedType::TIME_MICROS | ConvertedType::DECIMAL) => Kind::Copy,
            _ => Kind::Number,
        },
        Physical::INT32 => match (logical, converted) {
            (Some(LogicalType::Time(_) | LogicalType::Decimal(_)), _) => Kind::Copy,
            (None, ConvertedType::TIME_MILLIS | ConvertedType::DECIMAL) => Kind::Copy,
            _ => Kind::Number,
        },
        Physical::BYTE_ARRAY => match (logical, converted) {
            (Some(LogicalType::String | LogicalType::Enum), _) => Kind::Text,
            (Some(LogicalType::Json), _) | (None, ConvertedType::JSON) => Kind::Json,
            (Some(LogicalType::Decimal(_)), _) | (None, ConvertedType::DECIMAL) => Kind::Copy,
            // Old writers say nothing about text; what is none is refused when it is read.
            (None, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::NONE) => Kind::Text,
            _ => return None,
        },
        Physical::FIXED_LEN_BYTE_ARRAY => match (logical, converted) {
            (Some(LogicalType::Uuid), _) => Kind::Uuid,
            (Some(LogicalType::Decimal(_) | LogicalType::Float16), _) | (None, ConvertedType::DECIMAL) => Kind::Copy,
            (None, ConvertedType::INTERVAL) => Kind::Copy,
            _ => return None,
        },
    })
}

/// A number by its column's name: most are measurements, and stay.
fn number(old: &str, label: &Label, path: &str, work: &mut Work<'_>) -> Result<Option<String>, RecordError> {
    let digits = old.bytes().filter(u8::is_ascii_digit).count();
    let new = match label.meaning {
        Meaning::Class(PhiClass::Date) if digits <= 4 => old.to_owned(),
        Meaning::Class(class) => work.field(class, old, path)?,
        Meaning::Person => work.field(PhiClass::Id, old, path)?,
        _ if old.contains('.') || digits < 7 => old.to_owned(),
        _ => work.text(&label.words, old, path)?,
    };
    Ok(Some(new).filter(|n| n.parse::<f64>().is_ok()))
}

fn written(days: i64) -> Option<String> {
    let julian = i32::try_from(days.checked_add(EPOCH)?).ok()?;
    let date = time::Date::from_julian_day(julian).ok().filter(|d| (0..=9999).contains(&d.year()))?;
    Some(format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
}

fn parsed(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    Some(i64::from(date.to_julian_day()) - EPOCH)
}

fn day(days: i64, path: &str, work: &mut Work<'_>) -> Result<Option<i64>, RecordError> {
    let Some(old) = written(days) else { return Ok(None) };
    Ok(parsed(&work.field(PhiClass::Date, &old, path)?))
}

/// A moment as its date, its time of day and, where there is one, a fraction; back from the same.
fn moment(value: i64, units: i64, path: &str, work: &mut Work<'_>) -> Result<Option<i64>, RecordError> {
    let (seconds, fraction) = (value.div_euclid(units), value.rem_euclid(units));
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let Some(date) = written(days) else { return Ok(None) };
    let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let new = work.field(PhiClass::Date, &format!("{date}T{time}"), path)?;
    let (date, time) = new.split_once(['T', ' ']).unwrap_or((&new, "00:00:00"));
    let clock: Vec<i64> = time.trim_end_matches('Z').split([':', '.']).filter_map(|p| p.parse().ok()).collect();
    let [hours, minutes, seconds, ..] = clock[..] else { return Ok(None) };
    let Some(days) = parsed(date) else { return Ok(None) };
    let same = clock[..3].iter().fold(0, |all, part| all * 60 + part) == second;
    let seconds = days * DAY + hours * 3600 + minutes * 60 + seconds;
    Ok(seconds.checked_mul(units).and_then(|all| all.checked_add(if same { fraction } else { 0 })))
}

fn nanos(value: &Int96) -> Option<i64> {
    let [low, high, day] = *value.data() else { return None };
    let rest = i64::try_from(u64::from(high) << 32 | u64::from(low)).ok()?;
    (i64::from(day) - EPOCH).checked_mul(DAY * NANOS)?.checked_add(rest)
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
