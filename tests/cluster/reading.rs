//! Getting and listing.

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::ports::{ObjectScope, Objects as _};
use serde_json::{Value, json};

use super::kube::{Profile, cluster};
use super::{key, live, names, policy, repository, run, within};

#[test]
fn an_object_is_read_as_it_is_stored_with_status_and_managed_fields() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let mut object = policy("v1", &namespace, "podinfo");
    object["status"] = json!({"latestRef": {"name": "ghcr.io/example/podinfo", "tag": "1.2.3"}});
    cluster.apply(&object);

    let read = run(live(cluster, "reader").get(Kind::ImagePolicy, &key(&namespace, "podinfo")))
        .unwrap()
        .unwrap();

    assert_eq!(read["status"]["latestRef"]["tag"], "1.2.3");
    assert_eq!(read["spec"]["digestReflectionPolicy"], "Never");
    let managers = read["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        managers
            .iter()
            .any(|entry| entry["subresource"] == "status")
    );
}

#[test]
fn a_missing_object_is_none_in_one_request() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let mark = cluster.mark();
    let read = run(live(cluster, "reader").get(Kind::ImagePolicy, &key(&namespace, "none")));
    assert_eq!(read.unwrap(), None);
    let seen = cluster.audited(mark, |event| {
        event["requestURI"]
            .as_str()
            .is_some_and(|uri| uri.contains(&namespace))
    });
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].0["userAgent"], "kubectl-imageupdate/test");
}

#[test]
fn a_list_asks_once_and_keeps_to_its_scope() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    for name in ["b", "a", "c"] {
        let mut object = repository("v1", &namespace, name);
        object["metadata"]["labels"] = json!({"letter": name});
        cluster.apply(&object);
    }
    let live = live(cluster, "reader");
    let mark = cluster.mark();
    let all = run(live.list(Kind::ImageRepository, &within(&namespace))).unwrap();
    let seen = cluster.audited(mark, |event| {
        event["user"]["username"] == "reader"
            && event["requestURI"]
                .as_str()
                .is_some_and(|uri| uri.contains(&namespace))
    });
    assert_eq!(names(&all), ["a", "b", "c"]);
    assert_eq!(all[0]["kind"], "ImageRepository");
    assert_eq!(seen.len(), 1, "{seen:?}");

    let scope = ObjectScope {
        labels: Some("letter in (a,b), letter!=a".into()),
        ..within(&namespace)
    };
    let some = run(live.list(Kind::ImageRepository, &scope)).unwrap();
    assert_eq!(names(&some), ["b"]);

    let scope = ObjectScope {
        fields: Some("metadata.name=c".into()),
        namespace: None,
        labels: None,
    };
    let everywhere = run(live.list(Kind::ImageRepository, &scope)).unwrap();
    assert!(
        everywhere
            .iter()
            .any(|object| object["metadata"]["namespace"] == *namespace)
    );
    assert!(
        everywhere
            .iter()
            .all(|object| object["metadata"]["name"] == "c")
    );
}

#[test]
fn a_bad_selector_is_the_servers_error() {
    let cluster = cluster(Profile::Today);
    let scope = ObjectScope {
        labels: Some("a in (".into()),
        ..ObjectScope::default()
    };
    let error = run(live(cluster, "reader").list(Kind::ImagePolicy, &scope)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Error from server (BadRequest): "),
        "{text}"
    );
}

#[test]
fn a_long_list_comes_in_pages_and_every_object_once() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let expected: Vec<String> = (0..1203)
        .map(|number| format!("account-{number:04}"))
        .collect();
    for name in &expected {
        cluster.create(
            &path,
            &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}),
        );
    }
    let live = live(cluster, "admin");
    let mut found = Vec::new();
    let version = run(
        live.list_each(Kind::ServiceAccount, &within(&namespace), &mut |text| {
            let object: Value = serde_json::from_slice(text).unwrap();
            found.push(object["metadata"]["name"].as_str().unwrap().to_owned());
        }),
    )
    .unwrap();
    assert_eq!(found, expected);
    assert!(!version.is_empty());
}

#[test]
fn core_objects_are_read_without_discovery() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": "s"},
        "stringData": {"username": "u"},
    }));
    let live = live(cluster, "admin");
    let secret = run(live.get(Kind::Secret, &key(&namespace, "s")))
        .unwrap()
        .unwrap();
    assert_eq!(secret["data"]["username"], "dQ==");
    let read = run(live.get(Kind::Namespace, &key("", &namespace)))
        .unwrap()
        .unwrap();
    assert_eq!(
        read["metadata"]["labels"]["kubernetes.io/metadata.name"],
        *namespace
    );
    let missing = run(live.get(Kind::Namespace, &key("", "no-such-namespace"))).unwrap();
    assert_eq!(missing, None);
}
