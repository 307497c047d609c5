//! What fills a slot: made-up identifiers of every class, and words that only look like one.

use std::collections::HashMap;
use std::path::Path;

use medlock_domain::PhiClass;

use crate::document::Label;
use crate::rng::Rng;

/// Lists of words by name, one file each.
pub(crate) struct Values {
    lists: HashMap<String, Vec<String>>,
    surnames: Vec<String>,
    given: Vec<String>,
    common_surnames: Vec<String>,
    common_given: Vec<String>,
    cities: Vec<String>,
    counties: Vec<String>,
}

/// Somebody of a document.
#[derive(Clone)]
pub(crate) struct Person {
    given: String,
    middle: String,
    family: String,
    male: bool,
}

const STATES: [(&str, &str); 51] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SYLLABLES: [&str; 40] = [
    "ba", "bre", "cal", "dor", "el", "fen", "gar", "hal", "is", "jor", "ka", "lin", "mar", "nor", "ol", "pra", "quin",
    "ros", "sha", "tor", "ul", "ven", "wil", "xan", "yor", "zel", "thi", "mun", "dhe", "ngo", "ska", "vri", "ash",
    "ob", "ire", "oko", "wen", "ly", "ram", "cho",
];
const ENDINGS: [&str; 24] = [
    "son", "ton", "ley", "man", "ez", "ski", "ova", "berg", "wood", "field", "sen", "ini", "oglu", "ian", "wala",
    "nen", "eau", "ford", "er", "a", "o", "i", "us", "",
];
/// Slots that are read from the list of the same name and identify nobody.
const SAFE_LISTS: [&str; 27] = [
    "drug",
    "brand",
    "dx",
    "eponym",
    "sign",
    "test",
    "device_generic",
    "org",
    "symptom",
    "procedure",
    "anatomy",
    "allergy",
    "food",
    "specialty",
    "role",
    "language",
    "ethnicity",
    "organism",
    "gene",
    "vaccine",
    "insurance_type",
    "freq",
    "reltime",
    "heading",
    "lab_name",
    "score_name",
    "country_plain",
];
/// Slots that a person fills.
const PERSONAL: [&str; 16] = [
    "name",
    "first",
    "last",
    "initials",
    "lastfirst",
    "fullupper",
    "nameinit",
    "firstinit",
    "username",
    "email",
    "he",
    "his",
    "him",
    "He",
    "His",
    "Him",
];
const OTHERS: [&str; 77] = [
    "city",
    "county",
    "street",
    "address",
    "citystate",
    "zip",
    "facility",
    "facility_short",
    "school",
    "church",
    "employer",
    "foreign_first",
    "foreign_last",
    "foreign_address",
    "foreign_city",
    "country",
    "state",
    "date",
    "dateiso",
    "dateus",
    "datelong",
    "dateshort",
    "datemy",
    "dateday",
    "dob",
    "weekdaydate",
    "datehl7",
    "age90",
    "phone",
    "fax",
    "ext",
    "url",
    "ip",
    "ssn",
    "ssn4",
    "mrn",
    "plan",
    "account",
    "license",
    "npi",
    "dea",
    "vin",
    "plate",
    "device",
    "udi",
    "id",
    "card",
    "iban",
    "passport",
    "accession",
    "age",
    "year",
    "time",
    "num",
    "dose",
    "lab",
    "vital",
    "score",
    "spine",
    "stage",
    "icd",
    "cpt",
    "loinc",
    "ndc",
    "lot",
    "trial",
    "pmid",
    "duration",
    "ratio",
    "range",
    "middle",
    "lower_name",
    "month",
    "weekday",
    "relname",
    "mac",
    "imei",
];

fn read(path: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect())
}

