use super::*;

const SAMPLES: &[&str] = &[
    include_str!("../data/ADT-A01-01.hl7"),
    include_str!("../data/LAB-ORU-1.hl7"),
    include_str!("../data/MDM-T02-01.hl7"),
    include_str!("../data/SIU-S12-01.hl7"),
    include_str!("../data/VXU-V04-01.hl7"),
    include_str!("../data/ORU-R01-01.hl7"),
    include_str!("../data/DFT-P03-01.hl7"),
];

fn segments(text: &str) -> Vec<Vec<&str>> {
    text.split(['\r', '\n']).map(|s| s.trim_start_matches('\u{feff}').split('|').collect()).collect()
}

/// What stands in the components of a field that name somebody.
fn values<'a>(text: &'a str, segment: &str, field: usize, components: &[usize]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for fields in segments(text).into_iter().filter(|f| f[0] == segment) {
        for repetition in fields.get(field).copied().unwrap_or_default().split('~') {
            let parts: Vec<&str> = repetition.split('^').collect();
            found.extend(components.iter().filter_map(|c| parts.get(c - 1)).flat_map(|p| p.split('&')));
        }
    }
    found.retain(|v| v.len() > 3);
    found
}

#[test]
fn identifiers_of_the_samples_are_gone_and_the_structure_stays() {
    for (at, text) in SAMPLES.iter().enumerate() {
        let new = out(text, Format::Hl7v2);
        let (old_segments, new_segments) = (segments(text), segments(&new));
        assert_eq!(old_segments.len(), new_segments.len());
        for (old, new) in old_segments.iter().zip(&new_segments) {
            assert_eq!((old.len(), old[0]), (new.len(), new[0]), "sample {at}");
            for (old, new) in old.iter().zip(new).skip(2) {
                let marks = |s: &str| s.chars().filter(|c| "^~&".contains(*c)).collect::<String>();
                assert_eq!(marks(old), marks(new), "sample {at}, {}", old_segments[0][0]);
            }
        }
        for (segment, field, components) in [
            ("PID", 3, &[1][..]),
            ("PID", 5, &[1, 2]),
            ("PID", 7, &[1]),
            ("PID", 9, &[1, 2]),
            ("PID", 11, &[1, 3, 5]),
            ("PID", 13, &[1, 7, 12]),
            ("PID", 18, &[1]),
            ("PID", 19, &[1]),
            ("PID", 20, &[1]),
            ("NK1", 2, &[1, 2]),
            ("NK1", 4, &[1, 3, 5]),
            ("PV1", 7, &[1, 2, 3]),
            ("PV1", 8, &[1, 2, 3]),
            ("PV1", 19, &[1]),
            ("IN1", 16, &[1, 2]),
            ("IN1", 36, &[1]),
            ("GT1", 3, &[1, 2]),
            ("GT1", 12, &[1]),
            ("ORC", 12, &[1, 2, 3]),
            ("OBR", 16, &[1, 2, 3]),
            ("OBR", 7, &[1]),
            ("EVN", 2, &[1]),
            ("OBX", 14, &[1]),
            ("OBX", 16, &[2, 3]),
            ("MSH", 6, &[1]),
        ] {
            let of_segment: Vec<_> = new_segments.iter().filter(|f| f[0] == segment).collect();
            for value in values(text, segment, field, components) {
                let left = of_segment
                    .iter()
                    .filter_map(|f| f.get(field))
                    .any(|f| f.split(['~', '^', '&']).any(|part| part == value));
                assert!(!left, "sample {at}: {segment}-{field} keeps {value:?}");
            }
        }
    }
}

const MESSAGE: &str = "MSH|^~\\&|LAB|HOSP|EHR|CLINIC|20050329171504||ORU^R01|MSG00001|P|2.5\r\
PID|1||0042^^^GOOD HEALTH HOSPITAL^MR~999-48-8934^^^USSSA^SS||EVERYMAN^ROSE^A^^Mrs.||19541125|F|||17 Daws Rd.^^Blue Bell^MA^02368^USA||(781)555-1212^PRN^PH^rose@example.org\r\
OBR|1|ORD77|FIL88|24317-0^Hemogram^LN|||20050329\r\
OBX|1|NM|11156-7^LEUKOCYTES^LN||12.5|tera.l-1||N|||P\r\
OBX|2|NM|30525-0^AGE^LN||93|a||N|||P\r\
OBX|3|TX|8251-1^COMMENT^LN||Seen by Dr. Henry Sanders \\T\\ wife on 03/29/2005.~Stable.||||||F\r\
OBX|4|DT|1-8^LAST MENSES^LN||20050301||||||F\r\
OBX|5|XCN|x^y||77^SANDERS^HENRY\r\
ZPI|1|Rose Everyman called 781-555-1313|42^SANDERS^HENRY|20050329|plain\r\
NTE|1||Henry Sanders|\"\"\r";

