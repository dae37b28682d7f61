//! Files that only their owner may read. The mode is set when the file is created, not afterwards, so
//! that there is no moment in which others can open it (compare CVE-2021-38553).

use std::{
    fs::{File, OpenOptions},
    io,
    io::Write,
    path::Path,
};

/// Creates `path` with `content`, readable and writable by its owner only. Fails when it exists.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = options().create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    keep_name(path)
}

/// Makes sure that `path` exists, so that whoever opens it next does not create it for all to read.
pub fn ensure(path: &Path) -> io::Result<()> {
    options().create(true).append(true).open(path).map(drop)
}

/// Creates a directory that only its owner may enter, and those above it. One that exists is left as
/// it is. What is new is on disk when this returns: a database that survives a power loss is of no use
/// in a directory that does not.
pub fn directory(path: &Path) -> io::Result<()> {
    let new: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)?;
    new.into_iter().filter(|above| !above.as_os_str().is_empty()).try_for_each(keep_name)
}

/// Syncs the directory that holds `path`, so that the name survives a power loss.
fn keep_name(path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    // Elsewhere a directory cannot be opened as a file.
    if cfg!(unix) { File::open(above)?.sync_all() } else { Ok(()) }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_down_to_the_last_and_left_alone_when_they_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        directory(&deep).unwrap();
        directory(&deep).unwrap();
        assert!(deep.is_dir());
        create(&deep.join("key"), b"k").unwrap();
        assert!(create(&deep.join("key"), b"other").is_err());
        assert_eq!(std::fs::read(deep.join("key")).unwrap(), b"k");
    }
}
