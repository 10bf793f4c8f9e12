//! Thousands of random operations: in the end no slot, no waiter, no task, no connection too many.

use std::collections::HashMap;

use evervoice_core::pool::PoolError;
use fastrand::Rng;

use super::*;

/// Users of each connection.
type Users = Arc<Mutex<HashMap<usize, usize>>>;

/// One of them.
struct User(Users, usize);

impl User {
    fn new(users: &Users, connection: usize, places: usize) -> Self {
        let mut on = users.lock().unwrap();
        let count = on.entry(connection).or_default();
        *count += 1;
        assert!(*count <= places, "{count} users on connection {connection}");
        Self(Arc::clone(users), connection)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        *self.0.lock().unwrap().get_mut(&self.1).unwrap() -= 1;
    }
}

async fn request(pool: Pool<FarEnd>, users: Users, places: usize, mut rng: Rng) {
    let patience = Duration::from_millis(*rng.choice(&[1, 50, 100, 101, 500, 20_000]).unwrap());
    let fresh = rng.u8(..8) == 0;
    let lease = async {
        match fresh {
            true => pool.acquire_fresh(&KEY).await,
            false => pool.acquire(&KEY).await,
        }
    };
    let lease = match tokio::time::timeout(patience, lease).await {
        Ok(Ok(lease)) => lease,
        Ok(Err(PoolError::Closing)) => panic!("nobody closes the pool"),
        _ => return,
    };
    let number = number(&lease);
    if rng.bool() {
        use_it(&lease);
    }
    let (connection, slot) = lease.into_parts();
    // Declared after the slot, so dropped before it, also when the task is aborted.
    let user = User::new(&users, number, places);
    wait_ms(rng.u64(..3000)).await;
    if rng.bool() {
        drop(connection);
        wait_ms(rng.u64(..300)).await;
    }
    drop(user);
    match rng.u8(..10) {
        0 => slot.spoil(),
        _ => drop(slot),
    }
}

async fn run(seed: u64, capacity: Capacity, operations: usize) {
    let mut rng = Rng::with_seed(seed);
    // What the pool leaves to chance is drawn from this thread's generator.
    fastrand::seed(seed);
    let places = if let Capacity::Shared(places) = capacity { places.get() } else { 1 };
    let ready = rng.usize(..4);
    let far = FarEnd::new(capacity);
    let config = PoolConfig {
        ready,
        max: 12,
        rewarm_after_idle: rng.bool().then(|| secs(20)),
        max_idle: secs(30),
        ping_interval: secs(3),
        backoff: Backoff { min: Duration::from_millis(50), max: secs(4), useless: secs(5) },
        good_after: secs(5),
        ..config()
    };
    let pool = far.start(config);
    pool.keep(KEY);
    let users = Users::default();
    let mut requests = Vec::new();
    for _ in 0..operations {
        match rng.u16(..400) {
            0..300 => requests.push(tokio::spawn(request(pool.clone(), Arc::clone(&users), places, rng.fork()))),
            300..320 => {
                let task = rng.usize(..requests.len().max(1));
                if let Some(task) = requests.get(task) {
                    task.abort();
                }
            }
            320..330 => {
                let open = far.open();
                if let Some(line) = rng.choice(&open) {
                    line.hang_up(Closed { reason: "random".into(), hopeless: rng.u8(..20) == 0 });
                }
            }
            330..335 => far.refuse(true),
            335..345 => far.refuse(false),
            345 => far.change(|behaviour| behaviour.pongs ^= true),
            346..350 => far.change(|behaviour| behaviour.handshake = Duration::from_millis(rng.u64(..500))),
            350 => far.change(|behaviour| behaviour.warms = *rng.choice(&[Warms::Fails, Warms::Hangs]).unwrap()),
            351 => far.change(|behaviour| behaviour.warms = Warms::After(Duration::from_millis(200))),
            352 => sleep(secs(rng.u64(..60))).await,
            _ => wait_ms(rng.u64(..200)).await,
        }
        let status = status(&pool);
        assert!(status.connections + status.connecting <= 12, "{status:?}");
        let stuck = status.waiting > 0 && status.ready > 0 && status.connecting == 0 && status.connections < 12;
        assert!(!stuck, "someone waits for nothing: {status:?}");
    }
    for request in requests {
        match request.await {
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => {}
        }
    }
    let FarEnd(inner) = &far;
    *inner.behaviour.lock().unwrap() = FarEnd::new(capacity).behaviour();
    let waited = Instant::now();
    while waited.elapsed() < secs(120) {
        // Now and then a good use, which ends all trouble.
        sleep(secs(7)).await;
        if let Ok(lease) = pool.acquire(&KEY).await {
            use_it(&lease);
            pool.status();
        }
    }
    sleep(secs(40)).await;
    // An old one may just be replaced, or the far end warmed.
    for _ in 0..20 {
        let status = status(&pool);
        if (status.in_use, status.connecting, status.connections) == (0, 0, ready) {
            break;
        }
        wait_ms(100).await;
    }
    let status = status(&pool);
    assert_eq!((status.in_use, status.waiting, status.connecting), (0, 0, 0), "seed {seed}: {status:?}");
    assert_eq!((status.connections, status.ready, far.open().len()), (ready, ready, ready), "seed {seed}: {status:?}");
    assert_eq!((status.hopeless, status.backoff), (false, None));
    pool.drain().await;
    drop(pool);
    assert_eq!(far.open().len(), 0);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "seed {seed}");
    assert_eq!(far.told("connected"), far.told("evicted"));
}

