//! Takes comments and needless blanks out of the style sheet, which is compiled into the module.

use std::path::Path;

fn main() {
    // Two packages build these sources: this one and tests/rlib.
    let package = std::env::current_dir().expect("cargo sets it");
    let sheet = package.ancestors().map(|folder| folder.join("src/view/widget.css"));
    let sheet = sheet.into_iter().find(|sheet| sheet.exists()).expect("part of the crate");
    println!("cargo::rerun-if-changed={}", sheet.display());
    let css = std::fs::read_to_string(sheet).expect("readable");
    let mut small = String::with_capacity(css.len());
    let mut rest = css.as_str();
    while let Some((before, after)) = rest.split_once("/*") {
        small.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    small.push_str(rest);
    let mut small = small.split_whitespace().collect::<Vec<_>>().join(" ");
    // Only where CSS gives the blank no meaning: not around `:` (a descendant selector), `+` or `-`.
    for (wide, narrow) in [
        (" {", "{"),
        ("{ ", "{"),
        (" }", "}"),
        ("} ", "}"),
        ("; ", ";"),
        (";}", "}"),
        (", ", ","),
        (" > ", ">"),
    ] {
        small = small.replace(wide, narrow);
    }
    // A declaration's own blank: `name: value`. Selectors have no blank behind a colon.
    small = small.replace(": ", ":");
    let out = std::env::var_os("OUT_DIR").expect("set by cargo");
    std::fs::write(Path::new(&out).join("widget.css"), small).expect("OUT_DIR is writable");
}
