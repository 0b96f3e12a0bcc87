//! `get` and `export` against a real API server.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::kube::{Cluster, Profile, cluster};
use super::support::program::Program;

/// Three policies, one repository and one automation with status, and the program as a reader.
fn fixture(profile: Profile, version: &str) -> (&'static Cluster, String, Program) {
    let cluster = cluster(profile);
    let namespace = cluster.namespace();
    let object = |kind: &str, name: &str, spec: Value, status: Value| {
        cluster.apply(&json!({
            "apiVersion": format!("image.toolkit.fluxcd.io/{version}"), "kind": kind,
            "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
            "spec": spec, "status": status,
        }));
    };
    let ready = |message: &str| {
        json!([{
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": message,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }])
    };
    object(
        "ImageRepository",
        "podinfo",
        json!({"image": "ghcr.io/stefanprodan/podinfo", "interval": "5m"}),
        json!({
            "conditions": ready("successful scan: found 42 tags"),
            "lastScanResult": {"tagCount": 42, "scanTime": "2026-03-04T05:06:07Z"},
        }),
    );
    for (name, tag) in [("b", "1.10.0"), ("a", "1.9.0"), ("c", "")] {
        let latest = match version {
            _ if tag.is_empty() => json!({}),
            "v1beta1" => json!({"latestImage": format!("ghcr.io/stefanprodan/podinfo:{tag}")}),
            _ => json!({"latestRef": {"name": "ghcr.io/stefanprodan/podinfo", "tag": tag}}),
        };
        object(
            "ImagePolicy",
            name,
            json!({"imageRepositoryRef": {"name": "podinfo"}, "policy": {"semver": {"range": "1.x"}}}),
            latest,
        );
    }
    object(
        "ImageUpdateAutomation",
        "flux-system",
        json!({
            "interval": "30m", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            "git": {"checkout": {"ref": {"branch": "main"}},
                "commit": {"author": {"email": "flux@example.com", "name": "flux"}}},
        }),
        json!({
            "conditions": ready("repository up-to-date"),
            "lastAutomationRunTime": "2026-03-04T05:06:07Z",
            "lastPushCommit": "0123456789abcdef0123456789abcdef01234567",
        }),
    );
    let mut program = Program::new();
    program.set("KUBECONFIG", cluster.kubeconfig("reader").to_str().unwrap());
    (cluster, namespace, program)
}

#[test]
fn all_is_three_tables_for_three_lists() {
    let (cluster, namespace, program) = fixture(Profile::Today, "v1");
    let mark = cluster.mark();
    let text = program.ok(&["get", "all", "-n", &namespace]);
    assert_eq!(
        text,
        "NAME                      LAST-SCAN              SUSPENDED   READY   MESSAGE\n\
         imagerepository/podinfo   2026-03-04T05:06:07Z   False       True    successful scan: found 42 tags\n\
         \n\
         NAME            IMAGE                          TAG      READY   MESSAGE\n\
         imagepolicy/a   ghcr.io/stefanprodan/podinfo   1.9.0    False   waiting to be reconciled\n\
         imagepolicy/b   ghcr.io/stefanprodan/podinfo   1.10.0   False   waiting to be reconciled\n\
         imagepolicy/c                                           False   waiting to be reconciled\n\
         \n\
         NAME                                LAST-RUN               SUSPENDED   READY   MESSAGE\n\
         imageupdateautomation/flux-system   2026-03-04T05:06:07Z   False       True    repository up-to-date\n"
    );
    let requests = cluster.audited(mark, |event| {
        event["requestURI"]
            .as_str()
            .is_some_and(|uri| uri.contains(&namespace))
    });
    assert_eq!(requests.len(), 3, "{requests:?}");
}

#[test]
fn every_format_shows_the_stored_objects() {
    let (_, namespace, program) = fixture(Profile::Today, "v1");
    let get = |line: &str| {
        let mut arguments = vec!["get"];
        arguments.extend(line.split(' '));
        arguments.extend(["-n", &namespace]);
        program.ok(&arguments)
    };
    assert_eq!(
        get("policy -o name --sort-by=.status.latestRef.tag"),
        "imagepolicy.image.toolkit.fluxcd.io/c\nimagepolicy.image.toolkit.fluxcd.io/b\n\
         imagepolicy.image.toolkit.fluxcd.io/a\n"
    );
    let one: Value = serde_json::from_str(&get("policy/b -o json")).unwrap();
    assert_eq!(one["status"]["latestRef"]["tag"], "1.10.0");
    assert_eq!(one["metadata"].get("managedFields"), None);
    let list: Value = serde_json::from_str(&get("policy -o json")).unwrap();
    assert_eq!(
        (&list["kind"], list["items"].as_array().unwrap().len()),
        (&json!("List"), 3)
    );
    let managed = get("policy b -o yaml --show-managed-fields");
    assert!(managed.contains("managedFields:"), "{managed}");
    assert_eq!(
        get("policy b -o jsonpath={.status.latestRef.tag}"),
        "1.10.0"
    );
    assert_eq!(
        get("policy --no-headers -o custom-columns=N:.metadata.name,T:.status.latestRef.tag"),
        "a     1.9.0\nb     1.10.0\nc     <none>\n"
    );
    assert_eq!(get("policy -l app!=b,app!=c -o name").lines().count(), 1);
    assert_eq!(
        get("policy --field-selector metadata.name=c -o name"),
        "imagepolicy.image.toolkit.fluxcd.io/c\n"
    );
    let wide = get("update -o wide");
    for what in ["LAST-COMMIT", "0123456", "AGE", "<none>"] {
        assert!(wide.contains(what), "{what}: {wide}");
    }
    let empty: Value = serde_json::from_str(&get("policy -l app=zzz -o json")).unwrap();
    assert_eq!(empty["items"], json!([]));
}

#[test]
fn a_missing_name_is_told_and_the_others_are_shown() {
    let (_, namespace, program) = fixture(Profile::Today, "v1");
    let answer = program.run(&["get", "policy", "a", "nope", "-n", &namespace, "-o", "name"]);
    assert_eq!(answer.code, 1);
    assert_eq!(answer.stdout, "imagepolicy.image.toolkit.fluxcd.io/a\n");
    assert!(
        answer.stderr.starts_with(
            "Error from server (NotFound): imagepolicies.image.toolkit.fluxcd.io \"nope\" not found\n"
        ),
        "{answer:?}"
    );
}

#[test]
fn a_watch_shows_what_is_there_and_then_each_change() {
    let (cluster, namespace, program) = fixture(Profile::Today, "v1");
    let mut watch = program
        .command(&["get", "policy", "-w", "-n", &namespace])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("NAME   IMAGE"));
    for name in ["a ", "b ", "c "] {
        assert!(next().starts_with(name));
    }
    let path =
        format!("/apis/image.toolkit.fluxcd.io/v1/namespaces/{namespace}/imagepolicies/c/status");
    let status =
        json!({"status": {"latestRef": {"name": "ghcr.io/stefanprodan/podinfo", "tag": "2.0.0"}}});
    cluster.request("PATCH", &path, Some(&status));
    assert_eq!(
        next(),
        "c      ghcr.io/stefanprodan/podinfo   2.0.0    False   waiting to be reconciled"
    );
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn a_limit_of_zero_has_passed_at_once() {
    let (_, namespace, program) = fixture(Profile::Today, "v1");
    let line = ["get", "policies", "-n", &namespace];
    for limit in ["--timeout=0", "--timeout=-1s"] {
        let error = program.run(&[&line[..], &[limit]].concat());
        assert_eq!(error.code, 1, "{}", error.stderr);
        let wanted = "context deadline exceeded: --timeout is 0s";
        assert!(error.stderr.contains(wanted), "{}", error.stderr);
    }
    let watched = program.run(&[&line[..], &["-w", "--timeout=0"]].concat());
    assert_eq!(watched.code, 1, "{}", watched.stderr);
    let wanted = "timed out waiting";
    assert!(watched.stderr.contains(wanted), "{}", watched.stderr);
}

#[test]
fn older_versions_are_shown_and_exported_as_they_are() {
    for version in ["v1beta2", "v1beta1"] {
        let (_, namespace, program) = fixture(Profile::Legacy, version);
        let text = program.ok(&["get", "all", "-n", &namespace]);
        assert!(
            text.contains("imagepolicy/b   ghcr.io/stefanprodan/podinfo   1.10.0   False"),
            "{version}: {text}"
        );
        let yaml = program.ok(&["export", "policy", "b", "-n", &namespace]);
        assert!(
            yaml.starts_with(
                "---\napiVersion: image.toolkit.fluxcd.io/v1beta2\nkind: ImagePolicy\n"
            ),
            "{yaml}"
        );
        let all = program.ok(&["export", "policy", "--all", "-n", &namespace]);
        assert_eq!(all.matches("---\n").count(), 3, "{all}");
    }
}
