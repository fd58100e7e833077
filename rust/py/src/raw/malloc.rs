//! The allocator's thresholds, set once per process.

/// Let glibc keep freed blocks of up to 32 MiB: a fresh page costs 2 to 3 microseconds.
///
/// Blocks are read into fresh arrays, and by default glibc maps and unmaps each one above 128 KiB.
/// Thresholds from the environment have precedence.
pub fn tune() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(glibc::raise_thresholds);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// Bytes; the largest threshold that glibc accepts on 64 bits.
    const MMAP_THRESHOLD: libc::c_int = 32 << 20;
    const TRIM_THRESHOLD: libc::c_int = 64 << 20;

    pub fn raise_thresholds() {
        let is_set = |name| std::env::var_os(name).is_some();
        if ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"].into_iter().any(is_set) {
            return;
        }
        // SAFETY: mallopt takes the allocator's own lock and only changes when memory goes back to
        // the kernel.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
            libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD);
        }
    }
}