#[tokio::test(start_paused = true)]
async fn of_shared_connections() {
    for seed in 0..12 {
        run(seed, shared(4), 2000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_single_use_connections() {
    for seed in 100..112 {
        run(seed, Capacity::Once, 2000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_several_threads_nothing_locks_up_or_leaks() {
    let far = FarEnd::new(shared(4));
    far.change(|behaviour| {
        behaviour.handshake = Duration::from_millis(1);
        behaviour.closes = Some((Duration::from_millis(40), closed("random")));
    });
    let soon = Duration::from_millis(10);
    let backoff = Backoff { min: soon, max: soon, useless: soon };
    let pool = far.start(PoolConfig { ready: 2, max: 12, backoff, good_after: soon, max_waiting: 10_000, ..config() });
    let users = Users::default();
    let requests = (0..4000).map(|number| {
        let (pool, users) = (pool.clone(), Arc::clone(&users));
        tokio::spawn(async move {
            let mut rng = Rng::with_seed(number);
            wait_ms(rng.u64(..500)).await;
            let patience = Duration::from_millis(*rng.choice(&[0, 1, 3, 50_000]).unwrap());
            let Ok(Ok(lease)) = tokio::time::timeout(patience, pool.acquire(&KEY)).await else { return 0 };
            use_it(&lease);
            let number = lease.connection().0.number;
            let (_connection, slot) = lease.into_parts();
            let user = User::new(&users, number, 4);
            wait_ms(rng.u64(..4)).await;
            drop(user);
            match rng.u8(..20) {
                0 => slot.spoil(),
                _ => drop(slot),
            }
            1
        })
    });
    let requests = futures_util::future::join_all(requests.collect::<Vec<_>>());
    let served = tokio::time::timeout(secs(60), requests).await.expect("a lock-up");
    let served: usize = served.into_iter().map(Result::unwrap).sum();
    assert!(served > 1000, "{served}");
    let status = status(&pool);
    assert_eq!((status.in_use, status.waiting), (0, 0), "{status:?}");
    tokio::time::timeout(secs(60), pool.drain()).await.expect("a lock-up");
    assert_eq!((far.open().len(), far.told("connected")), (0, far.told("evicted")));
}
