//! The two users' walk-throughs with their objects in the cluster.

use serde_json::{Value, json};

use super::kube::Profile;
use super::scene::{Scene, condition};
use super::support::walk_through::{
    HUGO_TAGS, HUGOAPP, PODINFO, PODINFO_TAGS, fenced, flux_command, kustomization,
};

/// The kustomization of the text with markers of the scene's namespace.
fn podinfo_files() -> String {
    kustomization(":name", ":tag").replace("flux-system:", "NAMESPACE:")
}

#[test]
fn podinfo_is_created_in_the_cluster_and_reconciled_from_here() {
    let scene = Scene::new(
        Profile::Today,
        &[("stefanprodan/podinfo", PODINFO_TAGS)],
        &[("clusters/my-cluster/kustomization.yaml", &podinfo_files())],
    );
    for block in fenced(PODINFO, "sh") {
        let (words, _file) = flux_command(block);
        let host = scene.stage.registry.host();
        let words: Vec<String> = words
            .into_iter()
            .filter(|word| word != "--export")
            .map(|word| word.replace("ghcr.io/", &format!("{host}/")))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let created = scene.ok(&words).stdout;
        assert!(created.contains(" created"), "{created}");
    }
    let diff = scene.run(&["diff"]);
    assert_eq!(diff.code, 1, "{}{}", diff.stdout, diff.stderr);
    assert!(diff.stdout.contains("+  newTag: 5.2.1 "), "{}", diff.stdout);
    assert!(scene.read("imagepolicies", "podinfo")["status"]["latestRef"].is_null());

    let mark = scene.cluster.mark();
    let done = scene.ok(&["reconcile"]).stdout;
    assert!(done.contains("pushed commit"), "{done}");
    assert_eq!(
        scene.requests(mark),
        [
            "list imageupdateautomations 200",
            "list imagepolicies 200",
            "get imagerepositories/podinfo 200",
            "get gitrepositories/flux-system 200",
            "patch imagerepositories/podinfo/status 200",
            "patch imagepolicies/podinfo/status 200",
            "patch imageupdateautomations/flux-system/status 200",
        ]
    );
    let marker = format!(
        "# {{\"$imagepolicy\": \"{}:podinfo:tag\"}}",
        scene.namespace
    );
    assert_eq!(
        scene.stage.changed_lines("main"),
        [
            format!("-  newTag: 5.0.0 {marker}"),
            format!("+  newTag: 5.2.1 {marker}")
        ]
    );
    assert_podinfo_statuses(&scene);
    let tables = scene.ok(&["get", "images", "all"]).stdout;
    for text in [
        "successful scan: found 7 tags",
        "resolved to 5.2.1",
        "repository up-to-date",
    ] {
        assert!(tables.contains(text), "{text}: {tables}");
    }
    assert_eq!(scene.run(&["diff"]).code, 0);
    scene.stage.fleet.assert_sound();
}

fn assert_podinfo_statuses(scene: &Scene) {
    let image = scene.image("stefanprodan/podinfo");
    let repository = scene.read("imagerepositories", "podinfo");
    let status = &repository["status"];
    assert_eq!(status["canonicalImageName"], json!(image));
    assert_eq!(status["lastScanResult"]["tagCount"], 7);
    assert_eq!(status["lastScanResult"]["latestTags"][0], "latest");
    assert_eq!(status["observedExclusionList"], json!(["^.*\\.sig$"]));
    let revision = status["lastScanResult"]["revision"].as_str().unwrap();
    assert_ready(
        &repository,
        &format!("successful scan: found 7 tags with checksum {revision}"),
    );

    let policy = scene.read("imagepolicies", "podinfo");
    assert_eq!(
        policy["status"]["latestRef"],
        json!({"name": image, "tag": "5.2.1"})
    );
    assert_ready(
        &policy,
        &format!("Latest image tag for {image} resolved to 5.2.1"),
    );

    let update = scene.read("imageupdateautomations", "flux-system");
    let status = &update["status"];
    let tip = scene.stage.fleet.tip("refs/heads/main").unwrap();
    assert_eq!(status["lastPushCommit"], json!(tip));
    assert_eq!(
        status["observedSourceRevision"],
        json!(format!("main@sha1:{tip}"))
    );
    assert_eq!(
        status["observedPolicies"],
        json!({"podinfo": {"name": image, "tag": "5.2.1"}})
    );
    assert!(status["lastPushTime"].is_string() && status["lastAutomationRunTime"].is_string());
    assert_ready(&update, "repository up-to-date");
}

