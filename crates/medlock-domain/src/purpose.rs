use std::fmt;
use std::str::FromStr;

/// Why PHI is used: a subset of HL7 v3 PurposeOfUse, which 45 CFR 164.506 and 164.512 give names to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// TREAT
    Treatment,
    /// HPAYMT
    Payment,
    /// HOPERAT
    Operations,
    /// HRESCH
    Research,
    /// ETREAT
    Emergency,
    /// PATRQT
    PatientRequest,
}

impl Purpose {
    /// Every purpose there is.
    pub const ALL: [Purpose; 6] = [
        Purpose::Treatment,
        Purpose::Payment,
        Purpose::Operations,
        Purpose::Research,
        Purpose::Emergency,
        Purpose::PatientRequest,
    ];

    /// The word that headers, policies and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Treatment => "treatment",
            Purpose::Payment => "payment",
            Purpose::Operations => "operations",
            Purpose::Research => "research",
            Purpose::Emergency => "emergency",
            Purpose::PatientRequest => "patient-request",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = crate::BadId;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.as_str() == s).ok_or(crate::BadId {
            kind: "purpose of use",
            expected: "treatment, payment, operations, research, emergency or patient-request",
        })
    }
}
