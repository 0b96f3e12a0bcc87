//! Logins of the workstation, TLS with private authorities, proxies.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use kubectl_imageupdate::ports::{GitError, GitSource, ProxySettings};
use kubectl_imageupdate::redacted::Redacted;

use crate::fixture::{Fetch, chain, edit, push, small, source};
use crate::secure_shell::again;
use crate::support::certificates::{Authority, server_config};
use crate::support::git_repository::Repositories;
use crate::support::git_server::{GitServer, Settings};

#[test]
fn a_private_authority_is_trusted_when_given_and_only_then() {
    let repositories = Repositories::new();
    small(&repositories);
    let authority = Authority::new();
    let tls = |names: &[&str]| Settings {
        tls: Some(server_config(&authority.server(names))),
        ..Settings::default()
    };
    let server = GitServer::start(repositories.root(), tls(&["127.0.0.1"]));
    let mut source = source(&server.url("fleet"));
    let error = Fetch::branch(&source, "main").run().err().unwrap();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    assert!(chain(&error).contains("UnknownIssuer"), "{}", chain(&error));
    source.tls.ca = Some(authority.certificate.clone().into_bytes());
    let mut snapshot = Fetch::branch(&source, "main").run().unwrap();
    snapshot
        .commit(&edit("clusters/my-cluster/app.yaml", "x\n"))
        .unwrap();
    push(snapshot.as_mut(), "main").unwrap();
    assert!(server.log().iter().all(|entry| entry.connection <= 1));

    let elsewhere = GitServer::start(repositories.root(), tls(&["git.example.com"]));
    source.url = elsewhere.url("fleet");
    let text = chain(&Fetch::branch(&source, "main").run().err().unwrap());
    assert!(text.contains("not valid for name"), "{text}");
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_wants_one() {
    let repositories = Repositories::new();
    small(&repositories);
    let authority = Authority::new();
    let server = GitServer::start(
        repositories.root(),
        Settings {
            tls: Some(authority.demanding(&authority.server(&["127.0.0.1"]))),
            ..Settings::default()
        },
    );
    let mut source = source(&server.url("fleet"));
    source.tls.ca = Some(authority.certificate.clone().into_bytes());
    assert!(Fetch::branch(&source, "main").run().is_err());
    let client = authority.client("flux");
    source.tls.client = Some((
        client.certificate.into_bytes(),
        Redacted::new(client.key.into_bytes()),
    ));
    Fetch::branch(&source, "main").run().unwrap();
    source.tls.ca = Some(b"nonsense".to_vec());
    source.tls.client = Some((b"nonsense".to_vec(), Redacted::new(b"nonsense".to_vec())));
    let error = Fetch::branch(&source, "main").run().err().unwrap();
    assert!(matches!(error, GitError::Credentials(_)), "{error:?}");
}

/// A proxy that answers one CONNECT or absolute request line, and says what it was asked.
fn proxy() -> (String, std::thread::JoinHandle<(String, Option<String>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut first = String::new();
        reader.read_line(&mut first).unwrap();
        let mut login = None;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line
                .to_ascii_lowercase()
                .strip_prefix("proxy-authorization: ")
            {
                login = Some(line[line.len() - value.len()..].trim().to_owned());
            }
        }
        let mut stream: TcpStream = stream;
        stream
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        (first, login)
    });
    (format!("http://{address}"), thread)
}

#[test]
fn the_proxy_of_the_source_is_used_with_its_login() {
    let (address, thread) = proxy();
    let mut source: GitSource = source("http://git.example.invalid/fleet.git");
    source.proxy = Some(ProxySettings {
        address,
        username: Some("u".to_owned()),
        password: Some(Redacted::new("p".to_owned())),
    });
    let text = chain(&Fetch::branch(&source, "main").run().err().unwrap());
    assert!(text.contains("the proxy answered 407"), "{text}");
    let (line, login) = thread.join().unwrap();
    assert!(
        line.starts_with("GET http://git.example.invalid/fleet.git/info/refs"),
        "{line}"
    );
    assert_eq!(login.as_deref(), Some("Basic dTpw"));
}

#[test]
fn credential_helpers_are_asked_after_the_server_wants_a_login_and_told_the_outcome() {
    let repositories = Repositories::new();
    small(&repositories);
    let server = GitServer::start(
        repositories.root(),
        Settings {
            basic: Some(("flux".to_owned(), "secret".to_owned())),
            ..Settings::default()
        },
    );
    let told = repositories.root().join("told");
    let config = repositories.root().join("config");
    let run = |password: &str, outcome: &str| {
        std::fs::write(
            &config,
            format!(
                "[credential]\n\thelper = \"!f() {{ echo $1 >> {}; test $1 = get && echo username=flux && echo password={password}; }}; f\"\n",
                told.display()
            ),
        )
        .unwrap();
        again(
            "logins::credential_helpers_child",
            &[
                ("GIT_CONFIG_GLOBAL", config.display().to_string()),
                ("GIT_CONFIG_SYSTEM", "/dev/null".to_owned()),
                ("TEST_URL", server.url("fleet")),
                ("TEST_OUTCOME", outcome.to_owned()),
            ],
        );
        let said = std::fs::read_to_string(&told).unwrap();
        std::fs::remove_file(&told).unwrap();
        said
    };
    assert_eq!(run("secret", "fetched"), "get\nstore\n");
    let log = server.take_log();
    assert_eq!(log[0].status, 401);
    assert_eq!(log.len(), 4, "{log:#?}");
    assert_eq!(run("wrong", "refused"), "get\nerase\n");
}

#[test]
#[ignore = "run by the test above, with variables"]
fn credential_helpers_child() {
    let source = source(&std::env::var("TEST_URL").unwrap());
    let fetched = Fetch::branch(&source, "main").run();
    if std::env::var("TEST_OUTCOME").unwrap() == "fetched" {
        fetched.unwrap();
    } else {
        let error = fetched.err().unwrap();
        assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("git's credential helper") && !text.contains("wrong"),
            "{text}"
        );
    }
}
