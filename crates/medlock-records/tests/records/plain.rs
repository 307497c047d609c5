use super::*;
use proptest::prelude::*;

const NOTE: &str = "Dr. Henry Sanders saw her.\r\nMRN: 00123456\rCall (781) 555-1212.\n\nStable\ttoday, é.";

#[test]
fn line_ends_and_marks_stay() {
    let (text, report, marker) = done(NOTE, Format::Text);
    gone(["Sanders", "00123456", "555-1212"], &text);
    assert!(text.contains(" saw her.\r\nMRN: [MRN]\rCall ") && text.ends_with(".\n\nStable\ttoday, é."), "{text:?}");
    assert_eq!((report.documents, marker.patients), (1, vec![None]));
    assert_eq!(out(&format!("\u{feff}{NOTE}"), Format::Text), format!("\u{feff}{text}"));
}

#[test]
fn utf16_is_written_back_as_utf16() {
    let wide = |big: bool, text: &str| -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(|u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    let expected = out(NOTE, Format::Text) + " 😀";
    for big in [true, false] {
        let input = wide(big, &format!("{NOTE} 😀"));
        let (got, ..) = with(&input, Format::Text, &Options::default()).unwrap();
        assert_eq!(got, wide(big, &expected));
        let half = with(&input[..input.len() - 1], Format::Text, &Options::default()).err().unwrap();
        assert!(half.to_string().contains("UTF-16"), "{half}");
        let lone = [&input[..], &[0xD8, 0xD8]].concat();
        assert!(refused(&lone, Format::Text).contains(&format!("byte {}", input.len())), "{big}");
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    assert_eq!(refused(b"abc\xFFdef", Format::Text), "refused: bytes that are not UTF-8 (line 1, byte 3)");
    assert_eq!(refused(b"abc\xC3", Format::Text), "refused: bytes that are not UTF-8 (line 1, byte 3)");
    assert!(refused(b"abc\0def", Format::Text).contains("binary"));
    let mut late = vec![b'a'; 9 << 20];
    late.push(0xFF);
    assert!(refused(&late, Format::Text).contains(&format!("byte {}", 9 << 20)));
}

#[test]
fn a_text_longer_than_the_window_is_searched_whole() {
    let line = "The patient was seen by Dr. Henry Sanders on 03/29/2005 in good spirits and left. ";
    let text = line.repeat(3_000);
    let options = Options { text_window: 4_096, ..Options::default() };
    let (windowed, ..) = with(text.as_bytes(), Format::Text, &options).unwrap();
    let windowed = String::from_utf8(windowed).unwrap();
    gone(["Sanders", "03/29"], &windowed);
    assert_eq!(windowed.matches(" in good spirits and left. ").count(), 3_000);
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    /// Gives out the same sentence over and over.
    struct Endless(usize);
    impl std::io::Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            const WORDS: &[u8] = b"no acute distress noted and lungs are clear ";
            let n = into.len().min(self.0);
            for (i, byte) in into[..n].iter_mut().enumerate() {
                *byte = WORDS[(self.0 - i) % WORDS.len()];
            }
            self.0 -= n;
            Ok(n)
        }
    }
    /// Finds nothing, and says how long the longest text was.
    #[derive(Default)]
    struct Longest(usize, medlock_domain::ClassCounts);
    impl medlock_records::Rewrite for Longest {
        fn document(&mut self, _patient: Option<&str>) {}
        fn text(&mut self, _: Option<&str>, text: &str) -> Result<String, medlock_records::RewriteError> {
            self.0 = self.0.max(text.len());
            Ok(text.to_owned())
        }
        fn field(&mut self, _: medlock_domain::PhiClass, value: &str) -> Result<String, medlock_records::RewriteError> {
            Ok(value.to_owned())
        }
        fn counts(&self) -> &medlock_domain::ClassCounts {
            &self.1
        }
    }
    let mut longest = Longest::default();
    let size = 100 << 20;
    let report = rewrite(Endless(size), std::io::sink(), Format::Text, &mut longest, &Options::default()).unwrap();
    assert_eq!((report.bytes_in, report.bytes_out), (size as u64, size as u64));
    assert!(longest.0 <= 7 << 20, "{}", longest.0);
}

proptest! {
    #[test]
    fn windows_lose_nothing(text in "[a-z .\r\n\u{e9}]{0,400}", window in 16usize..64) {
        let options = Options { text_window: window, ..Options::default() };
        let mut got = Vec::new();
        let mut same = super::hostile::Same::default();
        rewrite(text.as_bytes(), &mut got, Format::Text, &mut same, &options).unwrap();
        prop_assert_eq!(String::from_utf8(got).unwrap(), text);
    }
}
