//! From a model's labels to classes: its `id2label`, what the usual label sets mean, and the user's own
//! table over both; and what a model without labels of its own is asked for.

use crate::error::LoadError;
use crate::files::Read;
use medlock_domain::PhiClass;
use std::collections::BTreeMap;

/// Where in an entity a label stands: BIO, BIOES and BILOU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Begin,
    Inside,
    End,
    Single,
    /// The label does not say.
    Any,
}

/// What a label means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) class: PhiClass,
    pub(crate) place: Place,
    /// Which of the model's entities: `first_name` and `last_name` are of one class.
    pub(crate) entity: usize,
}

/// The meaning of each label, `None` for what identifies nobody, in the order of the model's output.
pub(crate) fn read(config: &Read, table: Option<&Read>) -> Result<Vec<Option<Meaning>>, LoadError> {
    let labels = id2label(config)?;
    let mut table = own(table)?;
    let placed = labels.iter().any(|l| l.starts_with("B-") || l.starts_with("I-"));
    let mut entities: Vec<&str> = Vec::new();
    let mut unknown = Vec::new();
    let mut used = Vec::new();
    let mut out = Vec::new();
    for label in &labels {
        let (place, entity) = if placed { split(label) } else { (Place::Any, label.as_str()) };
        let class = match table.get(entity) {
            Some((class, _)) => {
                used.push(entity.to_owned());
                *class
            }
            None if label == "O" => None,
            None => match known(entity) {
                Some(class) => class,
                None => {
                    unknown.push(entity.to_owned());
                    None
                }
            },
        };
        let number = entities.iter().position(|e| *e == entity).unwrap_or_else(|| {
            entities.push(entity);
            entities.len() - 1
        });
        out.push(class.map(|class| Meaning { class, place, entity: number }));
    }
    unknown.dedup();
    if !unknown.is_empty() {
        unknown.sort();
        unknown.dedup();
        return Err(LoadError::Labels { path: config.path.clone(), labels: unknown });
    }
    table.retain(|label, _| !used.contains(label));
    if let Some((label, (_, path))) = table.into_iter().next() {
        return Err(LoadError::wrong(path, format!("the model has no label {label}")));
    }
    if out.iter().all(Option::is_none) {
        return Err(LoadError::wrong(&config.path, "no label of the model is an identifier"));
    }
    Ok(out)
}

/// What a model that can be asked for anything is asked for, in the order of the alphabet, and the class of each:
/// the user's own table, or what is usual.
pub(crate) fn asked(table: Option<&Read>) -> Result<Vec<(String, Option<PhiClass>)>, LoadError> {
    let Some(file) = table else {
        let usual = |(class, labels): &(PhiClass, &'static str)| {
            let class = *class;
            labels.split(", ").map(move |label| (label.to_owned(), Some(class)))
        };
        let all: BTreeMap<_, _> = ASKED.iter().flat_map(usual).collect();
        return Ok(all.into_iter().collect());
    };
    let asked: Vec<_> = own(table)?.into_iter().map(|(label, (class, _))| (label, class)).collect();
    if asked.iter().any(|(label, _)| label.trim().is_empty()) {
        return Err(LoadError::wrong(&file.path, "labels: a label without a word"));
    }
    if asked.iter().all(|(_, class)| class.is_none()) {
        return Err(LoadError::wrong(&file.path, "labels: none of them is an identifier"));
    }
    Ok(asked)
}

fn id2label(config: &Read) -> Result<Vec<String>, LoadError> {
    let wrong = |why: &str| LoadError::wrong(&config.path, why);
    let value: serde_json::Value = serde_json::from_slice(&config.bytes).map_err(|e| wrong(&e.to_string()))?;
    let map = value["id2label"]
        .as_object()
        .ok_or_else(|| wrong("there is no id2label: this is not the configuration of a token classifier"))?;
    let mut labels = BTreeMap::new();
    for (id, label) in map {
        let (Ok(id), Some(label)) = (id.parse::<usize>(), label.as_str()) else {
            return Err(wrong("id2label: expected a number and a label each"));
        };
        labels.insert(id, label.to_owned());
    }
    if labels.is_empty() || !labels.keys().copied().eq(0..labels.len()) {
        return Err(wrong("id2label: the numbers do not go from 0 on without a gap"));
    }
    Ok(labels.into_values().collect())
}

type Own = BTreeMap<String, (Option<PhiClass>, std::path::PathBuf)>;

