use super::*;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

const SAMPLES: &[&str] =
    &[include_str!("../data/header.xml"), include_str!("../data/ccd.xml"), include_str!("../data/operative-note.xml")];

/// Names of elements and attributes in order, and the values that identify.
fn read(text: &str) -> (Vec<String>, Vec<String>) {
    let mut reader = Reader::from_str(text);
    let (mut shape, mut values, mut open) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            event @ (Event::Start(_) | Event::Empty(_)) => {
                let (tag, empty) = match &event {
                    Event::Start(tag) => (tag, false),
                    Event::Empty(tag) => (tag, true),
                    _ => unreachable!(),
                };
                let name = tag.name().as_ref().to_owned();
                let mut line = name.clone();
                for attribute in tag.attributes() {
                    let attribute = attribute.unwrap();
                    let (key, value) = (attribute.key.as_ref().to_owned(), attribute.value.into_owned());
                    line.push_str(&format!(" {key}"));
                    if name == "id" && key == "extension" || name == "telecom" || name == "birthTime" && key == "value"
                    {
                        values.push(value.trim_start_matches("tel:").to_owned());
                    }
                }
                shape.push(line);
                if !empty {
                    open.push(name);
                }
            }
            Event::End(_) => {
                open.pop();
                shape.push("/".into());
            }
            Event::Text(text) => {
                let element = open.last().map(String::as_str).unwrap_or_default();
                let text = text.trim();
                if matches!(element, "given" | "family" | "streetAddressLine" | "city" | "postalCode")
                    && !text.is_empty()
                {
                    values.push(text.to_owned());
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    values.retain(|v| v.len() > 4 && v.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
    (shape, values)
}

#[test]
fn identifiers_of_the_samples_are_gone_and_the_structure_stays() {
    for (at, text) in SAMPLES.iter().enumerate() {
        let new = out(text, Format::Xml);
        let (old_shape, values) = read(text);
        let (new_shape, left) = read(&new);
        assert_eq!(old_shape, new_shape, "sample {at}");
        assert!(values.len() > 10);
        for value in values {
            assert!(!left.contains(&value), "sample {at} keeps {value:?}");
        }
    }
}

fn document(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\" xmlns:sdtc=\"urn:hl7-org:sdtc\">\
        <typeId root=\"2.16.840.1.113883.1.3\" extension=\"POCD_HD000040\"/><effectiveTime value=\"20050329171504+0500\"/>\
        <recordTarget><patientRole><id root=\"2.16.840.1.113883.4.1\" extension=\"999-48-8934\"/>\
        <addr><streetAddressLine>17 Daws Rd.</streetAddressLine><state>MA</state></addr>\
        <telecom value=\"tel:(781)555-1212\"/><telecom value=\"mailto:rose@example.org\"/>\
        <patient><name><prefix>Mrs.</prefix><given>Rose</given><family>O&apos;Everyman &amp; Co</family></name>\
        <sdtc:deceasedTime value=\"20060101\"/></patient></patientRole></recordTarget>{body}</ClinicalDocument>"
    )
}

#[test]
fn the_header_by_its_elements() {
    let (new, report, marker) = done(&document("<versionNumber value=\"1\"/>"), Format::Xml);
    gone(["999-48", "Daws", "555-1212", "rose@", "Rose", "Everyman", "Co<", "20060101", "20050329"], &new);
    for kept in [
        "extension=\"POCD_HD000040\"",
        "<prefix>Mrs.</prefix>",
        "<state>MA</state>",
        "value=\"tel:[PHONE]\"",
        "value=\"mailto:[EMAIL]\"",
        "extension=\"[SSN]\"",
        "<versionNumber value=\"1\"/>",
        "<given>[NAME]</given>",
        "+0500\"",
        "<family>[NAME]</family>",
    ] {
        assert!(new.contains(kept), "{kept}: {new}");
    }
    assert_eq!((report.documents, marker.patients), (1, vec![Some("999-48-8934".to_owned())]));
}

#[test]
fn narratives_are_searched_across_markup_and_with_their_tables() {
    let (new, _, marker) = done(
        &document(
            "<component><structuredBody><component><section><title>Notes</title><text>\
            <paragraph>Seen by Dr. <content ID=\"n1\">Hen</content>ry <b>Sanders</b> on 03/29/2005.</paragraph>\
            <table><thead><tr><th>Provider</th><th>Result</th></tr></thead>\
            <tbody><tr><td>Rose Everyman, MD</td><td>120/80</td></tr></tbody></table></text>\
            <entry><observation><effectiveTime><low value=\"20050301\"/></effectiveTime>\
            <value xsi:type=\"PQ\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" value=\"20050\" unit=\"g\"/>\
            <code code=\"8302-2\" displayName=\"Height\"/></observation></entry></section></component></structuredBody></component>",
        ),
        Format::Xml,
    );
    gone(["Hen<", "Sanders", "03/29", "Everyman", "20050301"], &new);
    for kept in [
        "<content ID=\"n1\">",
        "<b></b>",
        "<td>120/80</td>",
        "value=\"20050\" unit=\"g\"",
        "displayName=\"Height\"",
        "<th>Provider</th>",
    ] {
        assert!(new.contains(kept), "{kept}: {new}");
    }
    assert!(marker.texts.iter().any(|(_, text)| text == "Seen by Dr. Henry Sanders on 03/29/2005."));
    assert!(marker.texts.iter().any(|(cue, text)| cue == "provider" && text.starts_with("Rose")), "{:?}", marker.texts);
}

#[test]
fn comments_bodies_and_instructions() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let pdf = STANDARD.encode("%PDF-1.4");
    let note = STANDARD.encode("Dr. Henry Sanders");
    let (new, report, _) = done(
        &document(&format!(
            "<!-- <given>Rose</given> --><!-- MRN: 00123456 --><!-- HP is home -->\
            <component><nonXMLBody><text mediaType=\"application/pdf\" representation=\"B64\">{pdf}</text></nonXMLBody></component>\
            <component><nonXMLBody><text mediaType=\"text/plain\" representation=\"B64\">{note}</text></nonXMLBody></component>\
            <component><nonXMLBody><text><reference value=\"Rose_Everyman.pdf\"/></text></nonXMLBody></component>"
        )),
        Format::Xml,
    );
    gone(["<given>Rose", "00123456", pdf.as_str(), &note, "Rose_Everyman"], &new);
    assert!(new.contains("<!-- HP is home -->"));
    assert_eq!(report.removed.values().sum::<u64>(), 2, "{:?}", report.removed);
    read(&new);
}

#[test]
fn other_xml_by_the_names_of_its_elements() {
    let new = out(
        "<export xmlns:x=\"http://example.org/schema\"><patient mrn=\"0042\"><name>Rose &#x45;veryman</name><birthDate value=\"1954-11-25\"/>\
        <![CDATA[Dr. Henry Sanders]]></patient><drug><name>aspirin</name></drug></export>",
        Format::Xml,
    );
    gone(["0042", "Rose", "veryman", "1954", "Sanders"], &new);
    assert!(
        new.contains("<drug><name>aspirin</name></drug>") && new.contains("xmlns:x=\"http://example.org/schema\""),
        "{new}"
    );
    read(&new);
}

#[test]
fn what_is_not_well_formed_or_brings_declarations_is_refused() {
    for (text, what) in [
        ("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document type"),
        ("<a>&x;</a>", "an entity"),
        ("<a b=\"&x;\"/>", "an entity"),
        ("<a>&#0;</a>", "an entity"),
        ("<a><b></a></b>", "not well-formed"),
        ("<a>", "ends too early"),
        ("<a/><b/>", "more than one root"),
        ("<a/>Rose", "outside of the root"),
        ("<a b=\"1\" b=\"2\"/>", "attribute"),
        ("<a b=\"&\"/>", "ampersand"),
        ("", "no element"),
        ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>", "not UTF-8"),
    ] {
        assert!(
            refused(text.as_bytes(), Format::Xml).contains(what),
            "{text}: {}",
            refused(text.as_bytes(), Format::Xml)
        );
    }
    assert!(refused("<a>".repeat(1_000).as_bytes(), Format::Xml).contains("nested too deep"));
    assert!(refused(b"\xFF\xFE<\0a\0/\0>\0", Format::Xml).contains("not UTF-8"));
}

#[test]
fn a_time_that_cannot_be_written_is_masked() {
    let mut out = Vec::new();
    let mut stars = super::hostile::Stars::default();
    let text = document("<author><time value='20050329' /><time nullFlavor=\"UNK\" value=\"20050330\"/></author>");
    let report = rewrite(text.as_bytes(), &mut out, Format::Xml, &mut stars, &Options::default()).unwrap();
    let new = String::from_utf8(out).unwrap();
    assert!(new.contains("<time nullFlavor=\"MSK\" /><time nullFlavor=\"UNK\" />"), "{new}");
    assert_eq!(report.removed.values().sum::<u64>(), 4, "{:?}", report.removed);
    read(&new);
}

#[test]
fn fields_come_before_the_texts_that_name_the_same_people() {
    let (_, _, marker) = done(
        &document(
            "<component><structuredBody><component><section><text>Sanders told her.</text><entry><act><performer><assignedEntity>\
            <assignedPerson><name><family>Sanders</family></name></assignedPerson></assignedEntity></performer></act></entry>\
            </section></component></structuredBody></component>",
        ),
        Format::Xml,
    );
    let at = |what: &str| marker.order.iter().position(|o| o == what).unwrap();
    assert!(at("NAME Sanders") < at("Sanders told her."), "{:?}", marker.order);
}
