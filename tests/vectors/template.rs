//! Area `template`: the language and its functions on plain data, and commit messages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubectl_imageupdate::template::commit::{
    Change, ChangedFile, CommitData, CommitTemplate, MessageError, ObjectIdentifier, UpdatedImage,
};
use kubectl_imageupdate::template::{
    Dict, Library, List, Map, Template, Text, Value as GoValue, types,
};
use serde_json::Value;

use crate::{Case, Verdict, expect};

pub(crate) fn run(case: &Case<'_>) -> Option<Verdict> {
    let result = match case.file {
        "commit" => return Some(commit(case)),
        "parse-exec" | "sprig" => template(case),
        _ => return None,
    };
    Some(result.unwrap_or_else(Verdict::Failed))
}

/// Rule D17: where sprig makes a certificate or a private key, the function refuses. What sprig
/// itself refuses is refused in the same words, so that only made ones deviate.
fn refuses_secret(template: &str, error: &str, wanted: &str) -> bool {
    const NAMES: &[&str] = &[
        "buildCustomCert",
        "genCA",
        "genCAWithKey",
        "genPrivateKey",
        "genSelfSignedCert",
        "genSelfSignedCertWithKey",
        "genSignedCert",
        "genSignedCertWithKey",
    ];
    const REFUSAL: &str = "certificates and private keys have no place in a commit message";
    NAMES.iter().any(|name| {
        template.contains(name)
            && error.ends_with(&format!("error calling {name}: {REFUSAL}"))
            && !wanted.contains(&format!("error calling {name}: "))
    })
}

fn template(case: &Case<'_>) -> Result<Verdict, String> {
    let library = match case.value["funcs"].as_str() {
        None => Library::Sprig,
        Some("builtin") => Library::BuiltIn,
        Some(other) => return Err(format!("unknown functions {other}")),
    };
    let parsed = Template::parse_with("commit message", case.text("template"), library);
    let (stage, result) = match parsed {
        Err(error) => ("parse", Err(error.to_string())),
        Ok(template) => {
            let data = match case.value.get("dataset") {
                Some(name) => &case.document["datasets"][name.as_str().unwrap_or_default()],
                None => &case.value["data"],
            };
            let result = template.render(go_value(data)?);
            ("exec", result.map_err(|error| error.to_string()))
        }
    };
    match result {
        Ok(output) => expect_output(case, &output).map(|()| Verdict::Passed),
        Err(error) => {
            let wanted = case.text("error");
            if refuses_secret(case.text("template"), &error, wanted) {
                let field = if case.has("error") { "error" } else { "output" };
                return Ok(Verdict::Deviating(vec![("D17", field)]));
            }
            expect("stage", &stage, &case.text("stage"))?;
            expect(
                "error",
                &relaxed(&error, wanted).as_str(),
                &relaxed(wanted, wanted).as_str(),
            )
            .map(|()| Verdict::Passed)
        }
    }
}

fn expect_output(case: &Case<'_>, output: &[u8]) -> Result<(), String> {
    if case.has("any_of") {
        let wanted = case.texts("any_of");
        // The recorded orders need not be all; ours is the sorted one.
        let shuffled = |text: &str| {
            let mut words: Vec<String> = text.split(['[', ']', ' ']).map(str::to_owned).collect();
            words.sort();
            words
        };
        let output = String::from_utf8_lossy(output).into_owned();
        return expect(
            "output in some order",
            &shuffled(&output),
            &shuffled(&wanted[0]),
        );
    }
    let wanted = match case.value["output_b64"].as_str() {
        Some(text) => BASE64_STANDARD.decode(text).map_err(|e| e.to_string())?,
        None if case.has("output") => case.text("output").as_bytes().to_vec(),
        None => {
            let output = String::from_utf8_lossy(output).into_owned();
            return expect("error", &output.as_str(), &case.text("error"));
        }
    };
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    expect("output", &shown(output), &shown(&wanted))?;
    expect("bytes", &output, &wanted.as_slice())
}