/// The user's table: `[labels]`, each with a class or `ignore`.
fn own(file: Option<&Read>) -> Result<Own, LoadError> {
    let Some(file) = file else { return Ok(BTreeMap::new()) };
    let wrong = |why: String| LoadError::wrong(&file.path, why);
    let text = std::str::from_utf8(&file.bytes).map_err(|e| wrong(e.to_string()))?;
    let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| wrong(e.message().to_owned()))?;
    let labels = table.remove("labels");
    if let Some(key) = table.keys().next() {
        return Err(wrong(format!("{key}: there is no such setting; there is [labels]")));
    }
    let Some(toml::Value::Table(labels)) = labels else {
        return Err(wrong("there is no table [labels]".to_owned()));
    };
    let class = |(label, value): (String, toml::Value)| match value.as_str() {
        Some("ignore") => Ok((label, (None, file.path.clone()))),
        Some(word) if PhiClass::from_label(word).is_some() => {
            Ok((label, (PhiClass::from_label(word), file.path.clone())))
        }
        _ => Err(wrong(format!("labels.{label}: expected a class such as \"NAME\", or \"ignore\""))),
    };
    labels.into_iter().map(class).collect()
}

fn split(label: &str) -> (Place, &str) {
    let place = match label.split_once('-').map(|(place, _)| place) {
        Some("B") => Place::Begin,
        Some("I") => Place::Inside,
        Some("E" | "L") => Place::End,
        Some("S" | "U") => Place::Single,
        _ => return (Place::Any, label),
    };
    (place, &label[2..])
}

/// What the usual label sets mean (i2b2, Hugging Face's de-identifiers, OpenMed, Presidio, CoNLL, OntoNotes);
/// `Some(None)`: it identifies nobody.
fn known(entity: &str) -> Option<Option<PhiClass>> {
    let plain: String = entity.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    let has = |words: &str| words.split(' ').any(|w| w == plain);
    KNOWN.iter().find(|(_, words)| has(words)).map(|(class, _)| Some(*class)).or_else(|| has(NOBODYS).then_some(None))
}

