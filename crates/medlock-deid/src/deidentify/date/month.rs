//! Months by their names in English, Spanish, French and German.

use super::super::fold::Case;

/// Full names; the abbreviation is the first letters.
const NAMES: [[&str; 12]; 4] = [
    [
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
    ],
    [
        "Enero",
        "Febrero",
        "Marzo",
        "Abril",
        "Mayo",
        "Junio",
        "Julio",
        "Agosto",
        "Septiembre",
        "Octubre",
        "Noviembre",
        "Diciembre",
    ],
    [
        "Janvier",
        "Février",
        "Mars",
        "Avril",
        "Mai",
        "Juin",
        "Juillet",
        "Août",
        "Septembre",
        "Octobre",
        "Novembre",
        "Décembre",
    ],
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
];

/// The way in which a month's name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MonthName {
    language: usize,
    short: bool,
    case: Case,
}

impl MonthName {
    pub(super) fn of(self, month: u32) -> String {
        let name = NAMES[self.language][(month as usize + 11) % 12];
        let end = name.char_indices().nth(3).map_or(name.len(), |(i, _)| i);
        self.case.write(if self.short { &name[..end] } else { name })
    }
}

/// The month that `word` names, and how.
pub(super) fn read(word: &str) -> Option<(u32, MonthName)> {
    let lower = word.to_lowercase();
    let case = Case::of(word);
    for (language, names) in NAMES.iter().enumerate() {
        for (at, name) in names.iter().enumerate() {
            let name = name.to_lowercase();
            let short = name != lower;
            let three = name.char_indices().nth(3).map_or(name.len(), |(i, _)| i);
            if !short || lower == name[..three] || language == 0 && lower == "sept" && at == 8 {
                return Some((at as u32 + 1, MonthName { language, short, case }));
            }
        }
    }
    None
}
