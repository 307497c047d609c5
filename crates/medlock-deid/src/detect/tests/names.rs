//! People and places.

use medlock_domain::PhiClass::*;

use super::{covers, exactly, found, nothing};

#[test]
fn names_after_what_announces_them() {
    covers(
        Name,
        &[
            ("Dr. Smith will call", "Smith"),
            ("Mr. James T., operated", "James T."),
            ("seen by Dr. Coye Fasce today", "Coye Fasce"),
            ("Mrs. O'Brien-Lee arrived", "O'Brien-Lee"),
            ("Patient: Jazzmin Lene", "Jazzmin Lene"),
            ("PATIENT NAME: SMITH, JOHN", "SMITH, JOHN"),
            ("Name: Digiuseppe, Georgios", "Digiuseppe, Georgios"),
            ("PROVIDER: Tornetta, Keirra, MD", "Tornetta, Keirra"),
            ("Electronically signed by Zakes, Zeyla, MD", "Zakes, Zeyla"),
            ("her daughter Mary was present", "Mary"),
            ("Her daughter J. Tuminelli came", "J. Tuminelli"),
            ("patient name john smith, here", "john smith"),
            ("pt john smith 45yo m", "john smith"),
            ("his wife susan called", "susan"),
            ("a boy named Tommy R. with", "Tommy R."),
            ("Nurse Ratchford helped", "Ratchford"),
            ("cc: V. Eikleberry", "V. Eikleberry"),
            ("Dr. van der Berg agreed", "van der Berg"),
            ("Ms. White has asthma", "White"),
            ("patient initials, J.D., was", "J.D."),
        ],
    );
}

#[test]
fn fields_of_machine_formats() {
    covers(
        Name,
        &[
            ("PID|1||84128127^^^MRN||DOE^JOHN^A||", "DOE^JOHN^A"),
            ("{\"family\":\"Okonkwo\",\"given\":[\"Adaeze\"]}", "Okonkwo"),
            ("{\"last_name\": \"Quintero\"}", "Quintero"),
        ],
    );
    covers(
        Location,
        &[
            ("123 MAIN ST^^SPRINGFIELD^IL^62701||", "SPRINGFIELD^IL^62701"),
            ("{\"city\":\"Boston\",\"state\":\"MA\",\"postalCode\":\"02108\"}", "Boston"),
            ("\"postalCode\":\"02108\"", "02108"),
            ("\"line\":[\"931 Doyle Corner\"]", "931 Doyle Corner"),
        ],
    );
    nothing(&["OBX|1|NM|GLUCOSE^MASS^PLASMA||99|mg/dL", "{\"family\": \"history\", \"city\": null}"]);
}

#[test]
fn names_by_their_weight() {
    covers(
        Name,
        &[
            ("with rheumatoid arthritis, Julie M., who was", "Julie M."),
            ("specifically for Mary Johnson, seen", "Mary Johnson"),
            ("options for Patricia Lee with cancer", "Patricia Lee"),
            ("Jazzmin Lene is a 50-year-old", "Jazzmin Lene"),
            ("we thank Keisha Washington, RN, for", "Keisha Washington"),
        ],
    );
}

#[test]
fn a_name_is_found_wherever_it_stands_again() {
    let text = "Patient: Maddison Karen\n\nThen KAREN, MADDISON came back. Maddison's knee hurts, says Karen.";
    let names: Vec<_> = found(text).into_iter().filter(|(c, _)| *c == Name).map(|(_, v)| v.to_lowercase()).collect();
    assert_eq!(names, ["maddison karen", "karen", "maddison", "maddison", "karen"]);
    covers(Mrn, &[("MRN 84128127. The chart of today says 84128127 again", "84128127")]);
}

#[test]
fn words_of_medicine_and_of_english_are_nobody() {
    nothing(&[
        "Parkinson disease ruled out",
        "Murphy sign negative",
        "Bell's palsy and Crohn's disease",
        "a Foley catheter was placed",
        "non-Hodgkin lymphoma, stage III",
        "Alzheimer's disease",
        "Barrett's esophagus on endoscopy",
        "The patient takes Tylenol, Lasix and Xarelto",
        "The Pain Clinic",
        "CHIEF COMPLAINT\n\nBack pain.",
        "PAST MEDICAL HISTORY:\n\nAtrial Fibrillation",
        "Review Of Systems: Negative",
        "Heart Rate 72, Blood Pressure 120/80",
        "He may grace us with a visit, and will",
        "Continue lisinopril 20 mg once daily.",
        "What are the latest treatment options for COPD?",
        "American and Hispanic patients in Texas",
        "Medicare and Medicaid cover this",
        "Monday morning, Tuesday evening",
        "ASSESSMENT AND PLAN",
        "today, tomorrow and yesterday",
    ]);
}

#[test]
fn places() {
    covers(
        Location,
        &[
            ("seen at St. Mary's Hospital on", "St. Mary's Hospital"),
            ("treated at Elm Clinic on", "Elm Clinic"),
            ("FACILITY: Mount French Surgical Pavilion", "Mount French Surgical Pavilion"),
            ("in New Orleans Health Center on", "New Orleans Health Center"),
            ("from San Francisco, CA, on", "San Francisco, CA"),
            ("lives in Osawatomie with her", "Osawatomie"),
            ("lives in Miami (ZIP: 33101)", "33101"),
            ("Springfield, IL 62701", "Springfield, IL 62701"),
            ("from Cook County", "Cook County"),
            (
                "at 123 Main Street, Apt 4B, Springfield, IL 62701-1234.",
                "123 Main Street, Apt 4B, Springfield, IL 62701-1234",
            ),
            ("14823 South Park Rd, Richwoods, WV 59502", "14823 South Park Rd, Richwoods, WV 59502"),
            ("P.O. Box 123, Dayton, OH 45402", "P.O. Box 123, Dayton, OH 45402"),
            ("mailed to 77 W 5th St. #12", "77 W 5th St. #12"),
            ("Referred by Dr. Beath of Gibson Island.", "Gibson Island"),
            ("the Dallas facility", "Dallas facility"),
            ("evaluated at OQUH on Monday", "OQUH"),
        ],
    );
}

#[test]
fn capitals_and_small_letters() {
    exactly(&[
        ("DR. SMITH", &[(Name, "SMITH")]),
        ("dr. smith", &[(Name, "smith")]),
        ("SEEN AT ST. MARY'S HOSPITAL", &[(Location, "ST. MARY'S HOSPITAL")]),
        ("MRN 84128127", &[(Mrn, "84128127")]),
        ("mrn 84128127", &[(Mrn, "84128127")]),
    ]);
}
