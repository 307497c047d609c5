use std::fmt;
use std::str::FromStr;

/// What a stream is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Plain text: UTF-8, or UTF-16 with its mark.
    Text,
    /// One JSON value. FHIR resources in it are read by FHIR's rules.
    Json,
    /// A JSON value on each line (JSONL, NDJSON). FHIR resources in it are read by FHIR's rules.
    JsonLines,
    /// One FHIR R4 resource (a Bundle, for example) as JSON.
    Fhir,
    /// A FHIR R4 resource on each line, as a bulk export writes them.
    FhirLines,
    /// HL7 v2 messages, alone, one after the other, in batches, with or without MLLP framing.
    Hl7v2,
    /// An XML document; a `ClinicalDocument` (C-CDA) is read by its own rules.
    Xml,
    /// Columns parted by commas, semicolons or bars.
    Csv,
    /// Columns parted by tabs.
    Tsv,
    /// Apache Parquet; with the feature `parquet`.
    Parquet,
}

impl Format {
    /// Every format there is.
    pub const ALL: [Format; 10] = [
        Self::Text,
        Self::Json,
        Self::JsonLines,
        Self::Fhir,
        Self::FhirLines,
        Self::Hl7v2,
        Self::Xml,
        Self::Csv,
        Self::Tsv,
        Self::Parquet,
    ];

    /// The word for it on the command line and in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Fhir => "fhir",
            Self::FhirLines => "fhir-ndjson",
            Self::Hl7v2 => "hl7v2",
            Self::Xml => "xml",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }

    /// What a file is, by its name and its first bytes (4 KiB do). Where the two disagree, the bytes
    /// are believed: a name can only choose between formats that both fit.
    ///
    /// # Errors
    /// [`Unsupported`] for what is known to be something that cannot be inspected (PDF, images,
    /// archives, DICOM …) and for other binary data.
    pub fn detect(name: Option<&str>, head: &[u8]) -> Result<Format, Unsupported> {
        if head.starts_with(b"PAR1") {
            return Ok(Self::Parquet);
        }
        if head.starts_with(b"PARE") {
            return Err(Unsupported("Parquet with an encrypted footer"));
        }
        for (magic, what) in MAGIC {
            if head.starts_with(magic) {
                return Err(Unsupported(what));
            }
        }
        if head.get(128..132) == Some(b"DICM") {
            return Err(Unsupported("DICOM"));
        }
        let wide = head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]);
        if !wide && head.contains(&0) {
            return Err(Unsupported("binary data"));
        }
        let extension = name.and_then(|n| n.rsplit_once('.')).map(|(_, e)| e.to_ascii_lowercase());
        Ok(if wide { Self::Text } else { by_content(head, extension.as_deref().unwrap_or_default()) })
    }
}

fn by_content(head: &[u8], extension: &str) -> Format {
    let body = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let body = body.strip_prefix(b"\x0B").unwrap_or(body);
    let fhir = head.windows(14).any(|w| w == b"\"resourceType\"");
    let hl7 = [&b"MSH"[..], b"FHS", b"BHS"].iter().any(|s| body.starts_with(s))
        && body.get(3).is_some_and(|b| b.is_ascii_punctuation());
    match extension {
        _ if hl7 => Format::Hl7v2,
        "ndjson" | "jsonl" if fhir => Format::FhirLines,
        "ndjson" | "jsonl" => Format::JsonLines,
        "json" if fhir => Format::Fhir,
        "json" => Format::Json,
        "xml" | "cda" | "ccda" => Format::Xml,
        "hl7" | "hl7v2" => Format::Hl7v2,
        "csv" | "psv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        "txt" | "text" | "md" | "note" => Format::Text,
        _ if body.starts_with(b"<?xml") || body.starts_with(b"<ClinicalDocument") => Format::Xml,
        _ if body.starts_with(b"{") || body.starts_with(b"[") && is_json_array(body) => {
            // Several objects, each closed on its own line.
            let lines = body.windows(3).any(|w| w == b"}\n{") || body.windows(4).any(|w| w == b"}\r\n{");
            match (fhir, lines) {
                (true, true) => Format::FhirLines,
                (true, false) => Format::Fhir,
                (false, true) => Format::JsonLines,
                (false, false) => Format::Json,
            }
        }
        _ => Format::Text,
    }
}

/// `[NAME]` begins a note, `[{` or `["` a JSON array.
fn is_json_array(body: &[u8]) -> bool {
    body[1..].trim_ascii_start().first().is_some_and(|b| b"{[\"]".contains(b))
}

const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1F\x8B", "gzip"),
    (b"\x28\xB5\x2F\xFD", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xFD7zXZ", "xz"),
    (b"7z\xBC\xAF", "7-Zip"),
    (b"\x89PNG", "PNG"),
    (b"\xFF\xD8\xFF", "JPEG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"{\\rtf", "RTF"),
    (b"\xD0\xCF\x11\xE0", "an Office document"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x7FELF", "a program"),
];

/// What cannot be inspected, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot inspect {0}")]
pub struct Unsupported(pub &'static str);

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = medlock_domain::BadId;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|f| f.as_str() == s).ok_or(medlock_domain::BadId {
            kind: "format",
            expected: "text, json, jsonl, fhir, fhir-ndjson, hl7v2, xml, csv, tsv or parquet",
        })
    }
}
