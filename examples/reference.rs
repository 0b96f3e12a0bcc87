//! Writes what is generated from the help: `docs/cli.md`, `man/` and `completions/`.
//!
//! `cargo run --example reference`; `tests/docs.rs` compares.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["man", "completions"] {
        let folder = root.join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
    }
    for document in kubectl_imageupdate::cli::documents() {
        std::fs::write(root.join(&document.path), document.text)?;
    }
    Ok(())
}
