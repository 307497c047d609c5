//! What a program shows instead of a secret of ours.

use std::fmt;
use std::str::FromStr;

/// What stands for a program: something that another authority gives it and renews.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Binding {
    /// `sub:…`: the subject of the identity provider's access tokens.
    Subject(String),
    /// `uri:…`: a URI in its client certificate (a SPIFFE id, for one).
    Uri(String),
    /// `sha256:…`: the fingerprint of its client certificate.
    Certificate([u8; 32]),
}

/// Not a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadBinding;

const EXPECTED: &str = "sub:SUBJECT, uri:URI or sha256:64 hexadecimal digits";

impl fmt::Display for BadBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {EXPECTED}")
    }
}

impl std::error::Error for BadBinding {}

impl From<BadBinding> for &'static str {
    fn from(_: BadBinding) -> Self {
        EXPECTED
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(subject) => write!(f, "sub:{subject}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Certificate(digest) => {
                f.write_str("sha256:")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for Binding {
    type Err = BadBinding;
    fn from_str(text: &str) -> Result<Self, BadBinding> {
        let (kind, rest) = text.split_once(':').ok_or(BadBinding)?;
        let printable = (1..=512).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_graphic());
        match kind {
            "sub" if printable => Ok(Self::Subject(rest.to_owned())),
            "uri" if printable && rest.contains(':') => Ok(Self::Uri(rest.to_owned())),
            "sha256" => digest(rest).map(Self::Certificate).ok_or(BadBinding),
            _ => Err(BadBinding),
        }
    }
}

/// As tools print fingerprints: colons between bytes and capitals do not count.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| *b != b':')
        .map(|b| (b as char).to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |all, d| all << 4 | d)).collect();
    (digits.len() == 64).then_some(bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bindings_are_read_and_written_the_same() {
        let fingerprint = format!("sha256:{}", "0f".repeat(32));
        for text in ["sub:batch", "uri:spiffe://hospital.example/batch", fingerprint.as_str()] {
            assert_eq!(text.parse::<Binding>().unwrap().to_string(), text);
        }
        let openssl = format!("sha256:{}", ["0F"; 32].join(":"));
        assert_eq!(openssl.parse::<Binding>().unwrap().to_string(), fingerprint);
        for bad in ["", "batch", "sub:", "sub:a b", "uri:batch", "sha256:0f", "sha256:zz", "cn:batch"] {
            assert_eq!(bad.parse::<Binding>(), Err(BadBinding), "{bad}");
        }
    }
}
