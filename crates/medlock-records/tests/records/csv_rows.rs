use super::*;

const TABLE: &str = "mrn,First Name,last_name,DOB,visit_date,age,zip,state,phone,SSN,email,note\r\n\
    00123456,Rose,\"Everyman\",1954-11-25,3/29/2005,50,02368,MA,(781) 555-1212,999-48-8934,rose@example.org,\"Seen by Dr. Henry Sanders, \"\"stable\"\"\"\r\n\
    00123457,Adam,Jones,1920-01-02,4/1/2005,93,97867,OR,816-276-6909,,,No distress.\r\n";

#[test]
fn columns_are_known_by_their_names() {
    let (text, report, marker) = done(TABLE, Format::Csv);
    gone(
        [
            "0012345", "Rose", "Everyman", "1954-", "3/29", "02368", "555-1212", "999-48", "rose@", "Sanders", "Adam",
            "Jones", "1920", "93", "97867", "276-6909",
        ],
        &text,
    );
    let rows: Vec<_> = csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), rows[0].len()), (2, 12));
    assert_eq!((&rows[0][5], &rows[0][7], &rows[1][5], &rows[1][11]), ("50", "MA", "[AGE]", "No distress."));
    assert!(rows[0][11].contains("\"stable\""), "{}", &rows[0][11]);
    assert!(text.starts_with(TABLE.lines().next().unwrap()) && text.contains("\"[NAME]\",") && text.ends_with("\r\n"));
    assert_eq!(marker.patients, [Some("00123456".to_owned()), Some("00123457".to_owned())]);
    assert_eq!(report.documents, 2);
    assert!(marker.texts.iter().any(|(cue, _)| cue == "note"));
}

#[test]
fn other_delimiters_and_no_header() {
    let semicolons = "mrn;name;note\n1234567;Rose Everyman;\"well; thanks\"\n";
    assert_eq!(out(semicolons, Format::Csv), "mrn;name;note\n[MRN];[NAME];\"well; thanks\"\n");
    let tabs = "patient_id\tname\n42\tRose, E\n";
    assert_eq!(out(tabs, Format::Tsv), "patient_id\tname\n[MRN]\t[NAME]\n");
    // The first row is a patient, not a header: it must not pass.
    let (text, report, _) =
        done("Mr. Henry Sanders,1954-11-25,781-555-1212\nMrs. Rose Everyman,1960-01-01,781-555-1313\n", Format::Csv);
    gone(["Sanders", "1954", "555-1212", "Everyman", "1960", "1313"], &text);
    assert_eq!(report.documents, 2);
}

#[test]
fn a_header_in_doubt_is_taken_for_data_unless_told() {
    let text = "Henry,Sanders\nRose,Everyman\n";
    let (_, report, _) = done(text, Format::Csv);
    assert_eq!(report.documents, 2);
    let options = Options { csv_header: Some(true), ..Options::default() };
    let (_, report, _) = with(text.as_bytes(), Format::Csv, &options).unwrap();
    assert_eq!(report.documents, 1);
}

#[test]
fn a_column_for_each_patient_does_not_keep_its_name() {
    let text = out("mrn,notes,SSN 999-48-8934\n1,ok,5\n", Format::Csv);
    gone(["999-48-8934"], &text);
}

#[test]
fn rows_of_another_length_are_refused_by_line() {
    let error = refused(b"mrn,note\n1,\"two\nlines\"\n\n2,b,c\n", Format::Csv);
    assert_eq!(error, "not valid csv: a row of another length than the first (line 5)");
    assert!(refused(b"mrn,note\n1,\"a\"b\n", Format::Csv).contains("closing quote (line 2)"));
    assert!(refused(b"mrn,note\n1,a\0b\n", Format::Csv).contains("binary"));
    assert!(refused(b"mrn,note\r1,a\r2,b", Format::Csv).contains("line end inside"));
}

#[test]
fn empty_lines_marks_and_a_last_line_without_end_stay() {
    let text = "\u{feff}mrn,note\n\n77,fine\r\n\r\n78,\"fine\"";
    assert_eq!(out(text, Format::Csv), "\u{feff}mrn,note\n\n[MRN],fine\r\n\r\n[MRN],\"fine\"");
}
