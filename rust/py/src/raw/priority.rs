//! Priorities of threads.

/// Steps of `nice`: an encoding thread gets a third of the share of the event loop when both want a
/// processor.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 5;

/// Lower the priority of the calling thread below that of the event loop, which needs a processor
/// for short moments, but at once.
///
/// Does nothing on systems other than Linux, where `nice` is for whole processes.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    // SAFETY: it takes a number, and only changes when the calling thread runs.
    unsafe {
        libc::nice(NICE);
    }
}