fn title(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

impl Values {
    /// Reads `data/lists` of this crate and the name lists of `medlock-deid`.
    pub(crate) fn read(here: &Path) -> Result<Self, String> {
        let mut lists = HashMap::new();
        let dir = here.join("data/lists");
        let entries = std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.extension().is_none_or(|e| e != "txt") {
                continue;
            }
            let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            lists.insert(name, read(&path)?);
        }
        lists.insert("country_plain".to_owned(), lists.get("country").cloned().unwrap_or_default());
        for needed in SAFE_LISTS.iter().chain(&[
            "facility_word",
            "facility_pattern",
            "street_suffix",
            "street_name",
            "foreign_first",
            "foreign_last",
            "foreign_city",
            "foreign_address",
            "country",
            "employer",
            "school_pattern",
            "church_pattern",
            "saint",
        ]) {
            if lists.get(*needed).is_none_or(Vec::is_empty) {
                return Err(format!("data/lists/{needed}.txt is missing or empty"));
            }
        }
        let src = here.join("../medlock-deid/data/src");
        let words = |file: &str| -> Result<Vec<String>, String> {
            Ok(read(&src.join(file))?.iter().map(|w| w.to_lowercase()).filter(|w| w.len() > 1).collect())
        };
        let (surnames, given) = (words("surnames.txt")?, words("first-names.txt")?);
        let common =
            |of: &[String], top: fn(&str) -> bool| of.iter().filter(|w| top(w)).map(|w| title(w)).collect::<Vec<_>>();
        let common_surnames = common(&surnames, |w| medlock_deid::train::is_common_name(w).1);
        let common_given = common(&given, |w| medlock_deid::train::is_common_name(w).0);
        Ok(Self {
            lists,
            common_surnames,
            common_given,
            surnames: surnames.iter().map(|w| title(w)).collect(),
            given: given.iter().map(|w| title(w)).collect(),
            cities: read(&src.join("cities.txt"))?,
            counties: read(&src.join("counties.txt"))?,
        })
    }

    /// Whether there is a slot of this name.
    pub(crate) fn knows(&self, slot: &str) -> bool {
        SAFE_LISTS.contains(&slot) || PERSONAL.contains(&slot) || OTHERS.contains(&slot)
    }

    /// Whether the slot is a person's name, written in one of its ways.
    pub(crate) fn is_person(&self, slot: &str) -> bool {
        PERSONAL.contains(&slot)
    }

    fn list(&self, name: &str) -> &[String] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn given_name(&self, rng: &mut Rng) -> String {
        match rng.below(100) {
            0..45 => rng.pick(&self.common_given).to_owned(),
            45..70 => rng.pick(&self.given).to_owned(),
            70..88 => rng.pick(self.list("foreign_first")).to_owned(),
            _ => invented(rng),
        }
    }

    pub(crate) fn family_name(&self, rng: &mut Rng) -> String {
        let one = |rng: &mut Rng| match rng.below(100) {
            0..38 => rng.pick(&self.common_surnames).to_owned(),
            38..68 => cased_surname(rng.pick(&self.surnames)),
            68..86 => rng.pick(self.list("foreign_last")).to_owned(),
            _ => invented(rng),
        };
        let name = one(rng);
        match rng.below(100) {
            0..5 => format!("{name}-{}", one(rng)),
            5..7 => format!("O'{name}"),
            7 => format!(
                "{} {name}",
                rng.pick(&["de", "van", "von", "de la", "van der", "del", "Al", "El", "St.", "Le", "Di", "da"])
            ),
            8 => format!("{name} {}", one(rng)),
            _ => name,
        }
    }

    pub(crate) fn city(&self, rng: &mut Rng) -> String {
        match rng.below(100) {
            0..74 => rng.pick(&self.cities).to_owned(),
            74..86 => rng.pick(self.list("foreign_city")).to_owned(),
            86..92 => format!(
                "{} {}",
                rng.pick(&["North", "South", "East", "West", "New", "Fort", "Mount", "Lake", "Port", "Saint", "Upper"]),
                invented(rng)
            ),
            92..96 => format!(
                "{}{}",
                invented(rng),
                rng.pick(&["ville", "burg", "ton", " Falls", " Springs", " Creek", " Heights", "dale", " Grove"])
            ),
            _ => invented(rng),
        }
    }

    /// Fills `{word}`, `{last}` and the like in a pattern of a list.
    fn pattern(&self, pattern: &str, rng: &mut Rng) -> String {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((slot, tail)) = after.split_once('}') else { break };
            let value = match slot {
                "last" => self.family_name(rng),
                "first" => self.given_name(rng),
                "city" => self.city(rng),
                "word" => rng.pick(self.list("facility_word")).to_owned(),
                "saint" => rng.pick(self.list("saint")).to_owned(),
                "color" => rng
                    .pick(&["Green", "Blue", "Red", "White", "Silver", "Golden", "Amber", "Indigo", "Grey"])
                    .to_owned(),
                "tree" => rng
                    .pick(&["Oak", "Maple", "Cedar", "Pine", "Elm", "Willow", "Birch", "Magnolia", "Aspen", "Juniper"])
                    .to_owned(),
                "state" => STATES[rng.below(STATES.len())].1.to_owned(),
                "county" => self.county(rng),
                "street_name" => rng.pick(self.list("street_name")).to_owned(),
                "foreign_city" => rng.pick(self.list("foreign_city")).to_owned(),
                "foreign_last" => rng.pick(self.list("foreign_last")).to_owned(),
                "street_suffix" => rng.pick(self.list("street_suffix")).to_owned(),
                "country" => rng.pick(self.list("country")).to_owned(),
                "num" => rng.range(1, 999).to_string(),
                "postcode" => {
                    let p = *rng.pick_copy(&[
                        "#####",
                        "####",
                        "@@# #@@",
                        "@# #@@",
                        "#### @@",
                        "### ##",
                        "##-###",
                        "######",
                        "@#@ #@#",
                        "#####-###",
                    ]);
                    rng.fill(p)
                }
                other => other.to_owned(),
            };
            out.push_str(&value);
            rest = tail;
        }
        out + rest
    }

    fn county(&self, rng: &mut Rng) -> String {
        rng.pick(&self.counties).trim_end_matches(" County").to_owned()
    }

    fn facility(&self, rng: &mut Rng) -> String {
        match rng.below(100) {
            0..72 => {
                let p = rng.pick(self.list("facility_pattern")).to_owned();
                self.pattern(&p, rng)
            }
            72..86 => format!(
                "{} {} {}",
                rng.pick(self.list("facility_word")),
                rng.pick(self.list("facility_word")),
                rng.pick(&[
                    "Hospital",
                    "Clinic",
                    "Medical Center",
                    "Health",
                    "Health Center",
                    "Medical Group",
                    "Family Practice",
                    "Associates",
                    "Doctors",
                    "Pediatrics",
                    "Physicians",
                    "Care Center",
                    "Surgery Center",
                    "Rehab",
                    "Hospice"
                ])
            ),
            86..93 => format!(
                "{} {}",
                self.city(rng),
                rng.pick(&[
                    "Hospital",
                    "General",
                    "Clinic",
                    "Memorial",
                    "Medical Center",
                    "Community Hospital",
                    "Regional",
                    "Health",
                    "VA",
                    "Urgent Care",
                    "General Hospital",
                    "Family Medicine"
                ])
            ),
            _ => format!(
                "{} {}",
                self.family_name(rng),
                rng.pick(&[
                    "Clinic",
                    "Hospital",
                    "Institute",
                    "Pavilion",
                    "Memorial",
                    "Center",
                    "Foundation",
                    "Family Practice",
                    "Nursing Home",
                    "House"
                ])
            ),
        }
    }

    fn street(&self, rng: &mut Rng) -> String {
        let number = match rng.below(10) {
            0 => rng.fill("#-#"),
            1 => rng.range(10_000, 29_999).to_string(),
            _ => rng.range(1, 9_999).to_string(),
        };
        let side = if rng.percent(15) {
            rng.pick(&["N ", "S ", "E ", "W ", "N. ", "North ", "South ", "West ", "East ", "SW ", "NE "])
        } else {
            ""
        };
        let name = match rng.below(10) {
            0..5 => rng.pick(self.list("street_name")).to_owned(),
            5..7 => self.family_name(rng),
            7 => format!("{}th", rng.range(4, 99)),
            8 => self.given_name(rng),
            _ => self.city(rng),
        };
        let suffix = match rng.below(10) {
            0..7 => rng
                .pick(&[
                    "St", "Street", "Ave", "Avenue", "Rd", "Road", "Lane", "Ln", "Dr", "Drive", "Blvd", "Ct", "Court",
                    "Way", "Place", "Circle", "Terrace", "Pkwy",
                ])
                .to_owned(),
            _ => title(rng.pick(self.list("street_suffix"))),
        };
        let dot = if suffix.len() <= 4 && rng.percent(15) { "." } else { "" };
        let unit = match rng.below(100) {
            0..14 => format!(
                "{}{}{}",
                rng.pick(&[", ", " "]),
                rng.pick(&["Apt ", "Apt. ", "Suite ", "Unit ", "#", "Ste ", "Apartment ", "Rm ", "Floor "]),
                {
                    let p = *rng.pick_copy(&["#", "##", "###", "#@", "@", "##@"]);
                    rng.fill(p)
                }
            ),
            _ => String::new(),
        };
        format!("{number} {side}{name} {suffix}{dot}{unit}")
    }

    fn city_state(&self, rng: &mut Rng) -> String {
        let (short, long) = STATES[rng.below(STATES.len())];
        format!("{}, {}", rng.pick(&self.cities), if rng.percent(70) { short } else { long })
    }

    fn zip(rng: &mut Rng) -> String {
        if rng.percent(14) { rng.fill("#####-####") } else { rng.fill("#####") }
    }

    fn address(&self, rng: &mut Rng) -> String {
        let p = rng.pick(self.list("foreign_address")).to_owned();
        if rng.percent(10) {
            return self.pattern(&p, rng);
        }
        let joint = *rng.pick_copy(&[", ", ", ", ", ", "\n", " ", "; "]);
        let zip = if rng.percent(85) {
            format!("{}{}", rng.pick(&[" ", " ", " ", ", ", "  "]), Self::zip(rng))
        } else {
            String::new()
        };
        format!("{}{joint}{}{zip}", self.street(rng), self.city_state(rng))
    }

    fn mail(&self, person: &Person, rng: &mut Rng) -> String {
        let (g, f) = (plain(&person.given), plain(&person.family));
        let user = match rng.below(7) {
            0 => format!("{g}.{f}"),
            1 => format!("{}{f}", &g[..g.len().min(1)]),
            2 => format!("{g}{}", rng.range(1, 99)),
            3 => format!("{f}_{g}"),
            4 => format!("{g}{f}{}", rng.range(1940, 2009)),
            5 => format!("{f}.{}", rng.digits(3)),
            _ => format!("{g}-{f}"),
        };
        let host = match rng.below(6) {
            0 => format!("{}.org", plain(&self.city(rng))),
            1 => format!("mail.{}.edu", plain(&self.family_name(rng))),
            2 => format!("{}health.com", plain(&self.family_name(rng))),
            _ => rng
                .pick(&[
                    "gmail.com",
                    "yahoo.com",
                    "outlook.com",
                    "example.com",
                    "example.org",
                    "hotmail.com",
                    "aol.com",
                    "icloud.com",
                    "patient.example.net",
                    "comcast.net",
                ])
                .to_owned(),
        };
        format!("{user}@{host}")
    }

    /// A value for a slot, and its label where it is one that training should count or leave out.
    pub(crate) fn make(&self, slot: &str, person: Option<&Person>, rng: &mut Rng) -> (String, Option<Label>) {
        use PhiClass::{
            Account, Age, Date, Device, Email, Fax, HealthPlan, Id, Ip, License, Location, Mrn, Name, Phone, Ssn, Url,
            Vehicle,
        };
        if SAFE_LISTS.contains(&slot) {
            // A word that begins a sentence, a bullet or a cell looks like a name.
            let word = rng.pick(self.list(slot));
            let written = match rng.below(100) {
                0..22 => title(word),
                22..26 => word.to_uppercase(),
                26..30 => word.to_lowercase(),
                _ => word.to_owned(),
            };
            return (written, None);
        }
        let somebody;
        let person = match person {
            Some(p) => p,
            None => {
                somebody = Person::new(self, rng);
                &somebody
            }
        };
        let phi = |class: PhiClass, value: String| (value, Some(Some(class)));
        let either_way = |value: String| (value, Some(None));
        let safe = |value: String| (value, None);
        let pat = |rng: &mut Rng, of: &[&'static str]| {
            let p = of[rng.below(of.len())];
            rng.fill(p)
        };
        match slot {
            "name" | "relname" => phi(Name, person.full(rng)),
            "first" => phi(Name, person.given.clone()),
            "last" => phi(Name, person.family.clone()),
            "middle" => phi(Name, person.middle.clone()),
            "lower_name" => phi(Name, format!("{} {}", person.given, person.family).to_lowercase()),
            "lastfirst" => phi(Name, person.last_first(rng)),
            "fullupper" => phi(
                Name,
                if rng.percent(70) { format!("{} {}", person.given, person.family) } else { person.last_first(rng) }
                    .to_uppercase(),
            ),
            "nameinit" => phi(
                Name,
                if rng.percent(80) {
                    format!("{}. {}", initial(&person.given), person.family)
                } else {
                    format!("{} {}", initial(&person.given), person.family)
                },
            ),
            "firstinit" => phi(
                Name,
                format!("{} {}{}", person.given, initial(&person.family), if rng.percent(75) { "." } else { "" }),
            ),
            "initials" => phi(
                Name,
                match rng.below(4) {
                    0 => format!("{}.{}.", initial(&person.given), initial(&person.family)),
                    1 => format!("{}. {}.", initial(&person.given), initial(&person.family)),
                    2 => format!("{}{}{}", initial(&person.given), initial(&person.middle), initial(&person.family)),
                    _ => format!("{}{}", initial(&person.given), initial(&person.family)),
                },
            ),
            "he" => safe(if person.male { "he" } else { "she" }.to_owned()),
            "his" => safe(if person.male { "his" } else { "her" }.to_owned()),
            "him" => safe(if person.male { "him" } else { "her" }.to_owned()),
            "He" => safe(if person.male { "He" } else { "She" }.to_owned()),
            "His" => safe(if person.male { "His" } else { "Her" }.to_owned()),
            "Him" => safe(if person.male { "Him" } else { "Her" }.to_owned()),
            "username" => phi(Id, {
                let (g, f) = (plain(&person.given), plain(&person.family));
                match rng.below(3) {
                    0 => format!("{}{f}", &g[..g.len().min(1)]),
                    1 => format!("{f}{}", rng.digits(2)),
                    _ => format!("{g}_{}", rng.digits(3)),
                }
            }),
            "email" => phi(Email, self.mail(person, rng)),
            "city" => phi(Location, self.city(rng)),
            "county" => phi(Location, {
                let c = self.county(rng);
                if rng.percent(70) { format!("{c} County") } else { c }
            }),
            "street" => phi(Location, self.street(rng)),
            "address" => phi(Location, self.address(rng)),
            "citystate" => phi(Location, self.city_state(rng)),
            "zip" => phi(Location, Self::zip(rng)),
            "facility" => phi(Location, self.facility(rng)),
            "facility_short" => phi(
                Location,
                match rng.below(6) {
                    0 => format!("St. {}'s", rng.pick(self.list("saint"))),
                    1 => format!(
                        "{} & {}",
                        self.family_name(rng),
                        rng.pick(&["Women's", "Children's", "Sons", "Associates"])
                    ),
                    2 => format!("Mount {}", rng.pick(self.list("saint"))),
                    3 => format!(
                        "{} {}",
                        self.city(rng),
                        rng.pick(&["General", "Memorial", "Regional", "Methodist", "Baptist", "VA", "Presbyterian"])
                    ),
                    4 => rng.capitals(3) + rng.pick(&["", "H", "MC", " Health", " Medical"]),
                    _ => self.family_name(rng),
                },
            ),
            "school" => phi(Location, {
                let p = rng.pick(self.list("school_pattern")).to_owned();
                self.pattern(&p, rng)
            }),
            "church" => phi(Location, {
                let p = rng.pick(self.list("church_pattern")).to_owned();
                self.pattern(&p, rng)
            }),
            "employer" => either_way({
                let p = rng.pick(self.list("employer")).to_owned();
                self.pattern(&p, rng)
            }),
            "foreign_address" => phi(Location, {
                let p = rng.pick(self.list("foreign_address")).to_owned();
                self.pattern(&p, rng)
            }),
            "foreign_first" => phi(Name, rng.pick(self.list("foreign_first")).to_owned()),
            "foreign_last" => phi(Name, rng.pick(self.list("foreign_last")).to_owned()),
            "foreign_city" => phi(Location, rng.pick(self.list("foreign_city")).to_owned()),
            "country" => either_way(rng.pick(self.list("country")).to_owned()),
            "state" => either_way({
                let (s, l) = STATES[rng.below(STATES.len())];
                if rng.percent(25) { s } else { l }.to_owned()
            }),
            "date" => phi(Date, any_date(rng)),
            "dob" => phi(Date, any_date(rng)),
            "dateiso" => phi(Date, Day::new(rng).iso()),
            "dateus" => phi(Date, Day::new(rng).us(rng)),
            "datelong" => phi(Date, Day::new(rng).long(rng)),
            "dateshort" => phi(Date, Day::new(rng).short(rng)),
            "datemy" => phi(Date, Day::new(rng).month_year(rng)),
            "dateday" => phi(Date, Day::new(rng).day_month(rng)),
            "weekdaydate" => phi(
                Date,
                format!(
                    "{}, {}",
                    DAYS[rng.below(7)],
                    if rng.percent(60) { Day::new(rng).long(rng) } else { Day::new(rng).day_month(rng) }
                ),
            ),
            "datehl7" => phi(Date, {
                let d = Day::new(rng);
                format!(
                    "{:04}{:02}{:02}{}",
                    d.year,
                    d.month,
                    d.day,
                    if rng.percent(30) { rng.fill("1#3###") } else { String::new() }
                )
            }),
            "age90" => phi(Age, rng.range(90, 109).to_string()),
            "phone" => phi(Phone, phone(rng)),
            "fax" => phi(Fax, phone(rng)),
            "ext" => either_way({
                let n = rng.range(2, 5);
                rng.digits(n)
            }),
            "url" => phi(
                Url,
                format!(
                    "{}{}{}",
                    rng.pick(&["https://", "http://", "www.", "https://portal."]),
                    plain(&self.family_name(rng)),
                    pat(
                        rng,
                        &[
                            ".org/patient/######",
                            ".example.com/r/@#@#@#",
                            ".com",
                            ".net/chart?id=#####",
                            ".example.org/~user##",
                            ".io/visit/%%%%%%"
                        ]
                    )
                    .to_lowercase()
                ),
            ),
            "ip" => phi(
                Ip,
                if rng.percent(88) {
                    format!("{}.{}.{}.{}", rng.range(1, 223), rng.below(256), rng.below(256), rng.range(1, 254))
                } else {
                    format!("2001:db8:{:x}:{:x}::{:x}", rng.below(65_536), rng.below(65_536), rng.below(65_536))
                },
            ),
            "ssn" => phi(
                Ssn,
                pat(
                    rng,
                    &[
                        "###-##-####",
                        "###-##-####",
                        "###-##-####",
                        "### ## ####",
                        "#########",
                        "***-**-####",
                        "XXX-XX-####",
                    ],
                ),
            ),
            "ssn4" => phi(Ssn, rng.fill("####")),
            "mrn" => phi(
                Mrn,
                pat(
                    rng,
                    &[
                        "#######",
                        "########",
                        "######",
                        "MRN-######",
                        "@@-#####",
                        "@######",
                        "@@######",
                        "##-##-##",
                        "###-##-###",
                        "@@@-####",
                        "#####-##",
                        "00######",
                        "MR######",
                        "@#-####-@",
                        "###.###.###",
                    ],
                ),
            ),
            "plan" => phi(
                HealthPlan,
                pat(
                    rng,
                    &[
                        "@@@#########",
                        "#########",
                        "@##########",
                        "@@#######",
                        "HP-####-####",
                        "####-####-##",
                        "#@@#-@@#-@@##",
                        "@@@-##-####",
                        "W#########",
                        "XYZ######",
                        "###########-##",
                        "@@@@-#######",
                        "PLN#####",
                    ],
                ),
            ),
            "account" => phi(
                Account,
                pat(
                    rng,
                    &[
                        "########",
                        "##########",
                        "ACCT-######",
                        "@#########",
                        "####-#####",
                        "ACC######",
                        "#### #### ####",
                        "######-###",
                        "F########",
                        "INV-####-###",
                    ],
                ),
            ),
            "license" => phi(
                License,
                pat(
                    rng,
                    &[
                        "@#######",
                        "@########",
                        "@@######",
                        "####-##-####",
                        "@###-####-####",
                        "##@###@##",
                        "MD######",
                        "RN-######",
                        "DL#######",
                    ],
                ),
            ),
            "npi" => phi(License, rng.fill("1#########")),
            "dea" => phi(License, rng.fill("@@#######")),
            "vin" => phi(Vehicle, pat(rng, &["1%%%%%%%#%#######"])),
            "plate" => phi(
                Vehicle,
                pat(rng, &["@@@-####", "@@@ ####", "#@@@###", "@@##@@@", "###-@@@", "@##-@@#", "@@@####", "##-@@@-#"]),
            ),
            "device" => phi(
                Device,
                pat(
                    rng,
                    &[
                        "SN-#######",
                        "@@@######",
                        "#########",
                        "@#@####@",
                        "####-@@-####",
                        "DEV-@##-####",
                        "@@-####-####",
                        "@%%%%%%%%",
                        "SN########",
                    ],
                ),
            ),
            "udi" => phi(
                Device,
                pat(
                    rng,
                    &[
                        "(01)##############(17)######(21)@@####",
                        "(01)##############(21)#######",
                        "+H###@@########/$$#######",
                    ],
                ),
            ),
            "imei" => phi(Device, rng.fill("35#############")),
            "mac" => phi(
                Device,
                format!(
                    "{:02X}:{:02X}:{:02X}:{:02X}:{:02X}:{:02X}",
                    rng.below(256),
                    rng.below(256),
                    rng.below(256),
                    rng.below(256),
                    rng.below(256),
                    rng.below(256)
                ),
            ),
            "id" => phi(
                Id,
                pat(
                    rng,
                    &[
                        "@@#######",
                        "#######",
                        "@-#####-##",
                        "CASE-####-##",
                        "########",
                        "@@@-#####",
                        "%%%%%%%%",
                        "####/####",
                        "REF#######",
                        "@##@##@##",
                        "##-######",
                        "#######@",
                    ],
                ),
            ),
            "accession" => phi(
                Id,
                pat(
                    rng,
                    &[
                        "S##-#####",
                        "@@-##-######",
                        "A########",
                        "##-@@-####",
                        "ACC-########",
                        "#########",
                        "@@@##-####",
                    ],
                ),
            ),
            "passport" => phi(Id, pat(rng, &["@########", "#########", "@@#######", "@-#####-##"])),
            "card" => phi(
                Account,
                pat(rng, &["4### #### #### ####", "5###-####-####-####", "4###############", "3### ###### #####"]),
            ),
            "iban" => phi(Account, pat(rng, &["@@## #### #### #### #### ##", "@@##@@@@##############"])),
            "age" => safe({
                let n = rng.below(90);
                n.to_string()
            }),
            "year" => safe(rng.range(1950, 2029).to_string()),
            "month" => safe(MONTHS[rng.below(12)].to_owned()),
            "weekday" => safe(DAYS[rng.below(7)].to_owned()),
            "time" => safe(match rng.below(4) {
                0 => format!("{:02}:{:02}", rng.below(24), rng.below(60)),
                1 => format!(
                    "{}:{:02} {}",
                    rng.range(1, 12),
                    rng.below(60),
                    rng.pick(&["AM", "PM", "am", "pm", "a.m.", "p.m."])
                ),
                2 => format!("{:02}{:02}", rng.below(24), rng.below(60)),
                _ => format!("{}{}", rng.range(1, 12), rng.pick(&["am", "pm", " PM", " o'clock"])),
            }),
            "num" => safe({
                let n = rng.range(1, 4);
                rng.digits(n)
            }),
            "dose" => safe(match rng.below(5) {
                0 => format!("{}/{} mg", rng.range(5, 900), rng.range(5, 200)),
                1 => format!("0.{} mg", rng.range(1, 99)),
                2 => format!("{}mg", rng.range(1, 1000)),
                3 => format!("{} {}", rng.range(1, 60), rng.pick(&["units", "mcg", "mL", "mEq", "g", "tabs", "puffs"])),
                _ => format!("{} mg", rng.range(1, 1000)),
            }),
            "lab" => safe(format!(
                "{} {}",
                rng.pick(self.list("lab_name")),
                match rng.below(4) {
                    0 => rng.fill("#.#"),
                    1 => rng.fill("##"),
                    2 => rng.fill("1##"),
                    _ => rng.fill("##.#"),
                }
            )),
            "vital" => safe(match rng.below(8) {
                0 => format!("BP {}/{}", rng.range(80, 199), rng.range(40, 110)),
                1 => format!("HR {}", rng.range(40, 150)),
                2 => format!("T {}.{}", rng.range(96, 103), rng.below(10)),
                3 => format!("SpO2 {}% RA", rng.range(85, 100)),
                4 => format!("RR {}", rng.range(8, 32)),
                5 => format!("BMI {}.{}", rng.range(17, 48), rng.below(10)),
                6 => format!("Wt {} lb", rng.range(90, 350)),
                _ => format!("{}/{}", rng.range(80, 199), rng.range(40, 110)),
            }),
            "score" => safe(format!(
                "{} {}",
                rng.pick(self.list("score_name")),
                match rng.below(3) {
                    0 => rng.range(0, 30).to_string(),
                    1 => format!("{}/{}", rng.range(0, 30), rng.pick(&["30", "15", "10", "27", "24"])),
                    _ => format!("of {}", rng.range(0, 20)),
                }
            )),
            "spine" => safe(match rng.below(3) {
                0 => format!("L{}-L{}", rng.range(1, 4), rng.range(2, 5)),
                1 => format!("C{}-{}", rng.range(2, 6), rng.range(3, 7)),
                _ => format!("{}{}", rng.pick(&["T", "L", "C", "S"]), rng.range(1, 12)),
            }),
            "stage" => safe(format!(
                "{}T{}N{}M{}",
                rng.pick(&["", "p", "c"]),
                rng.range(0, 4),
                rng.range(0, 3),
                rng.range(0, 1)
            )),
            "icd" => safe(pat(rng, &["@##.#", "@##.##", "@##", "@##.###", "###.##"])),
            "cpt" => safe(rng.fill("9####")),
            "loinc" => safe(rng.fill("####-#")),
            "ndc" => safe(pat(rng, &["#####-###-##", "####-####-##", "#####-####-##"])),
            "lot" => safe(pat(rng, &["@@####", "#####@", "@#####@", "##@###"])),
            "trial" => safe(rng.fill("NCT0#######")),
            "pmid" => safe(rng.fill("3#######")),
            "duration" => safe(format!(
                "{} {}",
                rng.range(1, 30),
                rng.pick(&["weeks", "days", "months", "years", "hours", "wks", "minutes", "week", "yr"])
            )),
            "ratio" => safe(match rng.below(3) {
                0 => format!("{}/5", rng.range(0, 5)),
                1 => format!("20/{}", rng.range(15, 200)),
                _ => format!("{}/{}", rng.range(1, 10), rng.range(2, 12)),
            }),
            "range" => safe({
                let a = rng.range(1, 20);
                format!("{a}-{}", a + rng.range(1, 9))
            }),
            other => safe(format!("[{other}]")),
        }
    }
}

