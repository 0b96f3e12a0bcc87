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
