//! A fixed set of threads behind a bounded queue, for engines that block.
//!
//! A job is one short step (a chunk of speech, a fifth of a second of recognition), never a whole utterance: so a slow
//! client holds no thread, utterances take turns, and a cancelled one is gone after one step.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run jobs in the order in which they came.
#[derive(Clone)]
pub struct WorkerPool {
    queue: crossbeam_channel::Sender<Job>,
    places: Arc<Semaphore>,
}

/// Why a job gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// The job panicked; its thread goes on.
    #[error("the engine panicked: {0}")]
    Panicked(String),
    /// The pool has been shut down.
    #[error("the engine has been shut down")]
    Stopped,
}

impl WorkerPool {
    /// Starts `threads` threads called `name-N`; at most `queue` jobs wait for one, further ones wait to be queued.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(name: &str, threads: usize, queue: usize) -> io::Result<Self> {
        let (sender, receiver) = crossbeam_channel::bounded::<Job>(threads + queue);
        for number in 0..threads {
            let receiver = receiver.clone();
            let body = move || receiver.iter().for_each(|job| job());
            thread::Builder::new().name(format!("{name}-{number}")).spawn(body)?;
        }
        Ok(Self { queue: sender, places: Arc::new(Semaphore::new(threads + queue)) })
    }

    /// Jobs that wait for a thread. For long jobs that want to know whether someone else wants their thread.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Runs one job and waits for its result. Dropping the future does not stop a job that has begun.
    ///
    /// # Errors
    /// [`WorkerError`]; a panic of the job is caught.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, WorkerError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| WorkerError::Stopped)?;
        let (done, result) = oneshot::channel();
        // There is room: no more jobs are queued than there are places.
        self.queue.try_send(Box::new(move || step(job, done, place))).map_err(|_| WorkerError::Stopped)?;
        result.await.map_err(|_| WorkerError::Stopped)?
    }
}

fn step<T>(job: impl FnOnce() -> T, done: oneshot::Sender<Result<T, WorkerError>>, place: OwnedSemaphorePermit) {
    // Nobody waits any more: do not compute for nobody.
    if done.is_closed() {
        return;
    }
    // The job owns what it touches, and on a panic that is dropped: nothing half-changed stays behind.
    let result = catch_unwind(AssertUnwindSafe(job)).map_err(|panic| WorkerError::Panicked(message(&*panic)));
    drop(place);
    let _ = done.send(result);
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let pool = WorkerPool::start("test", 1, 1).unwrap();
        let failed: Result<(), _> = pool.run(|| panic!("boom {}", 1)).await;
        assert_eq!(failed, Err(WorkerError::Panicked("boom 1".into())));
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn more_jobs_than_places_all_run() {
        let pool = WorkerPool::start("test", 2, 1).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let jobs = (0..50).map(|_| {
            let (pool, count) = (pool.clone(), Arc::clone(&count));
            tokio::spawn(async move { pool.run(move || count.fetch_add(1, Ordering::Relaxed)).await })
        });
        for job in jobs.collect::<Vec<_>>() {
            job.await.unwrap().unwrap();
        }
        assert_eq!(count.load(Ordering::Relaxed), 50);
    }
}
