//! Identifiers with a shape or a cue, dates and ages.

use medlock_domain::PhiClass::*;

use super::{covers, exactly, found, nothing};

#[test]
fn record_numbers_after_their_cue() {
    covers(
        Mrn,
        &[
            ("MRN: 84128127.", "84128127"),
            ("mrn 998877", "998877"),
            ("(MRN: 112-45-789)", "112-45-789"),
            ("with MRN #SF-998877?", "SF-998877"),
            ("Medical record number is P12345678", "P12345678"),
            ("MRN|445566|", "445566"),
            ("{\"mrn\": \"A-445566\"}", "A-445566"),
            ("MRN:\n84128127", "84128127"),
            ("MRN: 123-45-6789", "123-45-6789"),
            ("MRN-279406 was reviewed", "MRN-279406"),
        ],
    );
}

#[test]
fn plan_account_licence_vehicle_device_and_other_numbers_after_their_cue() {
    covers(
        HealthPlan,
        &[
            ("Member ID 0RX5-LZ5-DC16", "0RX5-LZ5-DC16"),
            ("insurance ID: 789456123", "789456123"),
            ("Ins. policy #BC-654321", "BC-654321"),
            ("group number 445566", "445566"),
            ("MBI 1EG4-TE5-MK73", "1EG4-TE5-MK73"),
            ("covered under 1EG4TE5MK73 since", "1EG4TE5MK73"),
        ],
    );
    covers(
        Account,
        &[
            ("Account number 6131720330", "6131720330"),
            ("card 4111 1111 1111 1111 on file", "4111 1111 1111 1111"),
            ("paid with 378282246310005", "378282246310005"),
            ("IBAN GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
            ("to DE89370400440532013000 now", "DE89370400440532013000"),
        ],
    );
    covers(
        License,
        &[
            ("Driver license LN9227647 verified", "LN9227647"),
            ("NPI 1234567893", "1234567893"),
            ("ordering provider 1234567893", "1234567893"),
            ("DEA AB1234563", "AB1234563"),
            ("lic. no. 55-44332", "55-44332"),
        ],
    );
    covers(
        Vehicle,
        &[
            ("VIN 1HGCM82633A004352", "1HGCM82633A004352"),
            ("the car 1HGCM82633A004352 was", "1HGCM82633A004352"),
            ("license plate: WHE-7501", "WHE-7501"),
        ],
    );
    covers(
        Device,
        &[
            ("serial number SN 35706569.", "35706569"),
            ("device serial: DW238752Y", "DW238752Y"),
            ("UDI (01)00844588003288(17)141231(10)A213B1", "(01)00844588003288(17)141231(10)A213B1"),
            ("adapter 00:1B:44:11:3A:B7 seen", "00:1B:44:11:3A:B7"),
        ],
    );
    covers(
        Id,
        &[
            ("case no. 4313450", "4313450"),
            ("accession ST086794", "ST086794"),
            ("order # 778812", "778812"),
            ("(ID: 987654321)", "987654321"),
            ("1484a42d-0eaf-4654-9cbf-6b050a5cd73b", "1484a42d-0eaf-4654-9cbf-6b050a5cd73b"),
        ],
    );
}

#[test]
fn a_cue_is_a_whole_word() {
    nothing(&[
        "a public 1234 matter",
        "the sublicense 4455",
        "recharge 445 times",
        "cardiac 4433 study arm",
        "replan 2345",
    ]);
}

#[test]
fn social_security_telephone_and_fax() {
    covers(
        Ssn,
        &[
            ("SSN 385-74-3053", "385-74-3053"),
            ("on file: 123-45-6789", "123-45-6789"),
            ("social security number 123456789", "123456789"),
            ("SSN: 123 45 6789", "123 45 6789"),
            ("SSN ending in 6789", "6789"),
        ],
    );
    covers(
        Phone,
        &[
            ("reach him at (271) 730-8806", "(271) 730-8806"),
            ("555-123-4567", "555-123-4567"),
            ("213.248.3959", "213.248.3959"),
            ("+1 405 373 5968", "+1 405 373 5968"),
            ("+44 20 7946 0958", "+44 20 7946 0958"),
            ("phone 5551234567", "5551234567"),
            ("call 555-0199", "555-0199"),
            ("(555) 678-1234 ext. 99", "(555) 678-1234 ext. 99"),
        ],
    );
    covers(Fax, &[("Records faxed to 539-202-3511", "539-202-3511"), ("fax: +1 356 735 9472", "+1 356 735 9472")]);
}

#[test]
fn addresses_on_networks() {
    covers(
        Email,
        &[("write to a.b+c@mail.example.org.", "a.b+c@mail.example.org"), ("<JANE@EXAMPLE.COM>", "JANE@EXAMPLE.COM")],
    );
    covers(
        Url,
        &[
            ("see https://www.example.org/patients/372664.", "https://www.example.org/patients/372664"),
            ("(www.example.com)", "www.example.com"),
            ("portal.example.org/x?id=3 is", "portal.example.org/x?id=3"),
        ],
    );
    covers(
        Ip,
        &[("from 94.12.213.46.", "94.12.213.46"), ("host 2001:db8::8a2e:370:7334 up", "2001:db8::8a2e:370:7334")],
    );
    nothing(&["e.g. this, i.e. that", "at 10:22:00 today", "version 1.2.3", "given q.i.d. and p.r.n.", "ratio 1:2:3"]);
}

#[test]
fn dates_in_the_usual_forms() {
    covers(
        Date,
        &[
            ("DOB: 1999-08-02", "1999-08-02"),
            ("on 9/9", "9/9"),
            ("seen on 08/22, with", "08/22"),
            ("12/27/77", "12/27/77"),
            ("27.12.1977", "27.12.1977"),
            ("2/3/25", "2/3/25"),
            ("2024-01-05T10:22:00Z", "2024-01-05T10:22:00Z"),
            ("Jan 2024", "Jan 2024"),
            ("January of 2024", "January of 2024"),
            ("March 3rd", "March 3rd"),
            ("March 3rd, 2021", "March 3rd, 2021"),
            ("Aug 10, '23", "Aug 10, '23"),
            ("3 Mar 2024", "3 Mar 2024"),
            ("the 3rd of March", "3rd of March"),
            ("08-Mar-2022", "08-Mar-2022"),
            ("MAY 4, 2020", "MAY 4, 2020"),
            ("15 de marzo de 2019", "15 de marzo de 2019"),
            ("05/2024", "05/2024"),
            ("in February", "February"),
            ("PID|19770412|", "19770412"),
            ("12Mar2024", "12Mar2024"),
        ],
    );
    nothing(&[
        "diagnosed in 2021",
        "blood pressure 138/84",
        "BP 120/80, HR 72",
        "follow up in 2 weeks",
        "strength 4/5 bilaterally",
        "Grade 3/6 systolic murmur",
        "vision 20/30 and 20/40",
        "she may 5 times",
        "take 1/2 tablet",
        "they march on",
        "a 5-year survival",
        "pH 7.35, 2.1 mg/dL",
    ]);
}

#[test]
fn ages_over_89_only() {
    exactly(&[
        ("a 97-year-old woman", &[(Age, "97")]),
        ("is 104 years old", &[(Age, "104")]),
        ("Age: 93", &[(Age, "93")]),
        ("aged 91", &[(Age, "91")]),
        ("92 y/o", &[(Age, "92")]),
        ("I am 93.", &[(Age, "93")]),
        ("she's 97, and well", &[(Age, "97")]),
        ("his wife is 91 and Okonkwo was 94.", &[(Age, "91"), (Name, "Okonkwo"), (Age, "94")]),
        ("97yo with", &[(Age, "97")]),
        ("ninety-four-year-old man", &[(Age, "ninety-four")]),
        ("one hundred and two years old", &[(Age, "one hundred and two")]),
        ("a 62-year-old male", &[]),
        ("89 years old", &[]),
        ("SpO2 97% at rest", &[]),
        ("weight 93 kg", &[]),
        ("pulse 97, temp 98.6", &[]),
        ("Glucose is 93 and stable", &[]),
    ]);
}

#[test]
fn clinical_numbers_and_codes_stay() {
    nothing(&[
        "staged T2N0M0",
        "L4-L5 disc and S1 root",
        "CPT 99213, ICD I10",
        "ICD-10 E11.65",
        "metformin 1000 mg twice daily",
        "GFR 45 mL/min/1.73m2",
        "HbA1c 7.2, TSH 2.31",
        "platelets 250,000",
        "COVID-19 and H1N1",
        "NCT01234567 enrolled",
        "PMID 31452104",
        "5000IU of vitamin D",
        "vitamin B12 500mcg",
        "HER2 positive, CD4 350",
        "lot 4455-12 was given",
        "NDC 0002-8215-01",
    ]);
}

#[test]
fn a_wrong_check_digit_makes_it_another_kind_of_number() {
    for (text, not) in [
        ("paid with 4111 1111 1111 1112", Account),
        ("provider 1234567890", License),
        ("under 1HGCM82643A004352", Vehicle),
        ("under 1EG4TE5MKS3", HealthPlan),
        ("GB83 WEST 1234 5698 7654 32", Account),
    ] {
        assert!(found(text).iter().all(|(c, _)| *c != not), "{text}: {:?}", found(text));
    }
}

#[test]
fn invisible_characters_hide_nothing() {
    covers(
        Ssn,
        &[
            ("SSN 385\u{200b}-74-3053", "385\u{200b}-74-3053"),
            ("SSN \u{ff13}\u{ff18}\u{ff15}-74-3053", "\u{ff13}\u{ff18}\u{ff15}-74-3053"),
            ("SSN 385\u{2011}74\u{2011}3053", "385\u{2011}74\u{2011}3053"),
            ("SSN 385-7\u{ad}4-3053", "385-7\u{ad}4-3053"),
        ],
    );
    covers(Name, &[("seen by Dr. Sm\u{200d}ith", "Sm\u{200d}ith")]);
    covers(Phone, &[("call \u{661}\u{662}\u{663}-456-7890", "\u{661}\u{662}\u{663}-456-7890")]);
}

#[test]
fn line_ends_of_either_kind() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("MRN: 84128127{end}SSN: 385-74-3053{end}DOB: 1951-08-08{end}");
        let classes: Vec<_> = found(&text).into_iter().map(|(c, _)| c).collect();
        assert_eq!(classes, [Mrn, Ssn, Date], "{end:?}");
    }
}