/// An error without the words of Go's own runtime, where the expected one has such words; and one
/// text for an index beyond the length, whose words depend on a slice's capacity.
fn relaxed(error: &str, wanted: &str) -> String {
    const RUNTIME: &[&str] = &[
        "runtime error: ",
        "reflect: ",
        "reflect.Value.Slice: ",
        "strings: negative Repeat count",
        "interface conversion: ",
    ];
    let calls = |text: &str| {
        text.find("error calling ").and_then(|at| {
            let end = text[at..].find(": ")? + at + 2;
            Some((text[..end].to_owned(), text[end..].to_owned()))
        })
    };
    let (Some((head, tail)), Some((_, wanted))) = (calls(error), calls(wanted)) else {
        return error.to_owned();
    };
    let index = |text: &str| {
        text.starts_with("index out of range: ") || text.ends_with("index out of range")
    };
    let by_runtime = RUNTIME.iter().any(|prefix| wanted.starts_with(prefix));
    if (index(&tail) && index(&wanted)) || by_runtime {
        return head;
    }
    error.to_owned()
}

/// Typed JSON as a value; a number's type is in its spelling.
fn go_value(value: &Value) -> Result<GoValue, String> {
    Ok(match value {
        Value::Null => GoValue::Nil,
        Value::Bool(value) => GoValue::Bool(*value),
        Value::String(text) => GoValue::from(text.as_str()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => GoValue::int(integer),
            None => GoValue::Float(number.as_f64().ok_or("a float")?),
        },
        Value::Array(items) => {
            let items: Result<Vec<GoValue>, String> = items.iter().map(go_value).collect();
            GoValue::List(List::new(&types::LIST, items?))
        }
        Value::Object(fields) => {
            let mut pairs = fields.iter();
            if let (Some((tag, inner)), None) = (pairs.next(), pairs.next())
                && tag.starts_with('$')
            {
                return tagged(tag, inner);
            }
            let mut entries = Vec::new();
            for (key, value) in fields {
                entries.push((Text::from(key.as_str()), go_value(value)?));
            }
            GoValue::Dict(Dict::new(entries))
        }
    })
}

fn tagged(tag: &str, inner: &Value) -> Result<GoValue, String> {
    let integer = || inner.as_i64().ok_or("an integer");
    let unsigned = || inner.as_u64().ok_or("an unsigned integer");
    let texts = || -> Vec<&str> {
        let items = inner.as_array().into_iter().flatten();
        items.filter_map(Value::as_str).collect()
    };
    Ok(match tag {
        "$int64" => GoValue::int64(integer()?),
        "$int32" => GoValue::Signed(integer()?, &types::INT32),
        "$uint8" => GoValue::Unsigned(unsigned()?, &types::UINT8),
        "$uint" => GoValue::Unsigned(unsigned()?, &types::UINT),
        "$float32" => {
            let text = inner.to_string();
            GoValue::Float32(text.parse().map_err(|_| "a float")?)
        }
        "$bytes" => {
            let bytes = inner.as_str().unwrap_or_default().bytes();
            let bytes = bytes.map(|byte| GoValue::Unsigned(byte.into(), &types::UINT8));
            GoValue::List(List::new(&types::BYTES, bytes.collect()))
        }
        "$strings" => {
            let texts = texts().into_iter().map(GoValue::from).collect();
            GoValue::List(List::new(&types::STRINGS, texts))
        }
        "$ints" => {
            let numbers = inner.as_array().into_iter().flatten();
            let numbers = numbers.filter_map(Value::as_i64).map(GoValue::int);
            GoValue::List(List::new(&types::INTS, numbers.collect()))
        }
        "$smap" => GoValue::Map(match inner.as_object() {
            None => Map::nil(&types::STRING_MAP),
            Some(fields) => Map::of_strings(
                fields
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default())),
            ),
        }),
        "$imap" => {
            let mut entries = Vec::new();
            for (key, value) in inner.as_object().into_iter().flatten() {
                let key = key.parse().map_err(|_| "an integer key")?;
                let value = value.as_str().unwrap_or_default();
                entries.push((GoValue::int(key), GoValue::from(value)));
            }
            GoValue::Map(Map::new(&types::INT_MAP, entries))
        }
        other => return Err(format!("unknown type {other}")),
    })
}

