//! What fails is explained without a secret, at the highest level of logging too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fixture::small;
use crate::product::Objects;
use crate::support::certificates::Authority;
use crate::support::closed_port::closed_port;
use crate::support::git_repository::Repositories;
use crate::support::git_server::{GitServer, Settings};
use crate::support::http::{Answer, HttpServer};
use crate::support::program::Program;
use crate::support::ssh_server::SshServer;

/// The word that must never be told, in every field that may hold a secret.
const SECRET: &str = "correct-horse";

/// Runs with every log there is; nothing that is said or left behind holds one of the secrets.
#[track_caller]
fn fails_in_silence(case: &str, objects: &Objects, secrets: &[&str]) {
    let program = Program::new();
    let file = program.write("objects.yaml", &objects.yaml());
    let answer = program.run(&[
        "reconcile",
        "update",
        "-v",
        "9",
        "-f",
        file.to_str().unwrap(),
    ]);
    assert_eq!(answer.code, 1, "{case}: {answer:#?}");
    std::fs::remove_file(file).unwrap();
    let basic = STANDARD.encode(format!("flux:{SECRET}"));
    for secret in secrets.iter().copied().chain([SECRET, basic.as_str()]) {
        for text in [&answer.stdout, &answer.stderr] {
            assert!(!text.contains(secret), "{case}: {text}");
        }
        let mut folders = vec![program.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(folder).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let left = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                    assert!(!left.contains(secret), "{case}: {}", path.display());
                }
            }
        }
    }
}

#[test]
fn a_login_that_fails_is_not_told() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(
        repositories.root(),
        Settings {
            basic: Some(("flux".to_owned(), "another".to_owned())),
            ..Settings::default()
        },
    );
    let objects = Objects::new(&server.url("fleet"));
    let with_url = |url: &str| Objects {
        url: url.to_owned(),
        ..objects.clone()
    };
    let login = [("username", "flux"), ("password", SECRET)];
    fails_in_silence("password", &objects.clone().login(&login), &[]);
    let bearer = objects.clone().login(&[("bearerToken", SECRET)]);
    fails_in_silence("bearer token", &bearer, &[]);
    let own = format!("flux:{SECRET}@");
    let address = server.address();
    for url in [
        format!("http://{own}{address}/fleet.git"),
        format!("http://{own}{}/fleet.git", closed_port()),
        format!("http://{own}[::1/fleet.git"),
        format!("http://{own}127.0.0.1:99999/fleet.git"),
        format!("http://{own}/fleet.git"),
        format!("ftp://{own}{address}/fleet.git"),
        format!("{own}{address}/fleet.git"),
        format!("ssh://{own}{}/fleet.git", closed_port()),
    ] {
        fails_in_silence(&url, &with_url(&url), &[]);
    }
    // The name of a URL is a token as often as not.
    let token = format!("http://{SECRET}@{address}/fleet.git");
    fails_in_silence(&token, &with_url(&token), &[]);
}

#[test]
fn the_login_of_a_proxy_is_not_told() {
    let url = "http://git.example.invalid/fleet.git";
    let closed = closed_port().to_string();
    for address in [
        format!("http://{closed}"),
        format!("http://flux:{SECRET}@{closed}"),
        format!("socks5://flux:{SECRET}@{closed}"),
        format!("http://flux:{SECRET}@[::1"),
        format!("ftp://flux:{SECRET}@{closed}"),
    ] {
        let objects = Objects::new(url)
            .repository("proxySecretRef: {name: proxy}")
            .secret(
                "proxy",
                &[
                    ("address", address.as_str()),
                    ("username", "flux"),
                    ("password", SECRET),
                ],
            );
        fails_in_silence(&address, &objects, &[]);
    }
}

#[test]
fn keys_and_what_is_bought_with_them_are_not_told() {
    let repositories = Repositories::new();
    let repository = small(&repositories);
    let server = SshServer::start(true);
    let known = server.known_hosts("host_rsa.pub");
    let locked = String::from_utf8(server.key("locked")).unwrap();
    let line = locked.lines().nth(1).unwrap();
    let objects = Objects::new(&server.url(&repository.path)).login(&[
        ("identity", locked.as_str()),
        ("known_hosts", known.as_str()),
        ("password", SECRET),
    ]);
    fails_in_silence("passphrase", &objects, &[line]);

    // GitHub sells a token that the Git server does not take, or refuses.
    let git = GitServer::start(
        repositories.root(),
        Settings {
            basic: Some(("x-access-token".to_owned(), "another".to_owned())),
            ..Settings::default()
        },
    );
    let key = Authority::new().client("app").key;
    let key_line = key.lines().nth(1).unwrap();
    for status in [201, 401] {
        let api = HttpServer::start(std::net::Ipv4Addr::LOCALHOST.into(), None, move |_| {
            let body = format!(r#"{{"token":"{SECRET}","message":"no"}}"#);
            Answer::new(status, "application/json", body)
        });
        let base = format!("http://flux:{SECRET}@{}", api.address());
        let objects = Objects::new(&git.url("fleet"))
            .repository("provider: github")
            .login(&[
                ("githubAppID", "1"),
                ("githubAppInstallationID", "2"),
                ("githubAppPrivateKey", key.as_str()),
                ("githubAppBaseURL", base.as_str()),
            ]);
        fails_in_silence("GitHub App", &objects, &[key_line, "Bearer ey"]);
    }
}