#[test]
fn fields_by_the_table_and_text_by_search() {
    let (new, report, marker) = done(MESSAGE, Format::Hl7v2);
    gone(
        [
            "0042",
            "999-48",
            "EVERYMAN",
            "ROSE",
            "1954",
            "Daws",
            "Blue Bell",
            "02368",
            "555-1",
            "rose@",
            "ORD77",
            "FIL88",
            "GOOD HEALTH",
            "93",
            "Sanders",
            "SANDERS",
            "HENRY",
            "20050301",
            "20050329",
            "03/29",
            "MSG00001",
        ],
        &new,
    );
    for kept in [
        "|24317-0^Hemogram^LN|",
        "|12.5|tera.l-1|",
        "^MA^[LOCATION]^USA",
        "^^Mrs.|",
        "|ORU^R01|",
        "|plain\r",
        "|\"\"\r",
        "~Stable.|",
        "\\T\\ wife",
    ] {
        assert!(new.contains(kept), "{kept}: {new}");
    }
    assert_eq!(report.unknown.into_iter().collect::<Vec<_>>(), [("ZPI".to_owned(), 1)]);
    assert_eq!(marker.patients, [Some("0042".to_owned())]);
    assert!(marker.texts.iter().any(|(cue, text)| cue == "comment" && text.contains("& wife")));
    assert!(new.contains("PID|1||[MRN]^^^") && new.contains("~[SSN]^^^USSSA^SS|"), "{new}");
}

#[test]
fn line_ends_batches_framing_and_own_separators() {
    for end in ["\r", "\n", "\r\n"] {
        let text = MESSAGE.replace('\r', end);
        assert_eq!(out(&text, Format::Hl7v2), out(MESSAGE, Format::Hl7v2).replace('\r', end), "{end:?}");
    }
    let one = "MSH|^~\\&|A|B|||20050329||ADT^A01|1|P|2.5\rPID|1||77||EVERYMAN^ROSE\r";
    let batch = format!("FHS|^~\\&|A|B|||20050329\rBHS|^~\\&|A\r{one}{one}BTS|2\rFTS|1\r");
    let (new, report, marker) = done(&batch, Format::Hl7v2);
    gone(["EVERYMAN", "ROSE", "20050329"], &new);
    assert_eq!((report.documents, marker.patients.len()), (2, 2));
    assert_eq!(new.matches('\r').count(), batch.matches('\r').count());
    let framed = format!("\u{b}{one}\u{1c}\r\u{b}{one}\u{1c}\r");
    let (new, report, _) = done(&framed, Format::Hl7v2);
    assert_eq!((report.documents, new.matches("\u{1c}\r").count(), new.matches('\u{b}').count()), (2, 2, 2));
    let own = "MSH#*!?%#A#B\rPID#1##77*!##EVERYMAN%X*ROSE!JONES*AL\rNTE#1##a?F?Dr. Henry Sanders\r";
    let (new, _, marker) = done(own, Format::Hl7v2);
    gone(["EVERYMAN", "ROSE", "JONES", "77", "Sanders"], &new);
    assert!(marker.texts.iter().any(|(_, text)| text == "a#Dr. Henry Sanders"));
    assert!(new.contains("#a?F?"), "{new}");
}

#[test]
fn encapsulated_data_is_read_or_left_out() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let note = STANDARD.encode("Seen by Dr. Henry Sanders.");
    let pdf = STANDARD.encode("%PDF-1.4 Henry Sanders");
    let text = format!(
        "MSH|^~\\&|A|B\rOBX|1|ED|1^x||LAB^text^plain^Base64^{note}\rOBX|2|ED|1^x||LAB^application^pdf^Base64^{pdf}\rOBX|3|RP|1^x||http://pacs/seven.png^A\r"
    );
    let (new, report, _) = done(&text, Format::Hl7v2);
    gone([note.as_str(), &pdf, "seven.png"], &new);
    let data = new.split("Base64^").nth(1).unwrap().split('\r').next().unwrap();
    let decoded = String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
    assert!(decoded.starts_with("Seen by ") && !decoded.contains("Sanders"), "{decoded}");
    assert_eq!(report.documents, 1);
    assert_eq!(
        report.removed.into_iter().collect::<Vec<_>>(),
        [("an attachment of another type than text (OBX-5.5)".to_owned(), 1)]
    );
}

#[test]
fn what_is_no_message_is_refused() {
    assert!(refused(b"", Format::Hl7v2).contains("no message header"));
    assert!(refused(b"PID|1\r", Format::Hl7v2).contains("no message header"));
    assert!(refused(b"MSHabcd\r", Format::Hl7v2).contains("separators"));
    assert_eq!(
        refused(b"MSH|^~\\&|A\rNTE|1||\xFF\r", Format::Hl7v2),
        "refused: bytes that are not UTF-8 (line 1, byte 18)"
    );
}

#[test]
fn people_come_first_and_dates_are_digits_or_nothing() {
    let text = "MSH|^~\\&|A|B|||20050329\rNTE|1||Everyman called\rPID|1||77||EVERYMAN^ROSE||19541125\r";
    let (_, _, marker) = done(text, Format::Hl7v2);
    let at = |what: &str| marker.order.iter().position(|o| o == what).unwrap();
    assert!(at("NAME EVERYMAN") < at("Everyman called"));
    let mut out = Vec::new();
    let mut stars = super::hostile::Stars::default();
    let report = rewrite(text.as_bytes(), &mut out, Format::Hl7v2, &mut stars, &Options::default()).unwrap();
    let new = String::from_utf8(out).unwrap();
    assert_eq!(new, "MSH|^~\\&|A|B|||\rNTE|1||Everyman called\rPID|1||[MRN]||[NAME]^[NAME]||\r");
    assert_eq!(report.removed.len(), 2);
}
