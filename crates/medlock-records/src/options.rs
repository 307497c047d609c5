/// How a stream is read. The defaults refuse what is in doubt.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most bytes of one unit held in memory: a JSON value or line, an HL7 message, an XML document,
    /// a CSV row, a Parquet row group. A longer one is refused. 64 MiB.
    pub max_unit: usize,
    /// About how many bytes of plain text are searched at once. A text longer than this is cut where
    /// it does least harm: at an empty line, a line, a sentence. 4 MiB.
    pub text_window: usize,
    /// Whether the first row of CSV names the columns. `None`: decided by the row itself; a row in
    /// doubt is taken for data and searched.
    pub csv_header: Option<bool>,
    /// What stands between the columns of CSV. `None`: decided by the first row.
    pub csv_delimiter: Option<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_unit: 64 << 20, text_window: 4 << 20, csv_header: None, csv_delimiter: None }
    }
}
