//! Following changes.

use std::ops::ControlFlow;
use std::sync::mpsc;

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::ports::{Cluster as _, ObjectChange, ObjectScope, Objects as _};
use serde_json::json;

use super::kube::{Profile, cluster};
use super::scripted::{Answer, Scripted, json as json_answer};
use super::{live, live_at, policy, run, within};

fn describe(change: &ObjectChange) -> String {
    let (word, object) = match change {
        ObjectChange::Added(object) => ("added", object),
        ObjectChange::Modified(object) => ("modified", object),
        ObjectChange::Deleted(object) => ("deleted", object),
    };
    format!("{word} {}", object["metadata"]["name"].as_str().unwrap())
}

#[test]
fn a_watch_tells_what_is_there_and_every_change_after() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    cluster.apply(&policy("v1", &namespace, "first"));
    let (send, receive) = mpsc::channel();
    let watcher = {
        let namespace = namespace.clone();
        std::thread::spawn(move || {
            let live = live(cluster, "reader");
            let mut count = 0;
            run(
                live.watch(Kind::ImagePolicy, &within(&namespace), "", &mut |change| {
                    count += 1;
                    send.send(describe(&change)).unwrap();
                    if count == 4 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                }),
            )
        })
    };
    assert_eq!(receive.recv().unwrap(), "added first");
    cluster.apply(&policy("v1", &namespace, "second"));
    assert_eq!(receive.recv().unwrap(), "added second");
    let path =
        format!("/apis/image.toolkit.fluxcd.io/v1/namespaces/{namespace}/imagepolicies/first");
    cluster.request("PATCH", &path, Some(&json!({"spec": {"suspend": true}})));
    assert_eq!(receive.recv().unwrap(), "modified first");
    cluster.request("DELETE", &path, None);
    assert_eq!(receive.recv().unwrap(), "deleted first");
    watcher.join().unwrap().unwrap();
}

#[test]
fn a_watch_from_a_list_tells_only_what_came_after() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    cluster.apply(&policy("v1", &namespace, "first"));
    let live = live(cluster, "reader");
    let scope = within(&namespace);
    let from = run(live.list_each(Kind::ImagePolicy, &scope, &mut |_| {})).unwrap();
    cluster.apply(&policy("v1", &namespace, "second"));
    let mut seen = Vec::new();
    run(live.watch(Kind::ImagePolicy, &scope, &from, &mut |change| {
        seen.push(describe(&change));
        ControlFlow::Break(())
    }))
    .unwrap();
    assert_eq!(seen, ["added second"]);
}

#[test]
fn a_watch_that_may_not_be_is_an_error() {
    let cluster = cluster(Profile::Today);
    let error = run(live(cluster, "nobody").watch(
        Kind::ImagePolicy,
        &within("apps"),
        "",
        &mut |_| ControlFlow::Continue(()),
    ));
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("cannot watch resource \"imagepolicies\""),
        "{text}"
    );
}

#[test]
fn a_watch_that_ends_goes_on_where_it_was_and_one_that_is_too_old_begins_anew() {
    let event = |kind: &str, name: &str, version: &str| {
        format!(
            "{}\n",
            json!({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}})
        )
    };
    let server = Scripted::start(move |number, seen| match number {
        0 => json_answer(200, &json!({"resources": [{"name": "imagepolicies"}]})),
        1 => {
            assert!(seen.line.contains("resourceVersion=7"), "{}", seen.line);
            Answer::Body(200, "application/json", event("ADDED", "a", "8"))
        }
        2 => {
            assert!(seen.line.contains("resourceVersion=8"), "{}", seen.line);
            Answer::Body(
                200,
                "application/json",
                format!(
                    "{}{}\n",
                    event("BOOKMARK", "", "9"),
                    json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
                ),
            )
        }
        _ => {
            assert!(!seen.line.contains("resourceVersion"), "{}", seen.line);
            Answer::Body(200, "application/json", event("ADDED", "b", "20"))
        }
    });
    let mut seen = Vec::new();
    let scope = ObjectScope::default();
    run(
        live_at(&server.url).watch(Kind::ImagePolicy, &scope, "7", &mut |change| {
            seen.push(describe(&change));
            if seen.len() == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }),
    )
    .unwrap();
    assert_eq!(seen, ["added a", "added b"]);
}