#[rustfmt::skip]
const KNOWN: &[(PhiClass, &str)] = &[
    (PhiClass::Name,
        "NAME PER PERSON PATIENT DOCTOR STAFF HCW CLINICIAN RELATIVE FIRSTNAME MIDDLENAME LASTNAME FULLNAME GIVENNAME \
         SURNAME FAMILYNAME PERSONNAME PATIENTNAME DOCTORNAME USERNAME MOTHERSMAIDENNAME NAMEPATIENT NAMEDOCTOR \
         NAMEUSERNAME PREFIXNAME INITIALS"),
    // Employers, hospitals and other organisations are places where somebody can be found.
    (PhiClass::Location,
        "LOC LOCATION GPE FAC FACILITY ADDRESS STREET STREETADDRESS STREETNAME BUILDING BUILDINGNUM BUILDINGNUMBER \
         SECONDARYADDRESS CITY TOWN COUNTY STATE ZIP ZIPCODE POSTCODE POSTALCODE LOCATIONOTHER LOCATIONSTREET \
         LOCATIONCITY LOCATIONSTATE LOCATIONZIP LOCATIONHOSPITAL LOCATIONORGANIZATION HOSP HOSPITAL HOSPITALNAME PATORG \
         ORG ORGANIZATION ORGANISATION COMPANY COMPANYNAME EMPLOYER VENDOR COORDINATE GPSCOORDINATE \
         NEARBYGPSCOORDINATE ROOM DEPARTMENT INSTITUTION"),
    (PhiClass::Date,
        "DATE DATETIME DATEOFBIRTH DOB BIRTHDATE BIRTHDAY DATEOFDEATH ADMISSIONDATE DISCHARGEDATE DATERANGE"),
    (PhiClass::Age, "AGE"),
    (PhiClass::Phone,
        "PHONE PHONENUMBER TELEPHONE TELEPHONENUM TELEPHONENUMBER PHONENUM MOBILE CONTACT PAGER CONTACTPHONE"),
    (PhiClass::Fax, "FAX FAXNUMBER FAXNUM CONTACTFAX"),
    (PhiClass::Email, "EMAIL EMAILADDRESS CONTACTEMAIL"),
    (PhiClass::Ssn, "SSN USSSN SOCIALNUM SOCIALSECURITYNUMBER SOCIALNUMBER IDSSN"),
    (PhiClass::Mrn, "MRN MEDICALRECORD MEDICALRECORDNUMBER MEDICALRECORDNUM IDMEDICALRECORD PATIENTID"),
    (PhiClass::HealthPlan,
        "HEALTHPLAN HEALTHPLANNUMBER HEALTHPLANBENEFICIARYNUMBER HEALTHINSURANCENUMBER INSURANCENUMBER MEDICAREID \
         IDHEALTHPLAN"),
    (PhiClass::Account,
        "ACCOUNT ACCOUNTNUM ACCOUNTNUMBER BANKACCOUNT BANKACCOUNTNUMBER USBANKNUMBER IBAN IBANCODE CREDITCARD \
         CREDITCARDNUMBER CREDITDEBITCARD CREDITDEBITCARDNUMBER DEBITCARD CVV CREDITCARDCVV BANKROUTINGNUMBER \
         ROUTINGNUMBER SWIFTBIC SWIFTBICCODE BIC CRYPTO BITCOINADDRESS ETHEREUMADDRESS LITECOINADDRESS IDACCOUNT \
         MASKEDNUMBER"),
    (PhiClass::License,
        "LICENSE LICENCE LICENSENUMBER CERTIFICATELICENSENUMBER DRIVERLICENSE DRIVERLICENSENUM DRIVERLICENSENUMBER \
         DRIVERSLICENSE USDRIVERLICENSE MEDICALLICENSE NPI DEA IDLICENSE"),
    (PhiClass::Vehicle,
        "VEHICLE VEHICLEID VEHICLEIDENTIFIER VEHICLEVIN VEHICLEVRM VIN LICENSEPLATE PLATE IDVEHICLE"),
    (PhiClass::Device,
        "DEVICE DEVICEID DEVICEIDENTIFIER SERIALNUMBER SERIALNUM PHONEIMEI IMEI MACADDRESS MAC UDI IDDEVICE"),
    (PhiClass::Url, "URL WEBSITE WEBADDRESS CONTACTURL"),
    (PhiClass::Ip, "IP IPADDR IPADDRESS IPV4 IPV6"),
    (PhiClass::Id,
        "ID IDNUM IDNUMBER UNIQUEID UNIQUEIDENTIFIER OTHERID OTHERPHI PHI BIOID BIOMETRIC BIOMETRICIDENTIFIER IDBIOID \
         IDIDNUM NATIONALID IDCARD IDCARDNUM IDCARDNUMBER PASSPORT PASSPORTNUM PASSPORTNUMBER USPASSPORT TAXID TAXNUM \
         TAXNUMBER USITIN CUSTOMERID EMPLOYEEID STUDENTID APIKEY HTTPCOOKIE PASSWORD PIN ENCOUNTERID"),
];

/// In the words of the published models for personal data; 25, as many as the library trains with at once.
const ASKED: &[(PhiClass, &str)] = &[
    (PhiClass::Name, "person, username"),
    (PhiClass::Location, "address, city, hospital, organization, postal code"),
    (PhiClass::Date, "date"),
    (PhiClass::Age, "age"),
    (PhiClass::Phone, "phone number"),
    (PhiClass::Fax, "fax number"),
    (PhiClass::Email, "email"),
    (PhiClass::Ssn, "social security number"),
    (PhiClass::Mrn, "medical record number"),
    (PhiClass::HealthPlan, "health insurance id number"),
    (PhiClass::Account, "bank account number, credit card number"),
    (PhiClass::License, "driver's license number"),
    (PhiClass::Vehicle, "license plate number, vehicle identification number"),
    (PhiClass::Device, "serial number"),
    (PhiClass::Url, "url"),
    (PhiClass::Ip, "ip address"),
    (PhiClass::Id, "identification number, passport number"),
];

/// What the usual label sets have besides, which the Safe Harbor does not list (45 CFR 164.514(b)(2)(i)).
const NOBODYS: &str = "O MISC PROFESSION OCCUPATION JOBTITLE JOBAREA JOBTYPE NORP NRP COUNTRY LOCATIONCOUNTRY TIME GENDER \
    SEX LANGUAGE RACEETHNICITY RELIGIOUSBELIEF POLITICALVIEW SEXUALITY EDUCATIONLEVEL EMPLOYMENTSTATUS BLOODTYPE PREFIX \
    TITLE PRODUCT EVENT WORKOFART LAW PERCENT MONEY QUANTITY ORDINAL CARDINAL AMOUNT CURRENCY CURRENCYCODE CURRENCYNAME \
    CURRENCYSYMBOL EYECOLOR HEIGHT";

#[cfg(test)]
mod tests;
