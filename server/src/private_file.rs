//! Files that only their owner may read. The mode is set when the file is created, not afterwards, so
//! that there is no moment in which others can open it (compare CVE-2021-38553).

use std::{fs::OpenOptions, io, io::Write, path::Path};

/// Creates `path` with `content`, readable and writable by its owner only. Fails when it exists.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = options().create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes sure that `path` exists, so that whoever opens it next does not create it for all to read.
pub fn ensure(path: &Path) -> io::Result<()> {
    options().create(true).append(true).open(path).map(drop)
}

/// Creates a directory that only its owner may enter, and those above it. One that exists is left as
/// it is.
pub fn directory(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
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
