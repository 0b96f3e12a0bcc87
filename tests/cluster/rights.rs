//! What a missing right looks like.

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::cluster::LiveCluster;
use kubectl_imageupdate::ports::{
    Cluster as _, ObjectScope, Objects as _, ObjectsError, PatchKind, WriteOptions,
};
use serde_json::json;

use super::kube::{Profile, cluster};
use super::{key, live, policy, reason, repository, run, settings, within};

#[test]
fn a_forbidden_list_names_user_verb_resource_and_namespace() {
    let cluster = cluster(Profile::Today);
    let error = run(live(cluster, "nobody").list(Kind::ImagePolicy, &within("apps"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Error from server (Forbidden): imagepolicies.image.toolkit.fluxcd.io is forbidden: User \
         \"nobody\" cannot list resource \"imagepolicies\" in API group \
         \"image.toolkit.fluxcd.io\" in the namespace \"apps\""
    );
    let scope = ObjectScope::default();
    let error = run(live(cluster, "nobody").list(Kind::ImagePolicy, &scope)).unwrap_err();
    assert!(
        error.to_string().ends_with("at the cluster scope"),
        "{error}"
    );
}

#[test]
fn a_reader_of_one_namespace_reads_there_and_nowhere_else() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    cluster.apply(&repository("v1", &namespace, "podinfo"));
    let rules = json!([{
        "apiGroups": ["image.toolkit.fluxcd.io"], "resources": ["imagerepositories"],
        "verbs": ["get", "list", "watch"],
    }]);
    cluster.kubeconfig_with_rules("nsreader", Some(&namespace), &rules);
    let live = live(cluster, "nsreader");
    let listed = run(live.list(Kind::ImageRepository, &within(&namespace))).unwrap();
    assert_eq!(listed.len(), 1);
    let elsewhere = run(live.list(Kind::ImageRepository, &ObjectScope::default()));
    assert_eq!(reason(&elsewhere.unwrap_err()), (403, "Forbidden"));
    let other = run(live.list(Kind::ImagePolicy, &within(&namespace)));
    assert_eq!(reason(&other.unwrap_err()), (403, "Forbidden"));
}

#[test]
fn a_reader_cannot_write_and_is_told_the_verb() {
    let cluster = cluster(Profile::Today);
    let namespace = cluster.namespace();
    let live = live(cluster, "reader");
    let object = repository("v1", &namespace, "podinfo");
    let error = run(live.create(Kind::ImageRepository, &object, &WriteOptions::default()));
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("cannot create resource \"imagerepositories\""),
        "{text}"
    );
    let id = key(&namespace, "podinfo");
    let error = run(live.delete(Kind::ImageRepository, &id, &WriteOptions::default()));
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("cannot delete resource \"imagerepositories\""),
        "{text}"
    );
}

fn forbidden<T: std::fmt::Debug>(answer: Result<T, ObjectsError>) -> bool {
    matches!(answer, Err(ObjectsError::Answer { code: 403, .. }))
}

/// Every role of `docs/rbac` allows what its verbs ask of the API server, and no more than that of
/// what the other ones do.
#[test]
fn the_published_roles_allow_what_they_promise_and_no_more() {
    let cluster = cluster(Profile::Today);
    let options = WriteOptions::default();
    //            role         list   secret status patch  create delete
    let expected = [
        ("view", [true, false, false, false, false, false]),
        ("plan", [true, true, false, false, false, false]),
        ("reconcile", [true, true, true, true, false, false]),
        ("create", [false, false, false, false, true, false]),
        ("maintain", [true, false, false, true, false, true]),
    ];
    for (role, allowed) in expected {
        let namespace = cluster.namespace();
        cluster.apply(&policy("v1", &namespace, "podinfo"));
        cluster.apply(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": namespace, "name": "s"},
        }));
        let kubeconfig = cluster.kubeconfig_with_role(role, Some(&namespace));
        let live = LiveCluster::new(settings(kubeconfig));
        let kind = Kind::ImagePolicy;
        let id = key(&namespace, "podinfo");
        let patch = |content: serde_json::Value, how: PatchKind| {
            run(live.patch(kind, &id, &content, how, &options))
        };
        assert!(run(live.get(kind, &id)).unwrap().is_some(), "{role}");
        let answers = [
            !forbidden(run(live.list(kind, &within(&namespace)))),
            !forbidden(run(live.get(Kind::Secret, &key(&namespace, "s")))),
            !forbidden(patch(json!({"status": {}}), PatchKind::Status)),
            !forbidden(patch(
                json!({"metadata": {"annotations": {"a": "b"}}}),
                PatchKind::Merge,
            )),
            !forbidden(run(live.create(
                kind,
                &policy("v1", &namespace, "new"),
                &options,
            ))),
            !forbidden(run(live.delete(kind, &id, &options))),
        ];
        assert_eq!(answers, allowed, "{role}");
        let reads_sources = role == "plan" || role == "reconcile";
        for (kind, id) in [
            (Kind::GitRepository, key(&namespace, "flux-system")),
            (Kind::ServiceAccount, key(&namespace, "robot")),
            (Kind::Namespace, key("", &namespace)),
        ] {
            assert_eq!(
                !forbidden(run(live.get(kind, &id))),
                reads_sources,
                "{role} {kind:?}"
            );
        }
    }
}
