//! What a missing right looks like.

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::ports::{Cluster as _, ObjectScope, Objects as _, WriteOptions};
use serde_json::json;

use super::kube::{Profile, cluster};
use super::{key, live, reason, repository, run, within};

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
