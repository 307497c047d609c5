//! Networks, as people write them.

use crate::NetworkSource;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address and how many of its leading bits count: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// What is no network. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{EXPECTED}")]
pub struct BadNetwork;

const EXPECTED: &str = "a network is an address, or an address/bits with no bit set behind: 192.0.2.0/24";

impl From<BadNetwork> for &'static str {
    fn from(_: BadNetwork) -> Self {
        EXPECTED
    }
}

impl Network {
    /// Whether a connection came from in here. An IPv4 address stays one where it came mapped into IPv6.
    pub fn contains(&self, from: NetworkSource) -> bool {
        match (self.address, from.0.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => (net.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(self.bits),
            (IpAddr::V6(net), IpAddr::V6(ip)) => (net.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(self.bits),
            _ => false,
        }
    }

    fn longest(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| BadNetwork)?;
        if address.to_canonical() != address {
            return Err(BadNetwork); // mapped into IPv6: one network would have two spellings
        }
        let longest = Self::longest(address);
        let bits = match bits {
            None => longest,
            Some(b) if b.len() <= 3 && b.bytes().all(|c| c.is_ascii_digit()) => b.parse().map_err(|_| BadNetwork)?,
            Some(_) => return Err(BadNetwork),
        };
        let behind = match address {
            IpAddr::V4(a) => a.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) == 0,
            IpAddr::V6(a) => a.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) == 0,
        };
        if bits <= longest && behind { Ok(Self { address, bits }) } else { Err(BadNetwork) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits == Self::longest(self.address) {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn in_net(net: &str, ip: &str) -> bool {
        net.parse::<Network>().unwrap().contains(NetworkSource(ip.parse().unwrap()))
    }

    #[test]
    fn leading_bits_count() {
        assert!(in_net("192.0.2.0/24", "192.0.2.255"));
        assert!(!in_net("192.0.2.0/24", "192.0.3.0"));
        assert!(in_net("192.0.2.0/24", "::ffff:192.0.2.9"), "the same address");
        assert!(in_net("192.0.2.7", "192.0.2.7") && !in_net("192.0.2.7", "192.0.2.6"));
        assert!(in_net("0.0.0.0/0", "203.0.113.1") && !in_net("0.0.0.0/0", "2001:db8::1"));
        assert!(in_net("2001:db8::/33", "2001:db8:7fff::1") && !in_net("2001:db8::/33", "2001:db8:8000::1"));
    }

    #[test]
    fn each_network_has_one_spelling() {
        for text in ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::/0", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        assert_eq!("192.0.2.7/32".parse::<Network>().unwrap().to_string(), "192.0.2.7");
        for text in [
            "",
            "192.0.2.7/24",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "192.0.2.0/0x8",
            "::ffff:192.0.2.0/120",
            "net",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