impl Person {
    pub(crate) fn new(values: &Values, rng: &mut Rng) -> Self {
        Self {
            given: values.given_name(rng),
            middle: values.given_name(rng),
            family: values.family_name(rng),
            male: rng.percent(50),
        }
    }

    /// The name in one of the ways that people write it.
    fn full(&self, rng: &mut Rng) -> String {
        let (g, m, f) = (&self.given, &self.middle, &self.family);
        match rng.below(100) {
            0..56 => format!("{g} {f}"),
            56..66 => format!("{g} {}. {f}", initial(m)),
            66..70 => format!("{g} {} {f}", initial(m)),
            70..75 => self.last_first(rng),
            75..81 => format!("{}. {f}", initial(g)),
            81..85 => format!("{g} {m} {f}"),
            85..88 => format!("{g} {f}").to_uppercase(),
            88..90 => format!("{g} {f}").to_lowercase(),
            90..92 => format!("{}.{}. {f}", initial(g), initial(m)),
            92..94 => format!("{g} {f}{}", rng.pick(&[" Jr.", ", Jr.", " III", " Sr.", " II", " Jr"])),
            94..96 => format!("{g} \"{}\" {f}", m.chars().take(4).collect::<String>()),
            96..98 => g.clone(),
            _ => format!("{g} {}.", initial(f)),
        }
    }

