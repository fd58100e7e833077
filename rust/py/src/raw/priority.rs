//! Which threads the system prefers.

/// So much more willing than others to wait, on the scale of `nice`: a third of their share where all want a processor.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 5;

/// Have the calling thread give way to those that answer requests, which need a processor for moments, but at once.
///
/// Where priorities are those of whole processes it stays as it is.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    // SAFETY: it takes a number, and changes no more than when the calling thread runs.
    unsafe {
        libc::nice(NICE);
    }
}
