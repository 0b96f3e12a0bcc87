//! URLs: Go's `net/url`, as far as `urlParse` and `urlJoin` show it.

use super::{Call, Function, Outcome};
use crate::semver::quote;
use crate::template::value::Parameter::{Dict as Dictionary, String as Str};
use crate::template::value::{Text, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[Str], parse),
    Function::new("urlJoin", &[Dictionary], join),
];

/// The parts of a URL; path and fragment are decoded.
#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: String,
    path: Vec<u8>,
    /// The path as it was written.
    raw_path: String,
    query: String,
    fragment: Vec<u8>,
    raw_fragment: String,
}

/// Where an escape stands, which decides what may be written plainly.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    User,
    Path,
    Fragment,
}

fn parse(call: &Call<'_>) -> Outcome {
    let text = call.str(0);
    let url = read(&text).map_err(|error| format!("unable to parse url: {error}"))?;
    let entry = |key: &str, value: &[u8]| (Text::from(key), Value::from(value));
    call.new_dict(vec![
        entry("scheme", url.scheme.as_bytes()),
        entry("host", url.host.as_bytes()),
        entry("hostname", hostname(&url.host).as_bytes()),
        entry("path", &url.path),
        entry("query", url.query.as_bytes()),
        entry("opaque", url.opaque.as_bytes()),
        entry("fragment", &url.fragment),
        entry("userinfo", user_text(&url).as_bytes()),
    ])
}

fn join(call: &Call<'_>) -> Outcome {
    let dict = call.dict(0);
    let get = |key: &str| match dict.get(key.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.to_vec()),
        Some(other) => {
            let kind = other
                .go_type()
                .map_or("invalid", |go_type| go_type.kind_name());
            Err(format!(
                "unable to parse {key} key, must be of type string, but {kind} found"
            ))
        }
    };
    let text = |key: &str| get(key).map(|text| String::from_utf8_lossy(&text).into_owned());
    let mut url = Url {
        scheme: text("scheme")?,
        host: text("host")?,
        path: get("path")?,
        query: text("query")?,
        opaque: text("opaque")?,
        fragment: get("fragment")?,
        ..Url::default()
    };
    let user = text("userinfo")?;
    if !user.is_empty() {
        let whole = format!("proto://{user}@host");
        let parsed = read(&whole);
        url.user = parsed
            .map_err(|error| format!("unable to parse userinfo in dict: {error}"))?
            .user;
    }
    call.string(written(&url))
}

fn read(text: &str) -> Result<Url, String> {
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    // The complaint shows as much as was looked at.
    let complaint = |shown: &str, error: String| format!("parse {}: {error}", quote(shown));
    let mut url = read_request(before).map_err(|error| complaint(before, error))?;
    url.fragment = decode(fragment, Part::Fragment).map_err(|error| complaint(text, error))?;
    fragment.clone_into(&mut url.raw_fragment);
    Ok(url)
}

fn read_request(text: &str) -> Result<Url, String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let mut url = Url::default();
    if text == "*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, mut rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    if let Some((before, query)) = rest.split_once('?') {
        query.clone_into(&mut url.query);
        rest = before;
    }
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            rest.clone_into(&mut url.opaque);
            return Ok(url);
        }
        let first = rest.split('/').next().unwrap_or_default();
        if first.contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let authority = rest
        .strip_prefix("//")
        .filter(|_| !url.scheme.is_empty() || !rest.starts_with("///"));
    if let Some(authority) = authority {
        let end = authority.find('/').unwrap_or(authority.len());
        let (authority, path) = authority.split_at(end);
        rest = path;
        read_authority(&mut url, authority)?;
    }
    url.path = decode(rest, Part::Path)?;
    rest.clone_into(&mut url.raw_path);
    Ok(url)
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at > 0 => return Ok((&text[..at], &text[at + 1..])),
            b':' => return Err("missing protocol scheme".to_owned()),
            _ => break,
        }
    }
    Ok(("", text))
}

fn read_authority(url: &mut Url, authority: &str) -> Result<(), String> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    url.host = read_host(host)?;
    let Some(user) = user else { return Ok(()) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(allowed) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    url.user = Some(match user.split_once(':') {
        None => (decode(user, Part::User)?, None),
        Some((name, password)) => (
            decode(name, Part::User)?,
            Some(decode(password, Part::User)?),
        ),
    });
    Ok(())
}

