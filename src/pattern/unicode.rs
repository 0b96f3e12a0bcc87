//! Names of Unicode categories and scripts, as Go 1.26 accepts them.

/// General categories by every name Go has for them: short, and long as in the Unicode aliases.
const CATEGORIES: &[(&str, &str)] = &[
    ("c", "C"),
    ("other", "C"),
    ("cc", "Cc"),
    ("control", "Cc"),
    ("cntrl", "Cc"),
    ("cf", "Cf"),
    ("format", "Cf"),
    ("cn", "Cn"),
    ("unassigned", "Cn"),
    ("co", "Co"),
    ("privateuse", "Co"),
    ("cs", "Cs"),
    ("surrogate", "Cs"),
    ("l", "L"),
    ("letter", "L"),
    ("lc", "LC"),
    ("casedletter", "LC"),
    ("ll", "Ll"),
    ("lowercaseletter", "Ll"),
    ("lm", "Lm"),
    ("modifierletter", "Lm"),
    ("lo", "Lo"),
    ("otherletter", "Lo"),
    ("lt", "Lt"),
    ("titlecaseletter", "Lt"),
    ("lu", "Lu"),
    ("uppercaseletter", "Lu"),
    ("m", "M"),
    ("mark", "M"),
    ("combiningmark", "M"),
    ("mc", "Mc"),
    ("spacingmark", "Mc"),
    ("me", "Me"),
    ("enclosingmark", "Me"),
    ("mn", "Mn"),
    ("nonspacingmark", "Mn"),
    ("n", "N"),
    ("number", "N"),
    ("nd", "Nd"),
    ("decimalnumber", "Nd"),
    ("digit", "Nd"),
    ("nl", "Nl"),
    ("letternumber", "Nl"),
    ("no", "No"),
    ("othernumber", "No"),
    ("p", "P"),
    ("punctuation", "P"),
    ("punct", "P"),
    ("pc", "Pc"),
    ("connectorpunctuation", "Pc"),
    ("pd", "Pd"),
    ("dashpunctuation", "Pd"),
    ("pe", "Pe"),
    ("closepunctuation", "Pe"),
    ("pf", "Pf"),
    ("finalpunctuation", "Pf"),
    ("pi", "Pi"),
    ("initialpunctuation", "Pi"),
    ("po", "Po"),
    ("otherpunctuation", "Po"),
    ("ps", "Ps"),
    ("openpunctuation", "Ps"),
    ("s", "S"),
    ("symbol", "S"),
    ("sc", "Sc"),
    ("currencysymbol", "Sc"),
    ("sk", "Sk"),
    ("modifiersymbol", "Sk"),
    ("sm", "Sm"),
    ("mathsymbol", "Sm"),
    ("so", "So"),
    ("othersymbol", "So"),
    ("z", "Z"),
    ("separator", "Z"),
    ("zl", "Zl"),
    ("lineseparator", "Zl"),
    ("zp", "Zp"),
    ("paragraphseparator", "Zp"),
    ("zs", "Zs"),
    ("spaceseparator", "Zs"),
];

/// The class in the spelling of the `regex` crate, or `None` for a name Go does not know.
pub(super) fn class(name: &str, negated: bool) -> Option<String> {
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, ' ' | '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let sign = if negated { "^" } else { "" };
    match plain.as_str() {
        "any" => return Some(format!("[{sign}\\x{{0}}-\\x{{10FFFF}}]")),
        "ascii" => return Some(format!("[{sign}\\x00-\\x7F]")),
        "assigned" => {
            return Some(if negated {
                "\\p{Cn}".to_owned()
            } else {
                "\\P{Cn}".to_owned()
            });
        }
        // Text never holds surrogates.
        "cs" | "surrogate" => {
            return Some(format!(
                "[{}\\x{{0}}-\\x{{10FFFF}}]",
                if negated { "" } else { "^" }
            ));
        }
        _ => {}
    }
    let letter = if negated { 'P' } else { 'p' };
    if let Some((_, category)) = CATEGORIES.iter().find(|(name, _)| *name == plain) {
        // Go's `C` leaves unassigned characters out.
        if *category == "C" {
            let inner = "[\\p{Cc}\\p{Cf}\\p{Co}]";
            return Some(if negated {
                format!("[^{inner}]")
            } else {
                inner.to_owned()
            });
        }
        return Some(format!("\\{letter}{{gc={category}}}"));
    }
    // Scripts by their long names; the four-letter codes are no names to Go.
    // `regex` also drops a leading `is`, which Go does not.
    let short_name = matches!(plain.as_str(), "cham" | "lisu" | "thai");
    let long = !plain.starts_with("is") && (plain.len() != 4 || short_name);
    let script = format!("\\{letter}{{sc={plain}}}");
    (long && plain.chars().all(|c| c.is_ascii_alphabetic()) && regex::Regex::new(&script).is_ok())
        .then_some(script)
}
