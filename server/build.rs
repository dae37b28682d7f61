//! Sees to it that the server embeds what is built by other commands: the widget and the logos.
//!
//! `rust-embed` looks at a folder when it compiles. One that is made later would never be found by a debug
//! build, and one whose files change would go unnoticed by a release build.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["dist", "pkg", "logos"] {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).expect("the checkout can be written to");
        // A debug build reads the files while it runs; only a release build has them inside.
        if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            println!("cargo::rerun-if-changed={}", folder.display());
        }
    }
}
