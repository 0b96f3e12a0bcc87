//! Writes `docs/formatting.md`: `cargo run --example formatting`.

#[path = "../tests/support/formatting.rs"]
mod formatting;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::write(root.join("docs/formatting.md"), formatting::document(root))
}
