use std::fmt;

/// A class of identifier: the 18 of the Safe Harbor (45 CFR 164.514(b)(2)(i)), as the corpora label
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PhiClass {
    Name,
    Location,
    Date,
    /// Over 89 only; other ages are not identifiers.
    Age,
    Phone,
    Fax,
    Email,
    Ssn,
    Mrn,
    HealthPlan,
    Account,
    License,
    Vehicle,
    Device,
    Url,
    Ip,
    /// Any other unique number, code or characteristic.
    Id,
}

impl PhiClass {
    /// Every class there is.
    pub const ALL: [PhiClass; 17] = [
        Self::Name,
        Self::Location,
        Self::Date,
        Self::Age,
        Self::Phone,
        Self::Fax,
        Self::Email,
        Self::Ssn,
        Self::Mrn,
        Self::HealthPlan,
        Self::Account,
        Self::License,
        Self::Vehicle,
        Self::Device,
        Self::Url,
        Self::Ip,
        Self::Id,
    ];

    /// The label: upper case, as in placeholders, headers and records.
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Location => "LOCATION",
            Self::Date => "DATE",
            Self::Age => "AGE",
            Self::Phone => "PHONE",
            Self::Fax => "FAX",
            Self::Email => "EMAIL",
            Self::Ssn => "SSN",
            Self::Mrn => "MRN",
            Self::HealthPlan => "HEALTH_PLAN",
            Self::Account => "ACCOUNT",
            Self::License => "LICENSE",
            Self::Vehicle => "VEHICLE",
            Self::Device => "DEVICE",
            Self::Url => "URL",
            Self::Ip => "IP",
            Self::Id => "ID",
        }
    }

    /// The class with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.label() == label)
    }
}

impl fmt::Display for PhiClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhiClasses(u32);

impl PhiClasses {
    /// Each of them.
    pub const ALL: Self = Self((1 << PhiClass::ALL.len()) - 1);

    /// This one alone.
    pub const fn only(class: PhiClass) -> Self {
        Self(1 << class as u32)
    }

    /// Those of either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them, in the order of [`PhiClass::ALL`].
    pub fn iter(self) -> impl Iterator<Item = PhiClass> {
        PhiClass::ALL.into_iter().filter(move |c| self.contains(*c))
    }

    /// Whether it is one of them.
    pub fn contains(self, class: PhiClass) -> bool {
        self.0 & (1 << class as u32) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<PhiClass> for PhiClasses {
    fn from_iter<I: IntoIterator<Item = PhiClass>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |all, class| all | 1 << class as u32))
    }
}

impl fmt::Display for PhiClasses {
    /// `DATE,NAME`; empty when there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<&str> = self.iter().map(PhiClass::label).collect();
        f.write_str(&labels.join(","))
    }
}

/// A half-open range of byte offsets, on character boundaries of the text it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Whether the two share a byte.
    pub fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// An identifier in a text: where and of which class, never what it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Where.
    pub span: Span,
    /// Which class.
    pub class: PhiClass,
    /// Every class that something in it was read as, `class` among them.
    pub read_as: PhiClasses,
    /// From 0 to 1.
    pub confidence: f32,
    /// The rule or lexicon that said so, from a closed set.
    pub detector: &'static str,
}

/// How many identifiers of each class: all that may be said about a text outside the guarded path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassCounts([u32; PhiClass::ALL.len()]);

impl ClassCounts {
    /// Counts one more of `class`.
    pub fn add(&mut self, class: PhiClass) {
        self.0[class as usize] += 1;
    }

    /// Adds another count to this one.
    pub fn merge(&mut self, other: &ClassCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }

    /// The classes that occur, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (PhiClass, u32)> + '_ {
        PhiClass::ALL.into_iter().map(|c| (c, self.0[c as usize])).filter(|(_, n)| *n > 0)
    }

    /// How many in all.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}

impl fmt::Display for ClassCounts {
    /// `DATE=2,NAME=1`; empty when there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.iter().map(|(c, n)| format!("{c}={n}")).collect();
        f.write_str(&parts.join(","))
    }
}
