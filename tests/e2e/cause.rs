//! Messages: the same text, or, where the text is a library's, the same cause.

/// Causes by what the controllers' libraries print for them (left) and what any of these words
/// stands for here (right). The first that is found in a recorded message is its cause.
const CAUSES: [(&str, &[&str]); 8] = [
    ("connection refused", &["connection refused"]),
    (
        "server gave HTTP response to HTTPS client",
        &["server gave HTTP response to HTTPS client"],
    ),
    (
        "certificate signed by unknown authority",
        &["certificate signed by unknown authority"],
    ),
    ("authentication required", &["authentication required"]),
    ("authorization failed", &["authorization failed"]),
    ("no such host", &["no such host"]),
    ("i/o timeout", &["i/o timeout", "timed out"]),
    ("deadline exceeded", &["deadline exceeded", "timed out"]),
];

/// Where a library's part of a message may begin.
const BEGINNINGS: [&str; 5] = [
    "Get \"",
    "GET http",
    "authentication required",
    "authorization failed",
    "dial tcp",
];

/// Compares a message with the recorded one.
pub fn same(got: &str, recorded: &str) -> Result<(), String> {
    let pattern = recorded.split("<clone>/").collect::<Vec<_>>().join("");
    if got == recorded || got == pattern {
        return Ok(());
    }
    let different = || Err(format!("got {got:?}, expected {recorded:?}"));
    let cause = CAUSES.iter().find(|(text, _)| recorded.contains(text));
    let begin = BEGINNINGS
        .iter()
        .filter_map(|beginning| recorded.find(beginning))
        .min();
    let (Some((_, words)), Some(begin)) = (cause, begin) else {
        return different();
    };
    let same_beginning = got.starts_with(&recorded[..begin]);
    if same_beginning && words.iter().any(|word| got.contains(word)) {
        Ok(())
    } else {
        different()
    }
}
