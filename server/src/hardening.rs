//! What the operating system is told about this process: that its memory is for nobody else, and that it
//! needs many files.

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// What the system would not do. It is found out before there is a log, and written there later.
#[must_use]
pub struct Hardening {
    core_dumps: Option<Errno>,
    memory: Option<Errno>,
}

/// Lets no core dump be written of this process, which would hold what is in memory, and on Linux lets no
/// other program of the same user read its memory or attach to it
/// (<https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html>). The superuser still can.
pub fn close_memory() -> Hardening {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let core_dumps = setrlimit(Resource::Core, none).err();
    #[cfg(target_os = "linux")]
    let memory = {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable).err()
    };
    #[cfg(not(target_os = "linux"))]
    let memory = None;
    Hardening { core_dumps, memory }
}

impl Hardening {
    /// Writes into the log what is not as it should be.
    pub fn log(&self) {
        if let Some(error) = self.core_dumps {
            tracing::warn!(%error, "core dumps are not switched off");
        }
        if let Some(error) = self.memory {
            tracing::warn!(%error, "other programs of this user may read the memory of this one");
        }
        if self.core_dumps.is_none() && self.memory.is_none() {
            tracing::debug!("the memory of this process is closed");
        }
    }
}

/// Lets this process open as many files at once as it is allowed to: shells and containers start
/// programs with 1,024, and each connection is one. Tells how many that are; nothing where there is no
/// limit.
pub(crate) fn raise_file_limit() -> Option<u64> {
    let allowed = getrlimit(Resource::Nofile);
    if allowed.current == allowed.maximum {
        return allowed.current;
    }
    let raised = Rlimit { current: allowed.maximum, maximum: allowed.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays what it was");
    }
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_system_would_not_do_is_in_the_log() {
        let refused = Hardening { core_dumps: Some(Errno::PERM), memory: Some(Errno::INVAL) };
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || refused.log());
        let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(said.contains("WARN") && said.contains("core dumps"), "{said}");
        assert!(said.contains("may read the memory"), "{said}");
    }
}
