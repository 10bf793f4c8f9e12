//! The end: nobody is cut off, and nothing goes on running.

use evervoice_core::pool::PoolError;

use super::*;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_those_in_use() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 2, ..config() });
    pool.keep(KEY);
    wait_ms(200).await;
    let lease = pool.acquire(&KEY).await.unwrap();
    let drained = tokio::spawn({
        let pool = pool.clone();
        async move { pool.drain().await }
    });
    wait_ms(100).await;
    assert_eq!(far.open().len(), 1, "idle ones close at once");
    assert!(lease.connection().0.is_open());
    assert!(matches!(pool.acquire(&KEY).await, Err(PoolError::Closing)));
    assert!(matches!(pool.acquire(&"new").await, Err(PoolError::Closing)));
    pool.keep("another");
    sleep(secs(3600)).await;
    assert!(!drained.is_finished());
    drop(lease);
    drained.await.unwrap();
    assert_eq!((far.open().len(), far.attempts(), tasks()), (0, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn draining_tells_those_who_wait() {
    let far = FarEnd::new(shared(1));
    let pool = far.start(config());
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire(&KEY).await.map(drop) }
    });
    wait_ms(50).await;
    pool.drain().await;
    assert!(matches!(waiter.await.unwrap(), Err(PoolError::Closing)));
    assert_eq!((far.open().len(), tasks()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_ever() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(config());
    let lease = pool.acquire(&KEY).await.unwrap();
    let asked = Instant::now();
    pool.close(secs(30)).await;
    assert_eq!(asked.elapsed().as_secs(), 30);
    assert!(!lease.connection().0.is_open());
    drop(lease);
    assert_eq!((far.told("evicted drained"), tasks()), (2, 0), "the one in use, and the one kept ready");
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_it() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { rewarm_after_idle: Some(secs(60)), ..config() });
    pool.keep(KEY);
    pool.keep("other");
    wait_ms(200).await;
    let lease = pool.acquire(&KEY).await.unwrap();
    let clone = pool.clone();
    drop(pool);
    wait_ms(200).await;
    assert_eq!(far.open().len(), 2);
    drop(clone);
    wait_ms(200).await;
    assert_eq!(far.open().len(), 1, "the one in use");
    drop(lease);
    wait_ms(200).await;
    assert_eq!((far.open().len(), tasks()), (0, 0));
    assert_eq!(Arc::strong_count(&far.0), 1 + far.0.lines.lock().unwrap().len(), "pool and connector are gone");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_is_given_up() {
    let far = FarEnd::new(shared(4));
    far.change(|behaviour| behaviour.handshake = secs(3600));
    let pool = far.start(config());
    pool.keep(KEY);
    wait_ms(200).await;
    let asked = Instant::now();
    pool.drain().await;
    assert_eq!((asked.elapsed(), status(&pool).connecting, tasks()), (Duration::ZERO, 0, 0));
}
