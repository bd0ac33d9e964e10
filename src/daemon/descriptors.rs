//! The limit on open files of the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The descriptors that are not connections of clients: those to the API, the runtime's own, a file that is being read.
const OTHERS: u64 = 512;

/// Makes room for so many connections; tells how many there is room for.
pub(super) fn make_room(connections: usize) -> usize {
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
    let room = usize::try_from(open.saturating_sub(OTHERS)).unwrap_or(usize::MAX).clamp(64, connections);
    if room < connections {
        tracing::warn!(room, wanted = connections, "the limit of open files allows fewer connections");
    }
    room
}