    fn last_first(&self, rng: &mut Rng) -> String {
        let comma = if rng.percent(90) { ", " } else { "," };
        match rng.below(10) {
            0..6 => format!("{}{comma}{}", self.family, self.given),
            6..8 => format!("{}{comma}{} {}.", self.family, self.given, initial(&self.middle)),
            8 => format!("{}{comma}{} {}", self.family, self.given, initial(&self.middle)),
            _ => format!("{}{comma}{}.", self.family, initial(&self.given)),
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().take(1).collect::<String>().to_uppercase()
}

/// Letters only, small.
fn plain(name: &str) -> String {
    let s: String = name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    if s.is_empty() { "x".to_owned() } else { s }
}

/// `Mccarthy` is written `McCarthy` more often than not.
fn cased_surname(name: &str) -> String {
    match name.strip_prefix("Mc") {
        Some(rest) if rest.len() > 3 => format!("Mc{}", title(rest)),
        _ => name.to_owned(),
    }
}

/// A name that is on no list.
pub(crate) fn invented(rng: &mut Rng) -> String {
    let mut s = String::new();
    for _ in 0..rng.range(1, 2) {
        s.push_str(rng.pick(&SYLLABLES));
    }
    s.push_str(rng.pick(&SYLLABLES));
    s.push_str(rng.pick(&ENDINGS));
    title(&s)
}

fn phone(rng: &mut Rng) -> String {
    let pattern = match rng.below(100) {
        0..60 => *rng.pick_copy(&[
            "(###) ###-####",
            "###-###-####",
            "###-###-####",
            "###.###.####",
            "(###)###-####",
            "### ### ####",
            "##########",
            "1-###-###-####",
            "+1 ### ### ####",
            "+1-###-###-####",
            "+1 (###) ###-####",
        ]),
        60..74 => *rng.pick_copy(&[
            "###-####",
            "###-###-#### x###",
            "(###) ###-#### ext. ####",
            "###-###-#### ext ##",
            "x#####",
            "###/###-####",
            "(###) ### - ####",
        ]),
        _ => *rng.pick_copy(&[
            "+44 20 #### ####",
            "0## #### ####",
            "+49 ## #######",
            "+33 # ## ## ## ##",
            "0# ## ## ## ##",
            "+34 ### ### ###",
            "+91 ##### #####",
            "+61 # #### ####",
            "0### ######",
            "+86 1## #### ####",
            "+52 55 #### ####",
            "(0##) ########",
            "+39 ### #######",
            "+55 (##) #####-####",
            "00## ## ### ####",
            "0###-#######",
            "+81-##-####-####",
        ]),
    };
    rng.fill(pattern)
}

struct Day {
    year: usize,
    month: usize,
    day: usize,
}

impl Day {
    fn new(rng: &mut Rng) -> Self {
        let year = if rng.percent(70) { rng.range(2010, 2029) } else { rng.range(1925, 2010) };
        Self { year, month: rng.range(1, 12), day: rng.range(1, 28) }
    }

    fn iso(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn us(&self, rng: &mut Rng) -> String {
        let s = *rng.pick_copy(&["/", "/", "/", "-", "."]);
        let year = if rng.percent(65) { self.year.to_string() } else { format!("{:02}", self.year % 100) };
        let (m, d) = if rng.percent(60) {
            (format!("{:02}", self.month), format!("{:02}", self.day))
        } else {
            (self.month.to_string(), self.day.to_string())
        };
        match rng.below(10) {
            0 => format!("{d}{s}{m}{s}{year}"),
            1 => format!("{}{s}{m}{s}{d}", self.year),
            _ => format!("{m}{s}{d}{s}{year}"),
        }
    }

    fn name(&self, rng: &mut Rng) -> String {
        let long = MONTHS[self.month - 1];
        match rng.below(10) {
            0..7 => long.to_owned(),
            7 | 8 => long[..3].to_owned(),
            _ => format!("{}.", &long[..3]),
        }
    }

    fn ordinal(&self) -> String {
        let d = self.day;
        format!(
            "{d}{}",
            match (d % 10, d / 10) {
                (1, n) if n != 1 => "st",
                (2, n) if n != 1 => "nd",
                (3, n) if n != 1 => "rd",
                _ => "th",
            }
        )
    }

    fn long(&self, rng: &mut Rng) -> String {
        let name = self.name(rng);
        let year = if rng.percent(85) { format!(", {}", self.year) } else { format!(" {}", self.year) };
        match rng.below(8) {
            0..4 => format!("{name} {}{year}", self.day),
            4 => format!("{name} {}{year}", self.ordinal()),
            5 => format!("{} {name} {}", self.day, self.year),
            6 => format!("{:02}-{}-{}", self.day, &name[..3], self.year),
            _ => format!("{} of {name}, {}", self.ordinal(), self.year),
        }
    }

    fn short(&self, rng: &mut Rng) -> String {
        match rng.below(4) {
            0 => format!("{:02}/{:02}", self.month, self.day),
            1 => format!("{}-{}", self.month, self.day),
            _ => format!("{}/{}", self.month, self.day),
        }
    }

    fn month_year(&self, rng: &mut Rng) -> String {
        match rng.below(8) {
            0 => format!("{:02}/{}", self.month, self.year),
            1 => format!("{}/{:02}", self.month, self.year % 100),
            2 => format!("{} '{:02}", self.name(rng), self.year % 100),
            3 => format!("{} of {}", self.name(rng), self.year),
            _ => format!("{} {}", self.name(rng), self.year),
        }
    }

    fn day_month(&self, rng: &mut Rng) -> String {
        let name = self.name(rng);
        match rng.below(6) {
            0 => format!("the {} of {name}", self.ordinal()).trim_start_matches("the ").to_owned(),
            1 => format!("{} {name}", self.day),
            2 => format!("{name} {}", self.ordinal()),
            3 => format!("{} {name}", self.ordinal()),
            _ => format!("{name} {}", self.day),
        }
    }
}

fn any_date(rng: &mut Rng) -> String {
    let day = Day::new(rng);
    match rng.below(100) {
        0..42 => day.us(rng),
        42..58 => day.iso(),
        58..84 => day.long(rng),
        84..89 => day.month_year(rng),
        89..94 => day.day_month(rng),
        _ => day.short(rng),
    }
}
