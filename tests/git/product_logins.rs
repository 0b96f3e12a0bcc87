//! Every key that a GitRepository's Secrets may hold, every provider, through the program itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::fixture::MARKED;
use crate::product::{Objects, bad, good};
use crate::stage::Stage;
use crate::support::certificates::{Authority, server_config};
use crate::support::git_server::Settings;
use crate::support::http::{Answer, HttpServer};
use crate::support::program::Program;
use crate::support::ssh_server::SshServer;

/// Word that must never be printed.
const PASSWORD: &str = "correct-horse";

impl Stage {
    fn basic() -> Self {
        Self::new(Settings {
            basic: Some(("flux".to_owned(), PASSWORD.to_owned())),
            ..Settings::default()
        })
    }

    /// Runs with a tag and demands that it arrives, and that no secret is told.
    #[track_caller]
    fn arrives(&self, objects: Objects, tag: &str) {
        let answer = objects.tag(tag).run(
            &self.program,
            &["reconcile", "update", "-v", "8", "-o", "json"],
        );
        good(&answer);
        for text in [&answer.stdout, &answer.stderr] {
            assert!(!text.contains(PASSWORD), "{text}");
            assert!(!text.contains(&STANDARD.encode(format!("flux:{PASSWORD}"))));
        }
        assert_eq!(
            self.repository.show("main", "clusters/my-cluster/app.yaml"),
            MARKED.replace("1.0", tag)
        );
        self.repository.assert_sound();
    }
}

#[test]
fn user_names_and_passwords_come_from_the_secret_and_the_url_fills_what_it_leaves_out() {
    let stage = Stage::basic();
    let objects = stage.objects();
    let login = |data: &[(&str, &str)]| objects.clone().login(data);
    let with_user = |objects: Objects, user: &str| Objects {
        url: objects.url.replace("http://", &format!("http://{user}@")),
        ..objects
    };
    stage.arrives(
        login(&[("username", "flux"), ("password", PASSWORD)]),
        "2.0",
    );
    stage.arrives(
        with_user(login(&[("password", PASSWORD)]), "flux:other"),
        "3.0",
    );
    let in_the_url = with_user(objects.clone(), &format!("flux:{PASSWORD}"));
    stage.arrives(in_the_url, "4.0");

    let answer = login(&[("username", "flux"), ("password", "old")]).reconcile(&stage.program);
    bad(&answer, "authentication required: 401 Unauthorized");
    assert!(
        answer.stderr.contains("secret flux-system/login"),
        "{answer:#?}"
    );
    let answer = login(&[("password", PASSWORD)]).reconcile(&stage.program);
    bad(
        &answer,
        "invalid 'http' auth option: 'password' requires 'username' to be set",
    );
    let answer = objects.clone().repository("secretRef: {name: gone}");
    bad(
        &answer.reconcile(&stage.program),
        "failed to get auth secret 'flux-system/gone': secrets \"gone\" not found",
    );
    let answer = objects.reconcile(&stage.program);
    bad(&answer, "authentication required");
}

#[test]
fn a_bearer_token_hides_name_and_password_and_excludes_those_of_the_url() {
    let stage = Stage::new(Settings {
        bearer: Some(PASSWORD.to_owned()),
        ..Settings::default()
    });
    let data = [
        ("bearerToken", PASSWORD),
        ("username", "flux"),
        ("password", "other"),
    ];
    stage.arrives(stage.objects().login(&data), "2.0");
    let objects = stage.objects().login(&data);
    let objects = Objects {
        url: objects.url.replace("http://", "http://flux@"),
        ..objects
    };
    bad(
        &objects.reconcile(&stage.program),
        "basic auth and bearer token cannot be set at the same time",
    );
    // A token that ran out.
    stage
        .server
        .set(|settings| settings.bearer = Some("renewed".to_owned()));
    let answer = stage.objects().login(&data).tag("3.0");
    let answer = answer.reconcile(&stage.program);
    bad(&answer, "authentication required: 401 Unauthorized");
    assert!(!answer.stderr.contains(PASSWORD));
}

#[test]
fn authorities_and_client_certificates_come_from_the_secret() {
    let authority = Authority::new();
    for (key, demands) in [("ca.crt", false), ("caFile", false), ("ca.crt", true)] {
        let pair = authority.server(&["127.0.0.1"]);
        let tls = if demands {
            authority.demanding(&pair)
        } else {
            server_config(&pair)
        };
        let stage = Stage::new(Settings {
            tls: Some(tls),
            ..Settings::default()
        });
        let client = authority.client("flux");
        let mut data = vec![(key, authority.certificate.as_str())];
        if demands {
            let without = stage.objects().login(&data).reconcile(&stage.program);
            assert_eq!(without.code, 1, "{without:#?}");
            data.push(("tls.crt", &client.certificate));
            bad(
                &stage.objects().login(&data).reconcile(&stage.program),
                "secret 'flux-system/login' contains 'tls.crt' but missing 'tls.key'",
            );
            data.push(("tls.key", &client.key));
        } else {
            bad(&stage.objects().reconcile(&stage.program), "UnknownIssuer");
        }
        stage.arrives(stage.objects().login(&data), "2.0");
    }
}

