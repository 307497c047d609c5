//! A bucket of the S3 protocol: put, list and get, signed with AWS Signature Version 4.

use super::Shelf;
use crate::config::S3Settings;
use crate::https;

use medlock_domain::{Clock, Timestamp};
use medlock_keys::digest::{hex, hmac_sha256, sha256};
use reqwest::Method;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

const TIME: Duration = Duration::from_secs(30);
/// More than any checkpoint, or a list of a thousand versions.
const ANSWER: usize = 4 << 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) struct Bucket {
    http: reqwest::Client,
    /// Of the bucket, without a slash at the end.
    url: reqwest::Url,
    /// Before every name.
    prefix: String,
    region: String,
    key_id: String,
    secret: Zeroizing<String>,
    lock_days: u32,
    clock: Arc<dyn Clock>,
}

impl Bucket {
    pub(super) fn of(settings: &S3Settings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let S3Settings { url, prefix, region, key_id, secret: key, ca, lock_days, .. } = settings;
        let http = https::trusting(&fs::read(ca)?, TIME).and_then(|http| http.build()).map_err(io::Error::other)?;
        let (url, secret) = (url.parse().map_err(io::Error::other)?, key.read()?);
        let (prefix, region, key_id) = (prefix.clone(), region.clone(), key_id.clone());
        Ok(Self { http, url, prefix, region, key_id, secret, lock_days: *lock_days, clock })
    }

    /// One request, on a thread and a runtime of its own: the log may be opened within a runtime.
    fn ask(&self, method: Method, object: &str, query: &[(&str, &str)], body: &str) -> io::Result<String> {
        let ask = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(self.send(method, object, query, body))
        };
        std::thread::scope(|scope| {
            scope.spawn(ask).join().unwrap_or_else(|_| Err(io::Error::other("the asking panicked")))
        })
    }

    async fn send(&self, method: Method, object: &str, query: &[(&str, &str)], body: &str) -> io::Result<String> {
        let now = self.clock.now();
        let path = match object {
            "" => self.url.path().trim_end_matches('/').to_owned() + "/",
            object => format!("{}/{object}", self.url.path().trim_end_matches('/')),
        };
        let host = match self.url.port() {
            Some(port) => format!("{}:{port}", self.url.host_str().unwrap_or_default()),
            None => self.url.host_str().unwrap_or_default().to_owned(),
        };
        let mut headers = vec![
            ("host".to_owned(), host.clone()),
            ("x-amz-content-sha256".to_owned(), hex(&sha256(&[body.as_bytes()]))),
            ("x-amz-date".to_owned(), stamp(now)),
        ];
        if method == Method::PUT {
            // Object lock demands a checksum, and that it is named.
            headers.push(("x-amz-sdk-checksum-algorithm".to_owned(), "SHA256".to_owned()));
            headers.push(("x-amz-checksum-sha256".to_owned(), base64(&sha256(&[body.as_bytes()]))));
            if self.lock_days > 0 {
                let until = now.plus_ms(i64::from(self.lock_days) * DAY_MS).rfc3339();
                headers.push(("x-amz-object-lock-mode".to_owned(), "COMPLIANCE".to_owned()));
                headers.push(("x-amz-object-lock-retain-until-date".to_owned(), until));
            }
        }
        headers.sort();
        let mut query: Vec<String> = query.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
        query.sort();
        let query = query.join("&");
        let path: String = path.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let key = Signing { secret: &self.secret, key_id: &self.key_id, region: &self.region };
        let authorization = key.authorization(method.as_str(), &path, &query, &headers, now);
        let url = format!("https://{host}{path}{}{query}", if query.is_empty() { "" } else { "?" });
        let mut request = self.http.request(method, url).header("authorization", authorization).body(body.to_owned());
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            request = request.header(name, value);
        }
        let failed = |e: reqwest::Error| io::Error::other(https::cause(&e));
        let mut answer = request.send().await.map_err(failed)?;
        let (status, mut bytes) = (answer.status(), Vec::new());
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER {
                return Err(io::Error::other("the bucket's answer is too long"));
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| io::Error::other("the bucket's answer is not UTF-8"))?;
        match status.is_success() {
            true => Ok(text),
            false => {
                let code = tag(&text, "Code").unwrap_or("no reason");
                Err(io::Error::other(format!("the bucket answered {status} ({code})")))
            }
        }
    }
}

/// One content of an object.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    key: String,
    id: String,
    modified: String,
}

impl Bucket {
    /// The first object in order whose name begins with `prefix`, as it was put down first: a lock keeps that one,
    /// and neither from being covered by a newer one nor from being marked as deleted.
    fn oldest(&self, prefix: &str) -> io::Result<Option<Version>> {
        let (mut found, mut marker): (Option<Version>, Option<(String, String)>) = (None, None);
        loop {
            let mut query = vec![("versions", ""), ("prefix", prefix)];
            if let Some((key, id)) = &marker {
                query.extend([("key-marker", key.as_str()), ("version-id-marker", id.as_str())]);
            }
            let list = self.ask(Method::GET, "", &query, "")?;
            for version in versions(&list)? {
                match &found {
                    Some(first) if first.key != version.key => return Ok(found),
                    // Of the same moment, the newest is listed first.
                    Some(first) if first.modified < version.modified => {}
                    _ => found = Some(version),
                }
            }
            marker = match tag(&list, "IsTruncated") {
                Some("false") => return Ok(found),
                Some("true") => tag(&list, "NextKeyMarker")
                    .map(str::to_owned)
                    .zip(tag(&list, "NextVersionIdMarker").map(str::to_owned)),
                _ => None,
            };
            if marker.is_none() {
                return Err(not_understood());
            }
        }
    }
}

