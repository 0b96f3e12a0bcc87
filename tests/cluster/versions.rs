//! Clusters of yesterday, clusters without Flux, and clusters with half of it.

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::ports::{Cluster as _, ObjectScope, Objects as _, WriteOptions};

use super::kube::{Profile, cluster, definitions};
use super::{key, live, names, policy, reason, repository, run, within};

#[test]
fn an_old_cluster_is_read_and_written_in_its_own_version() {
    let cluster = cluster(Profile::Legacy);
    let namespace = cluster.namespace();
    let mut stored = policy("v1beta1", &namespace, "podinfo");
    stored["status"] = serde_json::json!({"latestImage": "ghcr.io/example/podinfo:1.0.0"});
    cluster.apply(&stored);
    let live = live(cluster, "admin");

    let read = run(live.get(Kind::ImagePolicy, &key(&namespace, "podinfo")))
        .unwrap()
        .unwrap();
    assert_eq!(read["apiVersion"], "image.toolkit.fluxcd.io/v1beta2");
    assert_eq!(
        read["status"]["latestImage"],
        "ghcr.io/example/podinfo:1.0.0"
    );
    let listed = run(live.list(Kind::ImagePolicy, &within(&namespace))).unwrap();
    assert_eq!(names(&listed), ["podinfo"]);

    // Written as v1, stored as what the server has.
    let object = repository("v1", &namespace, "podinfo");
    let options = WriteOptions::default();
    let created = run(live.create(Kind::ImageRepository, &object, &options)).unwrap();
    assert_eq!(created["apiVersion"], "image.toolkit.fluxcd.io/v1beta2");

    // A field that v1beta2 lacks is refused by name, not dropped.
    let mut object = policy("v1", &namespace, "other");
    object["spec"]["suspend"] = true.into();
    let error = run(live.create(Kind::ImagePolicy, &object, &options)).unwrap_err();
    assert!(
        error.to_string().contains("unknown field \"spec.suspend\""),
        "{error}"
    );
}

#[test]
fn the_version_costs_nothing_once_it_is_known() {
    let cluster = cluster(Profile::Legacy);
    let namespace = cluster.namespace();
    let live = live(cluster, "admin");
    assert_eq!(
        run(live.version(Kind::ImageUpdateAutomation)).unwrap(),
        "v1beta2"
    );
    let mark = cluster.mark();
    assert_eq!(
        run(live.version(Kind::ImageUpdateAutomation)).unwrap(),
        "v1beta2"
    );
    run(live.list(Kind::ImageUpdateAutomation, &within(&namespace))).unwrap();
    let seen = cluster.audited(mark, |event| {
        event["requestURI"]
            .as_str()
            .is_some_and(|uri| uri.contains(&namespace))
    });
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn a_cluster_without_flux_lacks_the_kinds_and_one_with_half_of_it_lacks_the_other_half() {
    let cluster = cluster(Profile::Bare);
    let _alone = super::BARE.lock();
    let options = WriteOptions::default();
    let all = ObjectScope::default();
    for kind in Kind::IMAGE {
        let expected = format!(
            "the server doesn't have a resource type {:?}",
            kind.plural()
        );
        let live = live(cluster, "admin");
        let error = run(live.list(kind, &all)).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let error = run(live.get(kind, &key("default", "x"))).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let error = run(live.version(kind)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let object = repository("v1", "default", "x");
    let error = run(live(cluster, "admin").create(Kind::ImageRepository, &object, &options));
    assert!(error.unwrap_err().to_string().contains("resource type"));
    // Without rights the server does not say what it has.
    let error = run(live(cluster, "nobody").list(Kind::ImagePolicy, &all)).unwrap_err();
    assert_eq!(reason(&error), (403, "Forbidden"));

    let mut reflector = definitions("v1");
    reflector.retain(|definition| {
        let plural = &definition["spec"]["names"]["plural"];
        plural == "imagerepositories" || plural == "imagepolicies"
    });
    cluster.install(&reflector);
    let live = live(cluster, "admin");
    assert!(run(live.list(Kind::ImagePolicy, &all)).unwrap().is_empty());
    assert_eq!(run(live.version(Kind::ImageRepository)).unwrap(), "v1");
    let error = run(live.list(Kind::ImageUpdateAutomation, &all)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server doesn't have a resource type \"imageupdateautomations\""
    );
    cluster.uninstall(&reflector);
}

#[test]
fn the_kinds_of_one_cluster_may_come_in_different_versions() {
    let cluster = cluster(Profile::Bare);
    let _alone = super::BARE.lock();
    let mut mixed = definitions("legacy");
    mixed.retain(|definition| definition["spec"]["names"]["plural"] != "imagepolicies");
    for definition in &mut mixed {
        if definition["spec"]["names"]["plural"] == "imageupdateautomations" {
            let versions = definition["spec"]["versions"].as_array_mut().unwrap();
            versions.retain(|version| version["name"] == "v1beta1");
            versions[0]["storage"] = true.into();
        }
    }
    cluster.install(&mixed);
    let all = ObjectScope::default();
    let live = live(cluster, "admin");
    assert!(
        run(live.list(Kind::ImageUpdateAutomation, &all))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        run(live.version(Kind::ImageUpdateAutomation)).unwrap(),
        "v1beta1"
    );
    assert_eq!(
        live.take_warnings(),
        ["v1beta1 ImageUpdateAutomation is deprecated, upgrade to v1beta2"]
    );
    assert_eq!(run(live.version(Kind::ImageRepository)).unwrap(), "v1beta2");
    cluster.uninstall(&mixed);
}
