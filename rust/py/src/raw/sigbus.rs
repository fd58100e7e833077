//! SIGBUS, by which the kernel says that a mapped page cannot be read: its file has been cut short, or its device fails.
//!
//! Without a handler that ends the process. Ours puts zeros in the place of what is missing and counts, so that whoever has looked at the
//! mapping meanwhile can throw away what was made of it. A SIGBUS that has nothing to do with our mappings goes to whoever was there first.

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

/// So many mappings are guarded at once.
const MOST: usize = 1024;
/// The start of a place in the table that nobody has, and of one that is being filled or emptied.
const FREE: usize = 0;
const BUSY: usize = 1;

static TABLE: [Place; MOST] = [const { Place::new() }; MOST];
static PAGE: AtomicUsize = AtomicUsize::new(0);
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());
/// The thread that is in the handler that was there first.
static CHAINING: AtomicI32 = AtomicI32::new(0);

/// A range of addresses, and where its faults are counted.
struct Place {
    start: AtomicUsize,
    end: AtomicUsize,
    faults: AtomicPtr<AtomicU64>,
}

impl Place {
    const fn new() -> Self {
        Self { start: AtomicUsize::new(FREE), end: AtomicUsize::new(0), faults: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The end of the range and its count, if an address lies in it. Safe against the place being emptied and filled meanwhile.
    fn holds(&self, address: usize) -> Option<(usize, *mut AtomicU64)> {
        let start = self.start.load(SeqCst);
        let (end, faults) = (self.end.load(SeqCst), self.faults.load(SeqCst));
        (start > BUSY && (start..end).contains(&address) && self.start.load(SeqCst) == start).then_some((end, faults))
    }
}

/// A range of addresses whose faults are caught as long as this value lives.
pub struct Guard(&'static Place);

impl Guard {
    /// Guard a mapping that begins at a page, and count its faults in `faults`.
    ///
    /// # Safety
    ///
    /// The mapping and the count outlive the guard, and nobody minds if the pages of the mapping are replaced by zeros.
    pub unsafe fn new(start: usize, nbytes: usize, faults: *const AtomicU64) -> io::Result<Self> {
        install()?;
        let is_mine = |place: &&Place| place.start.compare_exchange(FREE, BUSY, SeqCst, SeqCst).is_ok();
        let place = TABLE.iter().find(is_mine).ok_or_else(|| io::Error::other(format!("more than {MOST} mappings at once")))?;
        place.end.store(start + nbytes, SeqCst);
        place.faults.store(faults.cast_mut(), SeqCst);
        place.start.store(start, SeqCst);
        Ok(Self(place))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.start.store(FREE, SeqCst);
    }
}

/// Have our handler in place, also where another one was put in its place since.
fn install() -> io::Result<()> {
    static LOCK: Mutex<()> = Mutex::new(());
    let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a `sigaction` of zeros is a value; the calls read and write the values they are given, and `handle` has the signature that
    // SA_SIGINFO promises. What was there is kept for good, since the handler may read it at any time.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        succeeded(libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut current))?;
        if current.sa_sigaction == handle as *const () as usize {
            return Ok(());
        }
        PAGE.store(usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096), SeqCst);
        PREVIOUS.store(Box::into_raw(Box::new(current)), SeqCst);
        let mut ours: libc::sigaction = std::mem::zeroed();
        ours.sa_sigaction = handle as *const () as usize;
        // Who lets the signal come again while it is handled counts on that.
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | (current.sa_flags & libc::SA_NODEFER);
        succeeded(libc::sigaction(libc::SIGBUS, &raw const ours, ptr::null_mut()))
    }
}

fn succeeded(status: c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The handler. Nothing in it allocates or locks.
extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands over an `info`; that of a fault has the address.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    if code == libc::BUS_ADRERR
        && let Some((end, faults)) = TABLE.iter().find_map(|place| place.holds(address))
        && replace(address, end, faults)
    {
        return;
    }
    chain(signal, code, info, context);
}

/// Count a fault, then put zeros in the place of its page and all behind it up to the end of the mapping.
///
/// What lies behind may be readable; but all that is made of the mapping is thrown away now, and one fault is cheaper than thousands.
fn replace(address: usize, end: usize, faults: *mut AtomicU64) -> bool {
    let page = address & !(PAGE.load(SeqCst) - 1);
    // SAFETY: the count outlives the guard, and the thread that faulted holds the mapping and so the guard.
    unsafe { (*faults).fetch_add(1, SeqCst) };
    let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the pages belong to a mapping whose owner has agreed. `mmap` is one system call, and `errno` is restored.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let at = libc::mmap(page as *mut c_void, end - page, libc::PROT_READ, flags, -1, 0);
        *errno = before;
        at != libc::MAP_FAILED
    }
}

/// Do what would have been done without us.
fn chain(signal: c_int, code: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: `PREVIOUS` was set before the handler was, and what it points to is never freed. Its handler has the signature that its
    // flags say. The calls are safe in a handler.
    unsafe {
        let previous = &*PREVIOUS.load(SeqCst);
        let thread = libc::gettid();
        // Python's faulthandler raises the signal again for the handler it had found, which may be this one, which would call it again.
        let is_again = code <= 0 && CHAINING.swap(thread, SeqCst) == thread;
        match previous.sa_sigaction {
            libc::SIG_IGN if code <= 0 => {}
            libc::SIG_DFL | libc::SIG_IGN => end(signal, code),
            _ if is_again => end(signal, code),
            handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                CHAINING.store(thread, SeqCst);
                std::mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(handler)(signal, info, context);
                CHAINING.store(0, SeqCst);
            }
            handler => {
                CHAINING.store(thread, SeqCst);
                std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
                CHAINING.store(0, SeqCst);
            }
        }
    }
}

/// End the process as if there were no handler: by the fault, which comes again, or by the signal, sent again.
///
/// # Safety
///
/// For a handler alone.
unsafe fn end(signal: c_int, code: c_int) {
    // SAFETY: both calls are safe in a handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        if code <= 0 {
            libc::raise(signal);
        }
    }
}
