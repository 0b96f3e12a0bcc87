//! Corners of `fmt` and of the functions, beside what Go 1.26 and sprig answer.

use super::{Dict, Template, Value};

/// The text, or the error from the first `error calling` on.
fn answer(text: &str) -> String {
    let template = match Template::parse("corners", text) {
        Ok(template) => template,
        Err(error) => return error.to_string(),
    };
    match template.render(Value::Dict(Dict::new([]))) {
        Ok(bytes) => bytes.escape_ascii().to_string(),
        Err(error) => {
            let text = error.to_string();
            let at = text.find("error calling").unwrap_or(0);
            text[at..].to_owned()
        }
    }
}

fn check(cases: &[(&str, &str)]) {
    for (template, wanted) in cases {
        assert_eq!(answer(template), *wanted, "{template}");
    }
}

#[test]
fn printf_reads_directives_as_go_does() {
    check(&[
        (r#"{{ printf "%.*d" -3 7 }}"#, "%!(BADPREC)7"),
        (r#"{{ printf "%4." 42 }}"#, "%!.(int=  42)"),
        (r#"{{ printf "%." 42 }}"#, "%!.(int=42)"),
        (r#"{{ printf "%#w" "a" }}"#, r#"%!w(string=\"a\")"#),
        (r#"{{ printf "%+w" 3 }}"#, "%!w(int=3)"),
        (
            r#"{{ printf "%w" (semver "1.2.3") }}"#,
            "%!w(*semver.Version=&{1 2 3   1.2.3})",
        ),
    ]);
    // The limit is looked at before each digit.
    assert_eq!(
        answer(r#"{{ printf "%1000001d" 1 | len }}"#),
        "1000001",
        "a width just beyond a million"
    );
    assert_eq!(
        answer(r#"{{ printf "%10000010d" 1 }}"#),
        "%!(NOVERB)%!(EXTRA int=1)"
    );
}

#[test]
fn printf_prints_numbers_as_go_does() {
    check(&[
        (r#"{{ printf "%#O" 7 }}"#, "0o07"),
        (r#"{{ printf "%#X" 3.25 }}"#, "0X1.AP+01"),
        (r#"{{ printf "%#x" 3.25 }}"#, "0x1.a000p+01"),
        (r#"{{ printf "%#.3v" (index "\u0007" 0) }}"#, "0x007"),
    ]);
}

#[test]
fn lists_of_no_matches_are_nil() {
    check(&[
        (r#"{{ regexFindAll "x" "abc" -1 | toJson }}"#, "null"),
        (r#"{{ regexSplit "x" "abc" 0 | toJson }}"#, "null"),
        (r#"{{ regexFindAll "b" "abc" -1 | toJson }}"#, r#"[\"b\"]"#),
    ]);
}

#[test]
fn empty_matches_stay_between_characters() {
    check(&[
        (
            r#"{{ regexReplaceAllLiteral "x*" "éa" "-" }}"#,
            r"-\xc3\xa9-a-",
        ),
        (r#"{{ regexMatch "\\B" "aéa" }}"#, "false"),
        (r#"{{ regexFindAll "" "é日" -1 | len }}"#, "3"),
    ]);
}

#[test]
fn complaints_are_those_of_go() {
    check(&[
        (
            r#"{{ mustFromJson "-" }}"#,
            "error calling mustFromJson: invalid character ' ' in numeric literal",
        ),
        (
            r#"{{ mustFromJson "[1." }}"#,
            "error calling mustFromJson: invalid character ' ' after decimal point in numeric literal",
        ),
        (
            r#"{{ mustFromJson "\"\\" }}"#,
            "error calling mustFromJson: invalid character ' ' in string escape code",
        ),
        (
            r#"{{ mustFromJson "[1" }}"#,
            "error calling mustFromJson: unexpected end of JSON input",
        ),
        (
            r#"{{ urlParse "%#v" }}"#,
            r#"error calling urlParse: unable to parse url: parse "%": invalid URL escape "%""#,
        ),
        (
            r#"{{ mustToDate "2006" "é" }}"#,
            r#"error calling mustToDate: parsing time "\xc3\xa9" as "2006": cannot parse "\xc3\xa9" as "2006""#,
        ),
        (
            r#"{{ mustToDate "ab" "ac" }}"#,
            r#"error calling mustToDate: parsing time "ac" as "ab": cannot parse "c" as "ab""#,
        ),
        (
            r"{{ chunk -10 list }}",
            "error calling chunk: runtime error: makeslice: len out of range",
        ),
        (
            r"{{ +-1i }}",
            r#"template: corners:1: strconv.ParseFloat: parsing "+": invalid syntax"#,
        ),
    ]);
}

#[test]
fn functions_keep_bytes_and_great_numbers() {
    check(&[
        (r#"{{ js "\xff" }}"#, r"\xff"),
        (
            r#"{{ (toDate "2006" "2024").AddDate 30 9000000000 1 }}"#,
            "750002054-01-02 00:00:00 +0000 UTC",
        ),
        (
            r#"{{ (semver "1.2.3").IncPatch.LessThan }}"#,
            "template: corners:1:11: executing \"corners\" at <\"1.2.3\">: can't evaluate field \
             LessThan in type semver.Version",
        ),
    ]);
}

#[test]
fn versions_have_masterminds_methods() {
    check(&[
        (
            r#"{{ (semver "v1.2.3").SetPrerelease "rc.1" }}"#,
            "1.2.3-rc.1",
        ),
        (r#"{{ (semver "v1.2.3-a+b").SetPrerelease "" }}"#, "1.2.3+b"),
        (
            r#"{{ (semver "1.2.3-a").SetMetadata "b.7" }}"#,
            "1.2.3-a+b.7",
        ),
        (
            r#"{{ ((semver "1.2.3").SetPrerelease "rc.1").IncPatch }}"#,
            "1.2.3",
        ),
        (
            r#"{{ (semver "1.2.3").SetPrerelease "rc..1" }}"#,
            "error calling SetPrerelease: invalid prerelease string",
        ),
        (
            r#"{{ (semver "1.2.3").SetPrerelease "01" }}"#,
            "error calling SetPrerelease: version segment starts with 0",
        ),
        (
            r#"{{ (semver "1.2.3").SetMetadata "a_b" }}"#,
            "error calling SetMetadata: invalid metadata string",
        ),
        (r#"{{ (semver "1.2.3").SetMetadata "01" }}"#, "1.2.3+01"),
        (
            r#"{{ (semver "1.2.3").SetMetadata 1 }}"#,
            r#"template: corners:1:32: executing "corners" at <1>: expected string; found 1"#,
        ),
        (
            r#"{{ printf "%w" ((semver "v1.2.3").SetMetadata "x") }}"#,
            "%!w(semver.Version={1 2 3  x v1.2.3+x})",
        ),
        (
            r#"{{ ((semver "v1.2.3").SetMetadata "x").Original }}"#,
            "template: corners:1:34: executing \"corners\" at <\"x\">: can't evaluate field Original in type \
             semver.Version",
        ),
    ]);
}