fn not_understood() -> io::Error {
    io::Error::other("the bucket's list is not understood")
}

/// What a list of versions has, in its order, without what marks an object as deleted.
fn versions(list: &str) -> io::Result<Vec<Version>> {
    if !list.contains("<ListVersionsResult") {
        return Err(not_understood());
    }
    let one = |text: &str| {
        let text = text.split_once("</Version>")?.0;
        let word = |name| tag(text, name).map(str::to_owned);
        Some(Version { key: word("Key")?, id: word("VersionId")?, modified: word("LastModified")? })
    };
    list.split("<Version>").skip(1).map(|text| one(text).ok_or_else(not_understood)).collect()
}

impl Shelf for Bucket {
    fn name(&self) -> String {
        self.url.to_string()
    }

    fn first(&self, prefix: &str) -> io::Result<Option<(String, String)>> {
        let Some(Version { key, id, .. }) = self.oldest(&format!("{}{prefix}", self.prefix))? else { return Ok(None) };
        let text = self.ask(Method::GET, &key, &[("versionId", &id)], "")?;
        Ok(Some((key.strip_prefix(&self.prefix).unwrap_or(&key).to_owned(), text)))
    }

    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        if self.oldest(&format!("{}{name}", self.prefix))?.is_some() {
            return Ok(());
        }
        self.ask(Method::PUT, &format!("{}{name}", self.prefix), &[], text).map(drop)
    }
}

/// The text of the first element of this name.
fn tag<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// `20261123T101500Z`.
fn stamp(time: Timestamp) -> String {
    let text = time.rfc3339();
    text.get(..19).unwrap_or_default().replace(['-', ':'], "") + "Z"
}

/// As the signature wants it: all but `A-Z a-z 0-9 - . _ ~` as bytes.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

struct Signing<'a> {
    secret: &'a str,
    key_id: &'a str,
    region: &'a str,
}

impl Signing<'_> {
    /// The header of a request with these headers, which are in order, and `x-amz-content-sha256` among them.
    fn authorization(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(String, String)],
        now: Timestamp,
    ) -> String {
        let stamp = stamp(now);
        let day = stamp.get(..8).unwrap_or_default();
        let listed: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let listed = listed.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let digest = headers.iter().find(|(name, _)| name == "x-amz-content-sha256").map_or("", |(_, v)| v);
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{listed}\n{digest}");
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&sha256(&[canonical.as_bytes()])));
        let first = Zeroizing::new(format!("AWS4{}", self.secret));
        let mut key = Zeroizing::new(hmac_sha256(first.as_bytes(), &[day.as_bytes()]));
        for part in [self.region, "s3", "aws4_request"] {
            *key = hmac_sha256(&key[..], &[part.as_bytes()]);
        }
        let signature = hex(&hmac_sha256(&key[..], &[to_sign.as_bytes()]));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={listed}, Signature={signature}", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The example of the S3 documentation, "GET Object".
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let key = Signing {
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            key_id: "AKIAIOSFODNN7EXAMPLE",
            region: "us-east-1",
        };
        let empty = hex(&sha256(&[b""]));
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", empty.as_str()),
            ("x-amz-date", "20130524T000000Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let now = Timestamp::parse_rfc3339("2013-05-24").unwrap();
        let header = key.authorization("GET", "/test.txt", "", &headers, now);
        assert!(
            header.ends_with("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            "{header}"
        );
    }

    #[test]
    fn versions_are_read_and_deletions_are_none() {
        let list = "<?xml version=\"1.0\"?><ListVersionsResult><IsTruncated>false</IsTruncated>\
            <DeleteMarker><Key>a</Key><VersionId>3</VersionId></DeleteMarker>\
            <Version><Key>a</Key><VersionId>2</VersionId><LastModified>2026-11-23T10:00:00.000Z</LastModified></Version>\
            </ListVersionsResult>";
        let (key, id, modified) = ("a".to_owned(), "2".to_owned(), "2026-11-23T10:00:00.000Z".to_owned());
        assert_eq!(versions(list).unwrap(), [Version { key, id, modified }]);
        assert!(versions("<Error/>").is_err());
        assert!(versions("<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>").is_err());
    }

    #[test]
    fn names_are_encoded_and_answers_read() {
        assert_eq!(encoded("a b/c~d.é"), "a%20b%2Fc~d.%C3%A9");
        assert_eq!(tag("<A><Key>x-1</Key><Key>x-2</Key></A>", "Key"), Some("x-1"));
        assert_eq!((tag("<A/>", "Key"), tag("<Key>x", "Key")), (None, None));
        assert_eq!(stamp(Timestamp::parse_rfc3339("2026-11-23T10:15:00.123Z").unwrap()), "20261123T101500Z");
    }
}
