# The recipes of CI, one line each.

check:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --document-private-items
    cargo deny --offline check bans licenses sources

test *SUITES:
    tests/run {{SUITES}}

ci:
    bash .ci/run

# What is generated from the help: docs/cli.md, man pages, completion scripts.
reference:
    cargo run --locked --example reference

# A release archive for this machine in target/dist-archives, checked as krew would.
dist OS=os() ARCH=arch():
    cargo build --locked --profile dist
    krew/archive "${CARGO_TARGET_DIR:-target}/dist/kubectl-imageupdate" {{ if OS == "macos" { "darwin" } else { OS } }} {{ if ARCH == "x86_64" { "amd64" } else { "arm64" } }} target/dist-archives
    krew/test target/dist-archives
