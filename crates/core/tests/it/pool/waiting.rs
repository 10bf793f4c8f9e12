//! Requests that wait: first come first served, no attempt too many, nothing left behind.

use evervoice_core::pool::PoolError;
use futures_util::future::join_all;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_burst_of_200_is_served_by_50() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 1, ..config() });
    pool.keep(KEY);
    wait_ms(200).await;
    let leases = join_all((0..200).map(|_| pool.acquire(&KEY))).await;
    assert!(leases.iter().all(Result::is_ok));
    // 50 for them, and one that is kept ready.
    wait_ms(500).await;
    assert_eq!((far.attempts(), far.0.most_under_way.load(Ordering::SeqCst)), (51, 8));
    assert_eq!((status(&pool).in_use, status(&pool).ready), (200, 1));
    for line in far.open() {
        let users = leases.iter().flatten().filter(|lease| number(lease) == line.number).count();
        assert!(users <= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    for capacity in [Capacity::Once, shared(2)] {
        let far = FarEnd::new(capacity);
        let pool = far.start(PoolConfig { ready: 0, storm_limit: 2, ..config() });
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..30 {
            let (pool, order) = (pool.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let lease = pool.acquire(&KEY).await.unwrap();
                order.lock().unwrap().push(number);
                wait_ms(1000).await;
                drop(lease);
            }));
            wait_ms(1).await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..30).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_given_back_goes_to_the_one_who_waits() {
    let far = FarEnd::new(shared(1));
    let pool = far.start(PoolConfig { ready: 0, max: 1, ..config() });
    let lease = pool.acquire(&KEY).await.unwrap();
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire(&KEY).await }
    });
    wait_ms(3000).await;
    assert_eq!(status(&pool).waiting, 1);
    drop(lease);
    let lease = waiter.await.unwrap().unwrap();
    assert!(lease.waited());
    assert_eq!(far.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_place_in_time_is_an_error() {
    let far = FarEnd::new(shared(1));
    let pool = far.start(PoolConfig { ready: 0, max: 1, max_waiting: 2, ..config() });
    let _lease = pool.acquire(&KEY).await.unwrap();
    let asked = Instant::now();
    let results = join_all((0..3).map(|_| pool.acquire(&KEY))).await;
    assert!(results.iter().all(|result| matches!(result, Err(PoolError::Exhausted))), "{results:?}");
    assert_eq!(asked.elapsed().as_secs(), 10);
    assert_eq!(status(&pool).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn more_may_not_wait_than_may() {
    let far = FarEnd::new(shared(1));
    let pool = far.start(PoolConfig { ready: 0, max: 1, max_waiting: 2, ..config() });
    let lease = pool.acquire(&KEY).await.unwrap();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            tokio::spawn({
                let pool = pool.clone();
                async move { pool.acquire(&KEY).await.map(drop) }
            })
        })
        .collect();
    wait_ms(1).await;
    let asked = Instant::now();
    assert!(matches!(pool.acquire(&KEY).await, Err(PoolError::Exhausted)));
    assert_eq!(asked.elapsed(), Duration::ZERO);
    drop(lease);
    for result in join_all(waiting).await {
        result.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_an_error_in_time() {
    let far = FarEnd::new(shared(1));
    far.change(|behaviour| behaviour.handshake = secs(3600));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    let error = pool.acquire(&KEY).await.unwrap_err();
    assert!(matches!(error, PoolError::TimedOut), "{error}");
    assert_eq!((status(&pool).waiting, status(&pool).connecting), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_nothing_behind() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    for ms in [0, 1, 50, 99, 100, 101] {
        let gave_up = tokio::time::timeout(Duration::from_millis(ms), pool.acquire(&KEY)).await;
        drop(gave_up);
        wait_ms(500).await;
        assert_eq!((status(&pool).waiting, status(&pool).in_use, status(&pool).connecting), (0, 0, 0), "{ms}");
    }
    assert_eq!(far.attempts(), 1, "what the first had asked for serves the others");
}

#[tokio::test(start_paused = true)]
async fn waiters_of_a_cold_key_share_what_is_opened() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 1, storm_limit: 2, ..config() });
    let leases = join_all((0..8).map(|_| pool.acquire(&KEY))).await;
    assert!(leases.iter().flatten().all(|lease| !lease.waited()));
    wait_ms(500).await;
    assert_eq!((leases.iter().flatten().count(), far.attempts()), (8, 3));
}
