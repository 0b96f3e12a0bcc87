//! Certificates and private keys: the arguments are checked as sprig checks them, and nothing is
//! made. A key in a commit message is a key that everybody who reads the repository has; and a
//! certificate begins to be valid at a time, which needs the clock.

use core::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Call, Function, Outcome};
use crate::template::value::Parameter::{Int, List, Object, String as Str};
use crate::template::value::{Parameter, Type, Value};

static CERTIFICATE: Type = Type::structure("sprig.certificate");
const SIGNED: &[Parameter] = &[Str, List, List, Int, Object(&CERTIFICATE)];
const SIGNED_WITH_KEY: &[Parameter] = &[Str, List, List, Int, Object(&CERTIFICATE), Str];
const KEY_TYPES: &[&[u8]] = &[b"", b"rsa", b"dsa", b"ecdsa", b"ed25519"];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("genPrivateKey", &[Str], |call| {
        if KEY_TYPES.contains(&call.text(0)) {
            return refused();
        }
        call.string(format!("Unknown type {}", call.str(0)))
    }),
    Function::new("genCA", &[Str, Int], |_| refused()),
    Function::new("genCAWithKey", &[Str, Int, Str], |call| {
        key(call, 2).and_then(|()| refused())
    }),
    Function::new("genSelfSignedCert", &[Str, List, List, Int], |call| {
        names(call).and_then(|()| refused())
    }),
    Function::new(
        "genSelfSignedCertWithKey",
        &[Str, List, List, Int, Str],
        |call| {
            key(call, 4)
                .and_then(|()| names(call))
                .and_then(|()| refused())
        },
    ),
    Function::new("genSignedCert", SIGNED, |call| {
        names(call).and_then(|()| refused())
    }),
    Function::new("genSignedCertWithKey", SIGNED_WITH_KEY, |call| {
        key(call, 5)
            .and_then(|()| names(call))
            .and_then(|()| refused())
    }),
    Function::new("buildCustomCert", &[Str, Str], build),
];

/// What the functions say where sprig makes something.
fn refused() -> Outcome {
    Err("certificates and private keys have no place in a commit message".to_owned())
}

/// A private key among the arguments.
fn key(call: &Call<'_>, index: usize) -> Result<(), String> {
    if call.str(index).contains("-----BEGIN ") {
        return Ok(());
    }
    Err("parsing private key: no PEM data in input".to_owned())
}

/// Addresses and host names.
fn names(call: &Call<'_>) -> Result<(), String> {
    let items = |index: usize| match call.value(index) {
        Value::List(list) => list.values(),
        _ => &[],
    };
    let shown = |value: &Value| {
        call.plain(value)
            .map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    for address in items(1) {
        let text = shown(address)?;
        if !matches!(address, Value::String(_)) {
            return Err(format!("error parsing ip: {text} is not a string"));
        }
        if text.parse::<IpAddr>().is_err() {
            return Err(format!("error parsing ip: {text}"));
        }
    }
    for name in items(2) {
        if !matches!(name, Value::String(_)) {
            let text = shown(name)?;
            return Err(format!(
                "error processing alternate dns name: {text} is not a string"
            ));
        }
    }
    Ok(())
}

fn build(call: &Call<'_>) -> Outcome {
    let Ok(certificate) = BASE64_STANDARD.decode(call.text(0)) else {
        return Err("unable to decode base64 certificate".to_owned());
    };
    if BASE64_STANDARD.decode(call.text(1)).is_err() {
        return Err("unable to decode base64 private key".to_owned());
    }
    if !String::from_utf8_lossy(&certificate).contains("-----BEGIN ") {
        return Err("unable to decode certificate".to_owned());
    }
    refused()
}
