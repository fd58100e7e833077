//! Threads that encode chunks and never hold the GIL: jobs are handed over, results are picked up by the batch.

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

/// A job's ticket, its chunk or the exception in its place, and the seconds that it took.
type Outcome = (Py<PyAny>, Py<PyAny>, f64);

/// Threads that encode chunks, for one event loop.
#[pyclass(frozen, module = "tiled_zarr._native")]
pub struct Pool {
    shared: Arc<Shared>,
    /// Readable as soon as there is a result.
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

    /// The descriptor that is readable as soon as there is something to take.
    fn fileno(&self) -> RawFd {
        self.ear.as_raw_fd()
    }

    /// Have a chunk encoded as by `encode`; what comes of it is taken with its ticket.
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

    /// Let only so many of the threads begin chunks from now on.
    fn allow(&self, threads: usize) {
        self.shared.lock().allowed = threads;
        self.shared.rests.notify_all();
    }

    /// What has been made since the last time, in the order in which it was: ticket, chunk or exception, seconds.
    fn take(&self, py: Python<'_>) -> Vec<Outcome> {
        let mut heard = [0; 16];
        while matches!((&self.ear).read(&mut heard), Ok(n) if n == heard.len()) {}
        let done = std::mem::take(&mut self.shared.lock().done);
        let mut spare = Vec::with_capacity(done.len());
        let outcomes = done.into_iter().map(|done| done.outcome(py, &mut spare)).collect();
        self.shared.lock().bodies.append(&mut spare);
        outcomes
    }

    /// End the threads after the jobs that have begun; the others are dropped.
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

/// What the threads and the event loop share.
struct Shared {
    state: Mutex<State>,
    /// Told of jobs.
    waits: Condvar,
    /// Told when more threads are allowed.
    rests: Condvar,
    mouth: UnixStream,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    done: Vec<Done>,
    /// Memory that was written to before and is free again.
    bodies: Vec<Body>,
    /// The threads of lower numbers may begin jobs.
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

/// A job and what came of it. It goes back to the event loop whole, because dropping a block takes the GIL.
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

    /// Do one job after the other until the pool is closed.
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

    /// A job for the thread of a number; `None` where the pool is closed.
    fn next(&self, number: usize) -> Option<(Job, Body)> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if number >= state.allowed {
                self.waits.notify_one(); // what it has been told may have been meant for another
                state = self.rests.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some((job, state.bodies.pop().unwrap_or_default()));
            }
            state = self.waits.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Put a result down, and wake the event loop unless others lie there, for which it has been woken.
    fn give(&self, done: Done) {
        let mut state = self.lock();
        let is_first = state.done.is_empty();
        state.done.push(done);
        drop(state);
        if is_first {
            // Where there is no room, there is a byte that has not been read.
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
    /// What came of the job, as Python objects; its memory goes to `spare`.
    fn outcome(self, py: Python<'_>, spare: &mut Vec<Body>) -> Outcome {
        let Self { job, mut body, result, seconds } = self;
        let chunk = result.and_then(|()| bytes::copied(py, body.as_bytes()));
        body.trim();
        spare.push(body);
        let made = chunk.map_or_else(|error| error.into_value(py).into_any(), |chunk| chunk.unbind().into_any());
        (job.ticket, made, seconds)
    }
}
