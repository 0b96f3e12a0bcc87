//! Creating, replacing, patching and deleting.

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::ports::{Cluster as _, Objects as _, PatchKind, WriteOptions};
use serde_json::json;

use super::kube::{Profile, cluster};
use super::{key, live, policy, reason, repository, run};

fn options() -> WriteOptions {
    WriteOptions {
        field_manager: "kubectl-imageupdate".into(),
        dry_run: false,
    }
}

#[test]
fn an_object_lives_from_create_to_delete_under_our_name() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let live = live(cluster, "admin");
    let kind = Kind::ImageRepository;
    let id = key(&namespace, "podinfo");

    let object = repository("v1", &namespace, "podinfo");
    let mut created = run(live.create(kind, &object, &options())).unwrap();
    assert_eq!(
        created["metadata"]["managedFields"][0]["manager"],
        "kubectl-imageupdate"
    );
    assert_eq!(created["spec"]["provider"], "generic");

    let again = run(live.create(kind, &object, &options())).unwrap_err();
    assert_eq!(reason(&again), (409, "AlreadyExists"));

    created["spec"]["interval"] = json!("1m");
    let replaced = run(live.replace(kind, &created, &options())).unwrap();
    assert_eq!(replaced["metadata"]["generation"], 2);
    let stale = run(live.replace(kind, &created, &options())).unwrap_err();
    assert_eq!(reason(&stale), (409, "Conflict"));

    let patch = json!({"metadata": {"annotations": {"a": "b"}}});
    let patched = run(live.patch(kind, &id, &patch, PatchKind::Merge, &options())).unwrap();
    assert_eq!(patched["metadata"]["annotations"]["a"], "b");

    run(live.delete(kind, &id, &options())).unwrap();
    assert_eq!(run(live.get(kind, &id)).unwrap(), None);
    let gone = run(live.delete(kind, &id, &options())).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "Error from server (NotFound): imagerepositories.image.toolkit.fluxcd.io \"podinfo\" not \
         found"
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let live = live(cluster, "admin");
    let options = WriteOptions {
        dry_run: true,
        ..options()
    };
    let object = repository("v1", &namespace, "podinfo");
    run(live.create(Kind::ImageRepository, &object, &options)).unwrap();
    let id = key(&namespace, "podinfo");
    assert_eq!(run(live.get(Kind::ImageRepository, &id)).unwrap(), None);

    cluster.apply(&object);
    run(live.delete(Kind::ImageRepository, &id, &options)).unwrap();
    assert!(run(live.get(Kind::ImageRepository, &id)).unwrap().is_some());
}

#[test]
fn a_status_patch_with_an_old_resource_version_is_a_conflict() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let live = live(cluster, "admin");
    let kind = Kind::ImagePolicy;
    let id = key(&namespace, "podinfo");
    let old = cluster.apply(&policy("v1", &namespace, "podinfo"));
    let status = |tag: &str| {
        json!({
            "metadata": {"resourceVersion": old["metadata"]["resourceVersion"]},
            "status": {"latestRef": {"name": "ghcr.io/example/podinfo", "tag": tag}},
        })
    };

    let first = run(live.patch(kind, &id, &status("1.0.0"), PatchKind::Status, &options()));
    let second = run(live.patch(kind, &id, &status("1.0.1"), PatchKind::Status, &options()));

    let first = first.unwrap();
    assert_eq!(first["status"]["latestRef"]["tag"], "1.0.0");
    assert_eq!(first["metadata"]["generation"], 1);
    let managers = first["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        managers
            .iter()
            .any(|entry| entry["manager"] == "kubectl-imageupdate"
                && entry["subresource"] == "status")
    );
    assert_eq!(reason(&second.unwrap_err()), (409, "Conflict"));
}

#[test]
fn what_the_server_refuses_is_told_with_its_field() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let live = live(cluster, "admin");
    let mut object = policy("v1", &namespace, "podinfo");
    object["spec"]["interval"] = json!("5m");
    let error = run(live.create(Kind::ImagePolicy, &object, &options())).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("The ImagePolicy \"podinfo\" is invalid: ")
            && text.contains("spec.interval is only accepted"),
        "{text}"
    );

    let mut object = policy("v1", &namespace, "podinfo");
    object["spec"]["imageRepository"] = json!({});
    let error = run(live.create(Kind::ImagePolicy, &object, &options())).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("unknown field \"spec.imageRepository\""),
        "{text}"
    );
}

#[test]
fn a_namespace_that_is_missing_is_told_apart_from_a_kind_that_is() {
    let cluster = cluster(Profile::Today);
    let object = repository("v1", "no-such-namespace", "podinfo");
    let error = run(live(cluster, "admin").create(Kind::ImageRepository, &object, &options()));
    assert_eq!(
        error.unwrap_err().to_string(),
        "Error from server (NotFound): namespaces \"no-such-namespace\" not found"
    );
}
