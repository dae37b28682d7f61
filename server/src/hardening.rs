//! What the operating system is told about this process: that its memory is for nobody else.

/// Lets no core dump be written of this process, which would hold what is in memory, and on Linux lets no
/// other program of the same user read its memory or attach to it
/// (<https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html>). The superuser still can.
pub fn close_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps are not switched off");
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "other programs of this user may read the memory of this one");
        }
    }
}
