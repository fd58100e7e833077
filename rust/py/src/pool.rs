//! The native pool: threads that encode chunks of arrays in memory and never hold the GIL.
//!
//! A thread of Python's own pool takes the GIL to pick up a job, to drop it and to deliver the
//! result. Each time it may wait up to 5 ms for another thread to release it, and the event loop
//! waits for it in turn. These threads touch no Python object, so nobody waits for them:
//!
//! ```text
//!   event loop (holds the GIL)                      thread (never holds it)
//!   submit: buffer, shape, codec  --> jobs -->      encode_block into a Body
//!   take: bytes objects           <-- done <--      the job with its Body or error
//!                                 --> bodies -->    the Body's memory, reused
//! ```
//!
//! A job's life: waiting in `jobs`; encoding in one thread; in `done` with its outcome; taken.
//! `close` drops jobs that wait and lets those that are being encoded finish.
//!
//! * `submit` borrows the array's buffer while it has the GIL. Releasing a buffer takes the GIL
//!   again, so a job goes back to the event loop whole and is dropped by `take`.
//! * A thread writes into a `Body`, memory that `take` returns to the pool after copying it into a
//!   bytes object: the copy costs less than fresh pages would.
//! * The event loop watches one end of a socket pair. A thread writes a byte only when `done` was
//!   empty, so that many results wake the loop once. The socket never blocks: if it is full, the
//!   loop has a byte to read already.
//! * `allow` limits how many threads begin jobs, by their number, so that the event loop can have a
//!   processor to itself (http/work/native.py decides). Threads beyond the limit wait for `rests`,
//!   the others for `waits`; one that was notified of a job but may not take it passes the notice
//!   on.
//! * A panic in the encoder becomes the job's exception, and the thread gets a new workspace.
//!
//! Invariants: no code in `Shared::work` attaches to the interpreter; every submitted job appears
//! in `take` exactly once, unless the pool is closed; the lock is never held while encoding or
//! while Python code runs.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tiled_zarr_core::{Body, Layout, Workspace, encode_block};

use crate::codec::Codec;
use crate::encode::{Runs, layout_of};
use crate::error::{exception, guarded};
use crate::raw::buffer::Buffer;
use crate::raw::{bytes, malloc, priority};

/// A job's ticket, its chunk or exception, and the seconds that it took.
type Outcome = (Py<PyAny>, Py<PyAny>, f64);

/// Threads that encode chunks, for one event loop.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Pool {
    shared: Arc<Shared>,
    /// The event loop's end of the socket pair: readable when there are results.
    ear: UnixStream,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[pymethods]
impl Pool {
    #[new]
    fn new(threads: usize) -> PyResult<Self> {
        malloc::tune();
        let (ear, mouth) = UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        mouth.set_nonblocking(true)?;
        let state = State { allowed: threads, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), waits: Condvar::new(), rests: Condvar::new(), mouth });
        let pool = Self { shared, ear, threads: Mutex::default() };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let started = thread::Builder::new().name(format!("tiled-zarr-native-{number}")).spawn(move || shared.work(number))?;
            pool.handles().push(started);
        }
        Ok(pool)
    }

    /// The descriptor that becomes readable when there are results to take.
    fn fileno(&self) -> RawFd {
        self.ear.as_raw_fd()
    }

    /// Encode a chunk as `encode` does; `take` returns the outcome with its ticket.
    #[pyo3(signature = (ticket, block, chunk_shape, codec, layout=None))]
    fn submit(&self, ticket: Py<PyAny>, block: Buffer, chunk_shape: Vec<usize>, codec: &Codec, layout: Option<Runs>) -> PyResult<()> {
        let layout = layout_of(block.view()?.itemsize(), layout)?;
        let mut state = self.shared.lock();
        if state.is_closed {
            return Err(PyRuntimeError::new_err("the pool is closed"));
        }
        state.jobs.push_back(Job { ticket, block, chunk_shape, codec: codec.0, layout });
        drop(state);
        self.shared.waits.notify_one();
        Ok(())
    }

    /// Let only this many threads begin chunks from now on.
    fn allow(&self, threads: usize) {
        self.shared.lock().allowed = threads;
        self.shared.rests.notify_all();
    }

    /// The outcomes since the last call, in the order of completion.
    fn take(&self, py: Python<'_>) -> Vec<Outcome> {
        let mut heard = [0; 16];
        while matches!((&self.ear).read(&mut heard), Ok(n) if n == heard.len()) {}
        let done = std::mem::take(&mut self.shared.lock().done);
        let mut spare = Vec::with_capacity(done.len());
        let outcomes = done.into_iter().map(|done| done.outcome(py, &mut spare)).collect();
        self.shared.lock().bodies.append(&mut spare);
        outcomes
    }

    /// Stop the threads after their current jobs; drop the others. Blocks until they have finished.
    fn close(&self, py: Python<'_>) {
        let dropped = {
            let mut state = self.shared.lock();
            state.is_closed = true;
            std::mem::take(&mut state.jobs)
        };
        drop(dropped);
        self.shared.waits.notify_all();
        self.shared.rests.notify_all();
        let threads = std::mem::take(&mut *self.handles());
        py.detach(|| threads.into_iter().for_each(|thread| drop(thread.join())));
    }
}