#[track_caller]
fn assert_ready(object: &Value, message: &str) {
    let ready = condition(object, "Ready");
    assert_eq!(ready["status"], "True", "{object}");
    assert_eq!(ready["reason"], "Succeeded");
    assert_eq!(ready["message"], json!(message));
    assert_eq!(
        ready["observedGeneration"],
        object["metadata"]["generation"]
    );
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
    assert_eq!(object["status"]["conditions"].as_array().unwrap().len(), 1);
    let writers: Vec<&Value> = object["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|field| field["subresource"] == "status")
        .map(|field| &field["manager"])
        .collect();
    assert_eq!(writers, ["kubectl-imageupdate"]);
}

/// The objects of the text, applied by stock kubectl.
fn hugoapp(profile: Profile, version: &str) {
    let deploy = fenced(HUGOAPP, "yaml")
        .into_iter()
        .find(|block| block.contains("kind: Deployment"))
        .expect("the deployment")
        .replace("alfonsofortunato/", "HOST/alfonsofortunato/")
        .replace("flux-system:", "NAMESPACE:");
    let scene = Scene::new(
        profile,
        &[("alfonsofortunato/hugo-app", HUGO_TAGS)],
        &[("hugo-app-manifests/deploy.yaml", &deploy)],
    );
    for block in fenced(HUGOAPP, "yaml")
        .iter()
        .filter(|block| block.contains("kind: Image"))
    {
        let block = block
            .replace(
                "image: alfonsofortunato/",
                &format!("image: {}/alfonsofortunato/", scene.stage.registry.host()),
            )
            .replace(
                "toolkit.fluxcd.io/v1beta1",
                &format!("toolkit.fluxcd.io/{version}"),
            )
            .replace(
                "namespace: flux-system",
                &format!("namespace: {}", scene.namespace),
            );
        for document in block.split("\n---") {
            let object: Value = serde_saphyr::from_str(document).unwrap();
            scene.cluster.apply(&object);
        }
    }
    let answer = scene.ok(&["reconcile"]);
    assert!(answer.stdout.contains("pushed commit"), "{}", answer.stdout);
    let image = scene.image("alfonsofortunato/hugo-app");
    let tag = "master-0a1b2c3d-1625931600";
    assert!(
        scene.stage.changed_lines("main")[1].contains(&format!("image: {image}:{tag} ")),
        "{:?}",
        scene.stage.changed_lines("main")
    );
    let mark = scene.cluster.mark();
    let again = scene.ok(&["reconcile"]).stdout;
    assert!(again.contains("repository up-to-date"), "{again}");
    // Nothing changed for the policy, so nothing is written to it. The others have new times, or not
    // even those when the runs fall into one second.
    let written: Vec<String> = scene
        .requests(mark)
        .into_iter()
        .filter(|line| line.starts_with("patch"))
        .collect();
    assert!(
        !written.iter().any(|line| line.contains("imagepolicies")),
        "{written:?}"
    );
    let policies = format!(
        "/apis/image.toolkit.fluxcd.io/{version}/namespaces/{}/imagepolicies",
        scene.namespace
    );
    let policy = &scene.cluster.read(&policies)["items"][0];
    let status = &policy["status"];
    if version == "v1" {
        assert_eq!(status["latestRef"], json!({"name": image, "tag": tag}));
        assert!(status["latestImage"].is_null());
    } else {
        assert_eq!(status["latestImage"], json!(format!("{image}:{tag}")));
    }
}

#[test]
fn hugoapp_in_a_cluster_of_today() {
    hugoapp(Profile::Today, "v1");
}

#[test]
fn hugoapp_as_its_author_wrote_it_in_a_cluster_of_yesterday() {
    hugoapp(Profile::Legacy, "v1beta1");
}
