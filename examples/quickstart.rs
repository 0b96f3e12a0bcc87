//! The whole job in ten seconds, with nothing but Rust and git: an embedded registry, a bare
//! repository in a temporary folder, and the program's own command lines.
//!
//! Every line that begins with `kubectl imageupdate` is handed to the library's `run` exactly as it
//! is printed. With `-- --keep` the registry stays up, so that the same lines can be typed.
#![expect(clippy::print_stdout, reason = "the example is a transcript")]

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Cursor, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::{env, fs, thread};

use kubectl_imageupdate::{Environment, Streams, run_for_code};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Names another namespace than the one that Flux has by default.
const NAMESPACE: &str = "FLUX_SYSTEM_NAMESPACE";

const TAGS: &[&str] = &[
    "4.0.0",
    "5.0.0",
    "5.1.4",
    "5.2.0",
    "5.2.1",
    "6.0.0-rc.1",
    "latest",
];

fn main() -> Result<()> {
    let keep = env::args().any(|argument| argument == "--keep");
    let folder = tempfile::Builder::new()
        .prefix("imageupdate-quickstart-")
        .tempdir()?
        .keep();
    let registry = start_registry()?;
    let demo = Demo {
        folder: folder.clone(),
    };
    heading("A registry with a few tags, and a Git repository with a marked manifest");
    println!("registry    http://{registry}/v2/stefanprodan/podinfo/tags/list");
    println!("repository  {}", folder.join("fleet.git").display());
    demo.seed(&registry)?;

    heading("The three objects, as YAML");
    demo.export(
        "repository.yaml",
        &[
            "create",
            "repository",
            "podinfo",
            &format!("--image={registry}/stefanprodan/podinfo"),
            "--interval=5m",
            "--export",
        ],
    )?;
    demo.export(
        "policy.yaml",
        &[
            "create",
            "policy",
            "podinfo",
            "--image-ref=podinfo",
            "--select-semver=>=5.0.0",
            "--export",
        ],
    )?;
    demo.export(
        "update.yaml",
        &["create", "update", "flux-system", "--git-repo-ref=flux-system",
            "--git-repo-path=./clusters/my-cluster", "--checkout-branch=main",
            "--author-name=fluxcdbot", "--author-email=fluxcdbot@users.noreply.github.com",
            "--commit-template={{range .Changed.Changes}}{{.OldValue}} -> {{println .NewValue}}{{end}}",
            "--export"],
    )?;
    demo.write_git_repository()?;

    heading("What Flux would say");
    demo.show(&["get", "all", "-f", "objects"], &[0])?;
    heading("What would be committed (exit code 1: there are differences)");
    demo.show(&["diff", "-f", "objects"], &[1])?;
    heading("The commit, pushed");
    demo.show(&["reconcile", "-f", "objects"], &[0])?;
    heading("The repository afterwards, by git itself");
    println!("git -C {} show main", folder.join("fleet.git").display());
    print!(
        "{}",
        demo.git(&folder.join("fleet.git"), &["show", "--no-color", "main"])?
    );

    heading("Where to look next");
    println!("manifests   {}", folder.join("objects").display());
    println!("repository  {}", folder.join("fleet.git").display());
    println!("help        cargo run -- --help");
    if keep {
        println!(
            "\nThe registry stays up. In another shell, where the lines above work as they are:"
        );
        println!("cd '{}'; unset {NAMESPACE}", folder.display());
        println!(
            "kubectl() {{ shift; cargo run --quiet --manifest-path '{}/Cargo.toml' -- \"$@\"; }}",
            env!("CARGO_MANIFEST_DIR")
        );
        print!("Press Enter to end it. ");
        io::stdout().flush()?;
        io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// The temporary folder and what is done in it.
struct Demo {
    folder: PathBuf,
}

impl Demo {
    /// Runs one command line, printed first, and prints its answer.
    fn show(&self, arguments: &[&str], codes: &[u8]) -> Result<()> {
        println!("kubectl imageupdate {}", shell_words(arguments));
        let (code, answer) = self.run(arguments)?;
        print!("{answer}");
        if codes.contains(&code) {
            return Ok(());
        }
        Err(format!("exit code {code}, expected one of {codes:?}").into())
    }

    /// Runs one command line with its answer in a file below `objects`.
    fn export(&self, file: &str, arguments: &[&str]) -> Result<()> {
        println!(
            "kubectl imageupdate {} > objects/{file}",
            shell_words(arguments)
        );
        let (code, answer) = self.run(arguments)?;
        if code != 0 {
            return Err(format!("exit code {code}: {answer}").into());
        }
        fs::write(self.folder.join("objects").join(file), answer)?;
        Ok(())
    }

    /// Calls the library with these arguments and nothing else.
    fn run(&self, arguments: &[&str]) -> Result<(u8, String)> {
        let captured = Captured::default();
        let all = ["kubectl-imageupdate"]
            .iter()
            .chain(arguments)
            .map(OsString::from);
        // The demonstration has a namespace of its own, whatever the user's is.
        let variables = env::vars_os().filter(|(name, _)| name != NAMESPACE);
        let environment = Environment::new(variables, self.folder.clone());
        let code = run_for_code(all, environment, captured.streams());
        let bytes = captured.0.lock().map_err(|_| "the answer is gone")?.clone();
        Ok((code, String::from_utf8(bytes)?))
    }

    /// A bare repository whose branch main holds one marked kustomization.
    fn seed(&self, registry: &str) -> Result<()> {
        fs::create_dir_all(self.folder.join("objects"))?;
        let work = self.folder.join("seed");
        let cluster = work.join("clusters/my-cluster");
        fs::create_dir_all(&cluster)?;
        fs::write(
            cluster.join("kustomization.yaml"),
            format!(
                "apiVersion: kustomize.config.k8s.io/v1beta1\n\
                 kind: Kustomization\n\
                 resources:\n  - ../../apps/podinfo    # four spaces stay four spaces\n\n\
                 images:\n  - name: podinfod\n    newName: {registry}/stefanprodan/podinfo # \
                 {{\"$imagepolicy\": \"flux-system:podinfo:name\"}}\n    newTag: 5.0.0 # \
                 {{\"$imagepolicy\": \"flux-system:podinfo:tag\"}}\n"
            ),
        )?;
        self.git(
            &self.folder,
            &["init", "-q", "--bare", "-b", "main", "fleet.git"],
        )?;
        self.git(&work, &["init", "-q", "-b", "main"])?;
        self.git(&work, &["add", "."])?;
        self.git(&work, &["commit", "-q", "-m", "Add podinfo"])?;
        let bare = self.folder.join("fleet.git");
        self.git(&work, &["push", "-q", &bare.to_string_lossy(), "main"])?;
        fs::remove_dir_all(work)?;
        Ok(())
    }

    fn write_git_repository(&self) -> Result<()> {
        println!("cat > objects/git.yaml   # what 'flux bootstrap' makes");
        fs::write(
            self.folder.join("objects/git.yaml"),
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  \
                 name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1m0s\n  \
                 ref:\n    branch: main\n  url: file://{}\n",
                self.folder.join("fleet.git").display()
            ),
        )?;
        Ok(())
    }

    /// Runs git without the user's configuration.
    fn git(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Seed")
            .env("GIT_AUTHOR_EMAIL", "seed@example.com")
            .env("GIT_COMMITTER_NAME", "Seed")
            .env("GIT_COMMITTER_EMAIL", "seed@example.com")
            .env("HOME", &self.folder)
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("git {}: {said}", arguments.join(" ")).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The command line as a shell takes it.
fn shell_words(arguments: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    let word = |argument: &&str| {
        if argument.chars().all(plain) {
            (*argument).to_owned()
        } else {
            format!("'{argument}'")
        }
    };
    arguments.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Standard output and standard error of one call, in the order of writing.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn streams(&self) -> Streams {
        Streams {
            out: Box::new(self.clone()),
            err: Box::new(self.clone()),
            input: Box::new(Cursor::new(Vec::new())),
            out_is_terminal: false,
            err_is_terminal: false,
            input_is_terminal: false,
        }
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().map_err(|_| io::Error::other("poisoned"))?;
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A registry with one repository, on a port of its own; it ends with the process.
fn start_registry() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer_requests(&stream));
        }
    });
    Ok(address)
}

fn answer_requests(mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::new();
        while reader.read_line(&mut header)? > 2 {
            header.clear();
        }
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        let (status, body) = match path.split('?').next().unwrap_or_default() {
            "/v2/" => ("200 OK", "{}".to_owned()),
            "/v2/stefanprodan/podinfo/tags/list" => {
                let tags: Vec<String> = TAGS.iter().map(|tag| format!("\"{tag}\"")).collect();
                let body =
                    format!("{{\"name\":\"stefanprodan/podinfo\",\"tags\":[{}]}}", tags.join(","));
                ("200 OK", body)
            }
            _ => (
                "404 Not Found",
                "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known to \
                 registry\"}]}"
                    .to_owned(),
            ),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        // A client that speaks TLS to this port sends no line break; its bytes are not read on.
        if !request.contains("HTTP/") {
            let mut rest = [0_u8; 1];
            let _ = reader.read(&mut rest)?;
            return Ok(());
        }
    }
}