impl Pool {
    fn handles(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        Python::attach(|py| self.close(py));
    }
}

/// The state that threads and event loop share.
struct Shared {
    state: Mutex<State>,
    /// Notified of jobs.
    waits: Condvar,
    /// Notified when more threads are allowed.
    rests: Condvar,
    mouth: UnixStream,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    done: Vec<Done>,
    /// Free memory for encoded chunks.
    bodies: Vec<Body>,
    /// Threads with lower numbers may begin jobs.
    allowed: usize,
    is_closed: bool,
}

struct Job {
    ticket: Py<PyAny>,
    block: Buffer,
    chunk_shape: Vec<usize>,
    codec: tiled_zarr_core::Codec,
    layout: Layout,
}

/// A job with its outcome. The whole job goes back to the event loop, since dropping its buffer
/// takes the GIL.
struct Done {
    job: Job,
    body: Body,
    result: PyResult<()>,
    seconds: f64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encode jobs until the pool is closed.
    fn work(&self, number: usize) {
        priority::give_way();
        let mut workspace = Workspace::default();
        while let Some((job, mut body)) = self.next(number) {
            let start = Instant::now();
            let result = guarded(|| job.encode(&mut workspace, &mut body));
            if result.is_err() {
                workspace = Workspace::default();
            }
            workspace.trim();
            self.give(Done { job, body, result, seconds: start.elapsed().as_secs_f64() });
        }
    }

    /// The next job for a thread. None if the pool is closed.
    fn next(&self, number: usize) -> Option<(Job, Body)> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if number >= state.allowed {
                self.waits.notify_one(); // the notice may have been for a job that another thread may take
                state = self.rests.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some((job, state.bodies.pop().unwrap_or_default()));
            }
            state = self.waits.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Add an outcome, and wake the event loop if it is the first: it has been woken for later
    /// ones.
    fn give(&self, done: Done) {
        let mut state = self.lock();
        let is_first = state.done.is_empty();
        state.done.push(done);
        drop(state);
        if is_first {
            // If the socket is full, the loop has a byte to read already.
            let _ = (&self.mouth).write(&[0]);
        }
    }
}

impl Job {
    fn encode(&self, workspace: &mut Workspace, body: &mut Body) -> PyResult<()> {
        let block = self.block.view()?;
        let made = body.fill(workspace, |workspace| encode_block(&block, &self.chunk_shape, &self.layout, &self.codec, workspace));
        made.map_err(exception)
    }
}

impl Done {
    /// The outcome as Python objects; the memory goes to `spare`.
    fn outcome(self, py: Python<'_>, spare: &mut Vec<Body>) -> Outcome {
        let Self { job, mut body, result, seconds } = self;
        let chunk = result.and_then(|()| bytes::copied(py, body.as_bytes()));
        body.trim();
        spare.push(body);
        let made = chunk.map_or_else(|error| error.into_value(py).into_any(), |chunk| chunk.unbind().into_any());
        (job.ticket, made, seconds)
    }
}