#[test]
fn ssh_keys_their_passphrase_and_the_known_hosts_come_from_the_secret() {
    let server = SshServer::start(true);
    let stage = Stage::new(Settings::default());
    let url = server.url(&stage.repository.path);
    let known = server.known_hosts("host_ed25519.pub");
    let text = |name: &str| String::from_utf8(server.key(name)).unwrap();
    let login = |data: &[(&str, &str)]| Objects::new(&url).login(data);
    let (client, locked) = (text("client"), text("locked"));
    // A user name in the Secret does not count.
    let plain = [
        ("identity", client.as_str()),
        ("known_hosts", known.as_str()),
        ("username", "nobody"),
    ];
    stage.arrives(login(&plain), "2.0");
    let rsa = server.known_hosts("host_rsa.pub");
    let with_passphrase = [
        ("identity", locked.as_str()),
        ("known_hosts", rsa.as_str()),
        ("password", "hunter2"),
    ];
    stage.arrives(login(&with_passphrase), "3.0");

    let fails = |data: &[(&str, &str)], expected: &str| {
        bad(&login(data).tag("4.0").reconcile(&stage.program), expected);
    };
    fails(
        &plain[..1],
        "invalid 'ssh' auth option: 'known_hosts' is required",
    );
    fails(
        &plain[1..],
        "invalid 'ssh' auth option: 'identity' is required",
    );
    fails(&with_passphrase[..2], "no 'password' is given");
    let wrong = [
        with_passphrase[0],
        with_passphrase[1],
        ("password", "wrong"),
    ];
    fails(&wrong, "password");
    let unknown = [plain[0], ("known_hosts", "example.com ssh-ed25519 AAAA")];
    fails(&unknown, "unknown host key");
    let other = server.known_hosts("stranger.pub");
    fails(&[plain[0], ("known_hosts", &other)], "host key mismatch");
}

/// A proxy that leads every CONNECT to one address, and wants a login.
fn tunnel(to: SocketAddr, login: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let expected = format!("basic {}", STANDARD.encode(login)).to_ascii_lowercase();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                lines.push(line.to_ascii_lowercase());
            }
            let mut stream: TcpStream = stream;
            if !lines
                .iter()
                .any(|line| line.trim_end().ends_with(&expected))
            {
                let _ = stream.write_all(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let server = TcpStream::connect(to).unwrap();
            for (mut from, mut to) in [
                (stream.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, stream),
            ] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    format!("http://{address}")
}

/// Makes a program of this name that the product finds before all others.
fn impersonate(program: &mut Program, name: &str, script: &str) {
    let file = program.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    let folder = file.parent().unwrap().display().to_string();
    program.set("PATH", &format!("{folder}:{path}"));
}

#[test]
fn code_commit_is_reached_through_the_proxy_with_the_login_of_the_aws_command_line() {
    const HOST: &str = "git-codecommit.eu-west-1.amazonaws.com";
    let authority = Authority::new();
    let mut stage = Stage::new(Settings {
        basic: Some(("AKIA%token".to_owned(), PASSWORD.to_owned())),
        tls: Some(server_config(&authority.server(&[HOST]))),
        ..Settings::default()
    });
    let proxy = tunnel(stage.server.address(), "me:you");
    let objects = Objects::new(&format!("https://{HOST}/fleet.git"))
        .repository("provider: aws")
        .login(&[("ca.crt", &authority.certificate)])
        .repository("proxySecretRef: {name: proxy}");
    let with = |login: &[(&str, &str)]| {
        let mut data = vec![("address", proxy.as_str())];
        data.extend(login);
        objects.clone().secret("proxy", &data)
    };
    let good_proxy = with(&[("username", "me"), ("password", "you")]);
    impersonate(&mut stage.program, "aws", "echo 'no session' >&2; exit 255");
    let answer = good_proxy.reconcile(&stage.program);
    bad(
        &answer,
        "failed to configure authentication options: aws gave no token, log in with aws configure \
         or aws sso login: no session",
    );
    impersonate(
        &mut stage.program,
        "aws",
        &format!(
            "test \"$*\" = 'codecommit credential-helper get' || exit 1\n\
             grep -q 'host={HOST}' || exit 1\n\
             echo username=AKIA%token\necho password={PASSWORD}"
        ),
    );
    stage.arrives(good_proxy, "2.0");
    bad(&with(&[]).reconcile(&stage.program), "proxy");
    let elsewhere = Objects::new(&stage.server.url("fleet")).repository("provider: aws");
    bad(
        &elsewhere.reconcile(&stage.program),
        "invalid AWS CodeCommit Git URL: 127.0.0.1",
    );
    let account = objects.repository("serviceAccountName: flux");
    bad(
        &account.reconcile(&stage.program),
        "please enable the ObjectLevelWorkloadIdentity feature gate",
    );
}

#[test]
fn azure_is_reached_with_the_token_of_the_azure_command_line() {
    let mut stage = Stage::new(Settings {
        bearer: Some(PASSWORD.to_owned()),
        ..Settings::default()
    });
    let objects = stage.objects().repository("provider: azure");
    // Not installed here.
    bad(
        &objects.reconcile(&stage.program),
        "the program az, which cannot be run",
    );
    impersonate(
        &mut stage.program,
        "az",
        &format!(
            "case \"$*\" in *'--resource 499b84ac-1321-427f-aa17-267ca6975798'*) \
             echo '{{\"accessToken\": \"{PASSWORD}\"}}';; *) exit 1;; esac"
        ),
    );
    stage.arrives(objects, "2.0");
}

/// A private RSA key in both PEM forms, and the public one in a file.
fn rsa_key(program: &Program) -> [String; 2] {
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(program.path())
            .output()
            .expect("openssl must be installed");
        assert!(output.status.success(), "{output:?}");
    };
    openssl(&["genrsa", "-out", "app.pem", "2048"]);
    openssl(&["rsa", "-in", "app.pem", "-pubout", "-out", "app.pub"]);
    openssl(&["rsa", "-in", "app.pem", "-traditional", "-out", "app1.pem"]);
    ["app.pem", "app1.pem"].map(|name| std::fs::read_to_string(program.path().join(name)).unwrap())
}

