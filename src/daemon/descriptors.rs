//! The process's limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The number of descriptors for other purposes than client connections: the API, the runtime, and files
/// being read.
const OTHERS: u64 = 512;

/// Raises the limit for this many connections. Returns the number of connections it allows.
pub(super) fn raise_limit(connections: usize) -> usize {
    let wanted = connections as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let open = match current {
        Some(current) if current < raised => {
            let limit = Rlimit { current: Some(raised), maximum };
            setrlimit(Resource::Nofile, limit).map_or(current, |()| raised)
        }
        Some(current) => current,
        None => return connections,
    };
    let allowed = usize::try_from(open.saturating_sub(OTHERS)).unwrap_or(usize::MAX).clamp(64, connections);
    if allowed < connections {
        tracing::warn!(allowed, wanted = connections, "the limit on open files allows fewer connections");
    }
    allowed
}
