//! Lists in one value of a flag, as Go's pflag reads them: one record of comma-separated values, with
//! quotes.

/// The items of one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoList(pub Vec<String>);

/// Reads a list for clap. Errors are those of Go's `encoding/csv`.
pub fn go_list(text: &str) -> Result<GoList, String> {
    if text.is_empty() {
        return Ok(GoList::default());
    }
    let mut items = Vec::new();
    let mut at = 0;
    loop {
        let (item, end) = if text[at..].starts_with('"') {
            quoted(text, at + 1)?
        } else {
            plain(text, at)?
        };
        items.push(item);
        match text[end..].strip_prefix(',') {
            Some(_) => at = end + 1,
            // A line break ends the record; what follows is another one, which is not read.
            None => return Ok(GoList(items)),
        }
    }
}

fn wrong(column: usize, what: &str) -> String {
    format!("parse error on line 1, column {column}: {what}")
}

/// An item without quotes, and where it ends.
fn plain(text: &str, start: usize) -> Result<(String, usize), String> {
    let rest = &text[start..];
    let length = rest.find([',', '\n']).unwrap_or(rest.len());
    if let Some(quote) = rest[..length].find('"') {
        return Err(wrong(start + quote + 1, "bare \" in non-quoted-field"));
    }
    Ok((rest[..length].to_owned(), start + length))
}

/// An item behind its opening quote, and where it ends.
fn quoted(text: &str, start: usize) -> Result<(String, usize), String> {
    const WHAT: &str = "extraneous or missing \" in quoted-field";
    let mut item = String::new();
    let mut at = start;
    loop {
        let Some(quote) = text[at..].find('"') else {
            return Err(wrong(text.len() + 1, WHAT));
        };
        item.push_str(&text[at..at + quote]);
        at += quote + 1;
        match text[at..].chars().next() {
            Some('"') => {
                item.push('"');
                at += 1;
            }
            None | Some(',' | '\n') => return Ok((item, at)),
            Some(_) => return Err(wrong(at, WHAT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn items_are_read_as_gos_csv_reader_does() {
        for (text, items) in [
            ("", &[][..]),
            ("a=b", &["a=b"]),
            ("a=b,c=d", &["a=b", "c=d"]),
            ("a=b,,c=d", &["a=b", "", "c=d"]),
            ("\"a=b,c\",d", &["a=b,c", "d"]),
            ("\"a\"\"b\"", &["a\"b"]),
            ("a,", &["a", ""]),
        ] {
            assert_eq!(go_list(text).unwrap().0, items, "{text}");
        }
    }

    #[test]
    fn misplaced_quotes_are_gos_errors() {
        for (text, error) in [
            (
                "\"a=b",
                "parse error on line 1, column 5: extraneous or missing \" in quoted-field",
            ),
            (
                "a\"b=c",
                "parse error on line 1, column 2: bare \" in non-quoted-field",
            ),
            (
                "\"a\"b",
                "parse error on line 1, column 3: extraneous or missing \" in quoted-field",
            ),
        ] {
            assert_eq!(go_list(text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn quoted_items_survive(items in proptest::collection::vec("[^\n]{0,8}", 1..5)) {
            let quoted: Vec<String> = items
                .iter()
                .map(|item| format!("\"{}\"", item.replace('"', "\"\"")))
                .collect();
            prop_assert_eq!(go_list(&quoted.join(",")).unwrap().0, items);
        }

        #[test]
        fn any_text_is_a_list_or_an_error(text in any::<String>()) {
            let _ = go_list(&text);
        }
    }
}