/// Whether the bearer token is an assertion of app 123, signed with the key.
fn asserts(folder: &std::path::Path, authorization: &str) -> bool {
    let Some(token) = authorization.strip_prefix("Bearer ") else {
        return false;
    };
    let (text, signature) = token.rsplit_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&decode(text.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["iss"], "123");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(claims["iat"].as_u64().unwrap() <= now, "{claims}");
    assert!(claims["exp"].as_u64().unwrap() > now, "{claims}");
    std::fs::write(folder.join("text"), text).unwrap();
    std::fs::write(folder.join("signature"), decode(signature)).unwrap();
    Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", "app.pub"])
        .args(["-signature", "signature", "text"])
        .current_dir(folder)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn a_github_app_buys_a_token_of_its_installation() {
    let stage = Stage::new(Settings {
        basic: Some(("x-access-token".to_owned(), PASSWORD.to_owned())),
        ..Settings::default()
    });
    let keys = rsa_key(&stage.program);
    let folder = stage.program.path().to_owned();
    let api = HttpServer::start([127, 0, 0, 1].into(), None, move |request| {
        let json = |status: u16, text: String| Answer::new(status, "application/json", text);
        if !asserts(&folder, request.header("authorization").unwrap_or_default()) {
            return json(
                401,
                "{\"message\": \"A JSON web token could not be decoded\"}".into(),
            );
        }
        match (request.method.as_str(), request.path()) {
            ("POST", "/api/app/installations/7/access_tokens") => {
                json(201, format!("{{\"token\": \"{PASSWORD}\"}}"))
            }
            ("GET", "/api/orgs/acme/installation" | "/api/users/me/installation") => {
                json(200, "{\"id\": 7}".into())
            }
            _ => json(404, "{\"message\": \"Not Found\"}".into()),
        }
    });
    let base = format!("http://{}/api/", api.address());
    let app = |key: &str, extra: (&str, &str)| {
        stage.objects().repository("provider: github").login(&[
            ("githubAppID", "123"),
            ("githubAppPrivateKey", key),
            ("githubAppBaseURL", &base),
            extra,
        ])
    };
    stage.arrives(app(&keys[0], ("githubAppInstallationID", "7")), "2.0");
    stage.arrives(app(&keys[1], ("githubAppInstallationOwner", "acme")), "3.0");
    stage.arrives(app(&keys[0], ("githubAppInstallationOwner", "me")), "4.0");

    let fails = |objects: Objects, expected: &str| {
        let answer = objects.tag("5.0").reconcile(&stage.program);
        bad(&answer, expected);
        assert!(!answer.stderr.contains("PRIVATE KEY"), "{answer:#?}");
    };
    fails(
        app(&keys[0], ("githubAppInstallationOwner", "nobody")),
        "installation of nobody",
    );
    fails(
        app(&keys[0], ("githubAppInstallationID", "8")),
        "404 Not Found: Not Found",
    );
    fails(
        app("abc", ("githubAppInstallationID", "7")),
        "Key must be a PEM encoded PKCS1 or PKCS8 key",
    );
    let generic = stage.objects().login(&[("githubAppID", "123")]);
    fails(
        generic,
        "secretRef 'flux-system/login' has github app data but provider is not set to github",
    );
    fails(
        stage.objects().repository("provider: github"),
        "secretRef with github app data must be specified when provider is set to github",
    );
}
