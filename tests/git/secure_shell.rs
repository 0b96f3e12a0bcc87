//! ssh, with keys from Secrets and with the user's own ssh.

use std::process::Command;

use kubectl_imageupdate::ports::{GitCredentials, GitError, GitSource};
use kubectl_imageupdate::redacted::Redacted;

use crate::fixture::{Fetch, chain, edit, paths, push, push_with, search, small, source};
use crate::support::git_repository::Repositories;
use crate::support::ssh_server::SshServer;

fn with_key(server: &SshServer, url: &str, key: &str, known_hosts: &str) -> GitSource {
    let mut source = source(url);
    source.credential_source = "secret flux-system/git".to_owned();
    source.credentials = GitCredentials::Ssh {
        identity: Redacted::new(server.key(key)),
        passphrase: (key == "locked").then(|| Redacted::new("hunter2".to_owned())),
        known_hosts: known_hosts.to_owned(),
    };
    source
}

#[test]
fn a_key_from_a_secret_fetches_and_pushes_in_both_protocols() {
    for (new_protocol, key, host_key) in [
        (true, "client", "host_ed25519.pub"),
        (false, "client", "host_rsa.pub"),
        (true, "locked", "host_rsa.pub"),
    ] {
        let server = SshServer::start(new_protocol);
        let repositories = Repositories::new();
        let repository = small(&repositories);
        let known = server.known_hosts(host_key);
        let source = with_key(&server, &server.url(&repository.path), key, &known);
        let mut snapshot = Fetch::branch(&source, "main")
            .at("clusters/my-cluster")
            .run()
            .unwrap();
        let (files, _) = search(snapshot.as_ref(), "clusters/my-cluster");
        assert_eq!(paths(&files), ["clusters/my-cluster/app.yaml"]);
        repository.hook("post-receive", "echo thanks");
        for text in ["one\n", "two\n"] {
            let commit = snapshot
                .commit(&edit("clusters/my-cluster/app.yaml", text))
                .unwrap();
            let report = push(snapshot.as_mut(), "main").unwrap();
            assert_eq!(report.messages, ["thanks"]);
            assert_eq!(repository.tip("refs/heads/main").unwrap(), commit);
        }
        repository.assert_sound();
    }
}

#[test]
fn hosts_and_keys_that_do_not_fit_are_named() {
    let server = SshServer::start(true);
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let url = server.url(&repository.path);
    let known = server.known_hosts("host_ed25519.pub");
    let failure = |source: &GitSource| Fetch::branch(source, "main").run().err().unwrap();

    let error = failure(&with_key(
        &server,
        &url,
        "client",
        "example.com ssh-ed25519 AAAA\n",
    ));
    let text = chain(&error);
    assert!(
        text.contains("unknown host key") && text.contains("SHA256:"),
        "{text}"
    );
    assert!(text.contains("secret flux-system/git"), "{text}");

    let wrong = server.known_hosts("stranger.pub");
    let text = chain(&failure(&with_key(&server, &url, "client", &wrong)));
    assert!(text.contains("host key mismatch"), "{text}");

    let error = failure(&with_key(&server, &url, "stranger", &known));
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");

    let missing = server.url(&repositories.root().join("nowhere.git"));
    let error = failure(&with_key(&server, &missing, "client", &known));
    assert!(
        matches!(error, GitError::RepositoryNotFound { .. }),
        "{error:?}"
    );

    let closed = url.replace(&format!(":{}/", server.port()), ":1/");
    let error = failure(&with_key(&server, &closed, "client", &known));
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");

    let mut source = with_key(&server, &url, "locked", &known);
    source.credentials = GitCredentials::Ssh {
        identity: Redacted::new(server.key("locked")),
        passphrase: None,
        known_hosts: known.clone(),
    };
    let text = failure(&source).to_string();
    assert!(text.contains("no 'password' is given"), "{text}");

    for (identity, known_hosts, missing) in [
        (Vec::new(), known.as_str(), "identity"),
        (server.key("client"), "", "known_hosts"),
    ] {
        source.credentials = GitCredentials::Ssh {
            identity: Redacted::new(identity),
            passphrase: None,
            known_hosts: known_hosts.to_owned(),
        };
        assert_eq!(
            failure(&source).to_string(),
            format!("invalid 'ssh' auth option: '{missing}' is required")
        );
    }
}

#[test]
fn a_diverged_branch_is_explained_over_one_connection_too() {
    let server = SshServer::start(true);
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let known = server.known_hosts("host_ed25519.pub");
    let source = with_key(&server, &server.url(&repository.path), "client", &known);
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    let ours = snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "one\n"))
        .unwrap();
    let theirs = repository.commit("other", "other", &[("x", "y\n")]);
    let refused = push(snapshot.as_mut(), "other").unwrap_err();
    assert!(refused.to_string().contains(&theirs), "{refused}");
    push_with(snapshot.as_mut(), "other", &[], &[], Some(&theirs)).unwrap();
    assert_eq!(repository.tip("refs/heads/other").unwrap(), ours);
}

/// Runs one test of this program again with other variables, since a process cannot safely change
/// its own.
pub fn again(test: &str, variables: &[(&str, String)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs(variables.iter().cloned())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_users_own_ssh_is_used_without_a_secret() {
    for new_protocol in [true, false] {
        let server = SshServer::start(new_protocol);
        let repositories = Repositories::new();
        let repository = small(&repositories);
        let known = server.folder().join("known_hosts");
        std::fs::write(&known, server.known_hosts("host_ed25519.pub")).unwrap();
        let ssh = |key: &str| {
            format!(
                "ssh -F none -o IdentitiesOnly=yes -o IdentityFile={} -o UserKnownHostsFile={}",
                server.folder().join(key).display(),
                known.display()
            )
        };
        let variables = |key, outcome: &str| {
            [
                ("GIT_SSH_COMMAND", ssh(key)),
                ("TEST_URL", server.url(&repository.path)),
                ("TEST_OUTCOME", outcome.to_owned()),
            ]
        };
        let child = "secure_shell::the_users_own_ssh_child";
        again(child, &variables("client", "pushed"));
        assert_eq!(
            repository.show("main", "clusters/my-cluster/app.yaml"),
            "x\n"
        );
        again(child, &variables("stranger", "unauthorized"));
        std::fs::write(&known, server.known_hosts("stranger.pub")).unwrap();
        again(child, &variables("client", "host key"));
    }
}

#[test]
#[ignore = "run by the test above, with variables"]
fn the_users_own_ssh_child() {
    let source = source(&std::env::var("TEST_URL").unwrap());
    let fetched = Fetch::branch(&source, "main").run();
    match std::env::var("TEST_OUTCOME").unwrap().as_str() {
        "pushed" => {
            let mut snapshot = fetched.unwrap();
            snapshot
                .commit(&edit("clusters/my-cluster/app.yaml", "x\n"))
                .unwrap();
            push(snapshot.as_mut(), "main").unwrap();
        }
        "unauthorized" => {
            let error = fetched.err().unwrap();
            assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
        }
        _ => {
            let text = chain(&fetched.err().unwrap());
            assert!(text.contains("Host key verification failed"), "{text}");
        }
    }
}