/// What the controllers say about `.Updated`, which rule D12 is about.
const REMOVED_UPDATED: &str = "template uses removed '.Updated' field. ";

fn commit(case: &Case<'_>) -> Verdict {
    let data = commit_data(&case.document["datasets"][case.text("dataset")]);
    let parsed = CommitTemplate::parse(case.text("template"));
    let result = parsed.as_ref().map_err(Clone::clone).and_then(|template| {
        let message = template.render(&data)?;
        Ok((message, template))
    });
    if case.text("error").starts_with(REMOVED_UPDATED) {
        return match updated(result, &data) {
            Ok(()) => Verdict::Deviating(vec![("D12", "error")]),
            Err(why) => Verdict::Failed(why),
        };
    }
    let checked = match result {
        Ok((message, template)) => expect("error", &"", &case.text("error"))
            .and_then(|()| expect("message", &message.as_str(), &case.text("output")))
            .and_then(|()| match case.has("any_of_errors") {
                true => Err("no error".to_owned()),
                false => Ok(()),
            })
            .and_then(|()| {
                // The template works in the controllers, so that there is nothing to rewrite.
                expect(
                    "rewritten",
                    &template.rewritten().as_str(),
                    &case.text("template"),
                )
            }),
        Err(error) => {
            let error = error.to_string();
            if case.has("any_of_errors") {
                let known = case.texts("any_of_errors");
                expect("a known error", &known.contains(&error), &true)
            } else {
                let wanted = case.text("error");
                expect(
                    "error",
                    &relaxed(&error, wanted).as_str(),
                    &relaxed(wanted, wanted).as_str(),
                )
            }
        }
    };
    checked.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

/// Rule D12: rendered as v1beta1 did, with a warning and a rewritten template that the controllers
/// take. What v1beta1 did not have either is an error here too, of that time's type.
fn updated(
    result: Result<(String, &CommitTemplate), MessageError>,
    data: &CommitData,
) -> Result<(), String> {
    let (_, template) = match result {
        Ok(found) => found,
        Err(MessageError::Run(error)) => {
            let text = error.to_string();
            return expect(
                "an error inside .Updated",
                &text.contains(".Updated"),
                &true,
            );
        }
        Err(error) => return Err(error.to_string()),
    };
    expect("a warning", &template.uses_updated(), &true)?;
    let rewritten = CommitTemplate::parse(&template.rewritten()).map_err(|e| e.to_string())?;
    let mentions = rewritten.uses_updated();
    if !mentions {
        rewritten.render(data).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn commit_data(dataset: &Value) -> CommitData {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let change = |value: &Value| Change {
        old: text(&value["old"]),
        new: text(&value["new"]),
        setter: text(&value["setter"]),
    };
    let object = |value: &Value| {
        let identifier = ObjectIdentifier {
            api_version: text(&value["apiVersion"]),
            kind: text(&value["kind"]),
            name: text(&value["name"]),
            namespace: text(&value["namespace"]),
        };
        (
            identifier,
            list(&value["changes"]).iter().map(change).collect(),
        )
    };
    let files: Vec<ChangedFile> = list(&dataset["files"])
        .iter()
        .map(|file| ChangedFile {
            path: text(&file["path"]),
            objects: list(&file["objects"]).iter().map(object).collect(),
        })
        .collect();
    // The images of `.Updated` are not recorded; a policy chose what its plain marker wrote.
    let images = files
        .iter()
        .flat_map(|file| &file.objects)
        .flat_map(|(_, changes)| changes)
        .filter_map(|change| {
            let (namespace, policy) = change.setter.split_once(':')?;
            (!policy.contains(':')).then(|| UpdatedImage {
                namespace: namespace.to_owned(),
                policy: policy.to_owned(),
                reference: change.new.clone(),
            })
        })
        .collect();
    let values = dataset["values"].as_object().map(|values| {
        let pairs = values.iter().map(|(key, value)| (key.clone(), text(value)));
        pairs.collect::<BTreeMap<_, _>>()
    });
    CommitData {
        namespace: text(&dataset["automation"]["namespace"]),
        name: text(&dataset["automation"]["name"]),
        files,
        values,
        images,
    }
}
