//! The program on clusters that serve v1beta2 or only v1beta1.

use serde_json::json;

use super::controller::{Controller, Reaction, ready};
use super::kube::{Profile, cluster, definitions};
use super::scene::{Scene, condition};

const TAGS: &[&str] = &["1.0.0", "1.1.0"];
const KINDS: [&str; 3] = [
    "imagerepositories",
    "imagepolicies",
    "imageupdateautomations",
];

/// Everything once in a cluster that serves `version` as its best.
fn everything(profile: Profile, version: &str) {
    let scene = Scene::with_app(profile, version, TAGS);
    let diff = scene.run(&["diff"]);
    assert_eq!(diff.code, 1, "{}", diff.stderr);
    let done = scene.ok(&["reconcile"]);
    assert!(done.stdout.contains("pushed commit"), "{}", done.stdout);
    // A field that this version lacks is not warned about; that the version is old may be.
    assert!(!done.stderr.contains("unknown field"), "{}", done.stderr);
    assert_eq!(scene.deployed("main"), "app:1.1.0");
    for plural in KINDS {
        let object = scene.read_as(version, plural, "app");
        let ready = condition(&object, "Ready");
        assert_eq!(ready["status"], "True", "{plural}: {object}");
        assert_eq!(object["status"]["observedGeneration"], 1);
    }
    let image = scene.image("team/app");
    let policy = scene.read_as(version, "imagepolicies", "app");
    assert_eq!(
        policy["status"]["latestImage"],
        json!(format!("{image}:1.1.0"))
    );
    let update = scene.read_as(version, "imageupdateautomations", "app");
    let tip = scene.stage.fleet.tip("refs/heads/main").unwrap();
    assert_eq!(update["status"]["lastPushCommit"], json!(tip));
    let observed = &update["status"]["observedPolicies"]["app"]["tag"];
    if version == "v1beta1" {
        assert!(observed.is_null() && policy["status"]["latestRef"].is_null());
    } else {
        assert_eq!(*observed, "1.1.0");
        assert_eq!(policy["status"]["latestRef"]["tag"], "1.1.0");
    }
    let tables = scene.ok(&["get", "all"]).stdout;
    assert!(tables.contains("resolved to 1.1.0"), "{tables}");
    let exported = scene.ok(&["export", "policy", "app"]).stdout;
    assert!(
        exported.contains(&format!("apiVersion: image.toolkit.fluxcd.io/{version}")),
        "{exported}"
    );
    let again = scene.ok(&["reconcile"]).stdout;
    assert!(again.contains("repository up-to-date"), "{again}");
    request(&scene, version);
}

/// Policies of these versions do not tell that they handled a request.
fn request(scene: &Scene, version: &str) {
    let reactions = ["imagerepositories", "imageupdateautomations"].map(|plural| Reaction {
        path: scene
            .path(plural, "app")
            .replace("/v1/", &format!("/{version}/")),
        status: ready("True", "Succeeded", "done by the controller"),
        consequences: Vec::new(),
    });
    let controller = Controller::start(scene, reactions.into());
    let requested = scene.ok(&["reconcile", "--request", "--timeout=20s"]);
    assert_eq!(
        controller.handled(),
        ["imagerepositories", "imageupdateautomations"]
    );
    assert!(
        requested
            .stdout
            .contains("imagepolicy.image.toolkit.fluxcd.io/app reconciled: "),
        "{}",
        requested.stdout
    );
}

#[test]
fn a_cluster_of_v1beta2() {
    everything(Profile::Legacy, "v1beta2");
}

#[test]
fn a_cluster_of_v1beta1_alone() {
    let cluster = cluster(Profile::Bare);
    let _alone = super::BARE.lock();
    let mut old = definitions("legacy");
    for definition in &mut old {
        let versions = definition["spec"]["versions"].as_array_mut().unwrap();
        versions.retain(|version| version["name"] == "v1beta1");
        versions[0]["storage"] = true.into();
    }
    let sources = definitions("v1")
        .into_iter()
        .filter(|definition| definition["spec"]["names"]["kind"] == "GitRepository");
    old.extend(sources);
    cluster.install(&old);
    everything(Profile::Bare, "v1beta1");
    cluster.uninstall(&old);
}
