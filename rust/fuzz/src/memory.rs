//! Memory whose surroundings are looked at after a call.

/// Bytes on either side.
const FENCE: usize = 64;
const DIRT: u8 = 0xAA;

/// Call `write` with `nbytes` dirty bytes and return them with what it returns. Panics if others
/// were written.
pub fn fenced<T>(nbytes: usize, write: impl FnOnce(&mut [u8]) -> T) -> (Vec<u8>, T) {
    let mut memory = vec![DIRT; nbytes + 2 * FENCE];
    let returned = write(&mut memory[FENCE..][..nbytes]);
    let is_fence = |bytes: &[u8]| bytes.iter().all(|&byte| byte == DIRT);
    assert!(is_fence(&memory[..FENCE]) && is_fence(&memory[FENCE + nbytes..]), "written outside of the memory that was given");
    (memory[FENCE..][..nbytes].to_vec(), returned)
}