fn read_host(host: &str) -> Result<String, String> {
    let port_of = |text: &str| {
        let good = text.is_empty()
            || text
                .strip_prefix(':')
                .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        if good {
            Ok(())
        } else {
            Err(format!("invalid port {} after host", quote(text)))
        }
    };
    if host.starts_with('[') {
        let Some(end) = host.rfind(']') else {
            return Err("missing ']' in host".to_owned());
        };
        port_of(&host[end + 1..])?;
    } else if let Some(colon) = host.rfind(':') {
        port_of(&host[colon..])?;
    }
    let decoded = decode(host, Part::Host)?;
    Ok(String::from_utf8_lossy(&decoded).into_owned())
}

/// Percent escapes, as a part of a URL may have them.
fn decode(text: &str, part: Part) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if byte == b'%' {
            let digit = |index: usize| {
                bytes
                    .get(at + index)
                    .and_then(|byte| char::from(*byte).to_digit(16))
                    .and_then(|digit| u8::try_from(digit).ok())
            };
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                let cut = &bytes[at..bytes.len().min(at + 3)];
                let cut = String::from_utf8_lossy(cut).into_owned();
                return Err(format!("invalid URL escape {}", quote(&cut)));
            };
            let value = high << 4 | low;
            // A host may only escape what is not ASCII.
            if part == Part::Host && value < 0x80 && &bytes[at..at + 3] != b"%25" {
                let cut = String::from_utf8_lossy(&bytes[at..at + 3]).into_owned();
                return Err(format!("invalid URL escape {}", quote(&cut)));
            }
            decoded.push(value);
            at += 3;
            continue;
        }
        if part == Part::Host && byte < 0x80 && !is_host_byte(byte) {
            let shown = quote(&char::from(byte).to_string());
            return Err(format!("invalid character {shown} in host name"));
        }
        decoded.push(byte);
        at += 1;
    }
    Ok(decoded)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

fn plain_in(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return true;
    }
    match part {
        Part::Host => is_host_byte(byte),
        Part::User => b"$&+,;=".contains(&byte),
        Part::Path => b"$&+,/:;=@".contains(&byte),
        Part::Fragment => b"$&+,/:;=?@!()*'".contains(&byte),
    }
}

fn encode(text: &[u8], part: Part) -> String {
    text.iter().fold(String::new(), |mut encoded, byte| {
        if plain_in(*byte, part) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// A part as it was written, where that is a spelling of its value.
fn spelled(value: &[u8], raw: &str, part: Part) -> String {
    let also: &[u8] = b"!$&'()*+,;=:@[]/";
    let valid = raw
        .bytes()
        .all(|byte| byte == b'%' || also.contains(&byte) || plain_in(byte, part));
    if !raw.is_empty() && valid && decode(raw, part).is_ok_and(|decoded| decoded == value) {
        return raw.to_owned();
    }
    if part == Part::Path && value == b"*" {
        return "*".to_owned();
    }
    encode(value, part)
}

fn user_text(url: &Url) -> String {
    match &url.user {
        None => String::new(),
        Some((name, None)) => encode(name, Part::User),
        Some((name, Some(password))) => format!(
            "{}:{}",
            encode(name, Part::User),
            encode(password, Part::User)
        ),
    }
}

fn hostname(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[')
        && let Some(end) = rest.rfind(']')
    {
        return &rest[..end];
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// `URL.String`.
fn written(url: &Url) -> String {
    let mut text = String::new();
    if !url.scheme.is_empty() {
        text.push_str(&url.scheme);
        text.push(':');
    }
    if url.opaque.is_empty() {
        if !url.scheme.is_empty() || !url.host.is_empty() || url.user.is_some() {
            if !url.host.is_empty() || !url.path.is_empty() || url.user.is_some() {
                text.push_str("//");
            }
            if url.user.is_some() {
                text.push_str(&user_text(url));
                text.push('@');
            }
            text.push_str(&encode(url.host.as_bytes(), Part::Host));
        }
        let path = spelled(&url.path, &url.raw_path, Part::Path);
        if !path.is_empty() && !path.starts_with('/') && !url.host.is_empty() {
            text.push('/');
        }
        // A colon in the first segment would read as a scheme.
        if text.is_empty()
            && path
                .split('/')
                .next()
                .is_some_and(|first| first.contains(':'))
        {
            text.push_str("./");
        }
        text.push_str(&path);
    } else {
        text.push_str(&url.opaque);
    }
    if !url.query.is_empty() {
        text.push('?');
        text.push_str(&url.query);
    }
    if !url.fragment.is_empty() {
        text.push('#');
        text.push_str(&spelled(&url.fragment, &url.raw_fragment, Part::Fragment));
    }
    text
}
