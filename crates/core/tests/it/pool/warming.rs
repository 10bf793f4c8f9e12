//! After a while without requests the far end is made to work.

use super::*;

fn config() -> PoolConfig {
    PoolConfig { rewarm_after_idle: Some(secs(60)), ..super::config() }
}

#[tokio::test(start_paused = true)]
async fn an_idle_key_is_warmed_once_per_interval() {
    for capacity in [Capacity::Once, shared(4)] {
        let far = FarEnd::new(capacity);
        let pool = far.start(config());
        pool.keep(KEY);
        sleep(secs(59)).await;
        assert_eq!(far.warmings(), 0);
        sleep(secs(2)).await;
        assert_eq!((far.warmings(), far.told("warmed")), (1, 1));
        sleep(secs(540)).await;
        assert_eq!((far.warmings(), far.told("warmed")), (10, 10));
        assert_eq!((status(&pool).ready, status(&pool).in_use, status(&pool).connections), (1, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_put_it_off() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(config());
    pool.keep(KEY);
    for _ in 0..20 {
        sleep(secs(50)).await;
        drop(pool.acquire(&KEY).await.unwrap());
    }
    assert_eq!(far.warmings(), 0);
    let lease = pool.acquire(&KEY).await.unwrap();
    sleep(secs(300)).await;
    assert_eq!(far.warmings(), 0, "in use all the time");
    drop(lease);
    sleep(secs(59)).await;
    assert_eq!(far.warmings(), 0);
    sleep(secs(2)).await;
    assert_eq!(far.warmings(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_meanwhile_is_served_at_once() {
    for capacity in [Capacity::Once, shared(2)] {
        let far = FarEnd::new(capacity);
        far.change(|behaviour| behaviour.warms = Warms::After(secs(5)));
        let pool = far.start(config());
        pool.keep(KEY);
        sleep(secs(62)).await;
        assert_eq!((far.warmings(), far.told("warmed"), status(&pool).in_use), (1, 0, 1));
        let asked = Instant::now();
        let lease = pool.acquire(&KEY).await.unwrap();
        assert_eq!(asked.elapsed(), Duration::ZERO);
        sleep(secs(5)).await;
        assert_eq!((far.told("warmed"), status(&pool).in_use), (1, 1));
        drop(lease);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_one_use_is_thrown_away_after_it() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(61)).await;
    assert_eq!((far.attempts(), far.told("evicted used"), far.open().len()), (2, 1, 1));
    assert_eq!(number(&pool.acquire(&KEY).await.unwrap()), 0, "the one that stood ready was not touched");
}

#[tokio::test(start_paused = true)]
async fn while_it_is_opened_an_old_one_is_replaced_all_the_same() {
    let far = FarEnd::new(Capacity::Once);
    let rewarm_after_idle = Some(secs(11));
    let pool = far.start(PoolConfig { max_idle: secs(15), rewarm_after_idle, ..config() });
    pool.keep(KEY);
    sleep(secs(10)).await;
    far.change(|behaviour| behaviour.handshake = secs(8));
    wait_ms(1050).await;
    assert_eq!((far.attempts(), status(&pool).connecting), (2, 1), "the one to be warmed");
    far.change(|behaviour| behaviour.handshake = HANDSHAKE);
    sleep(secs(4)).await;
    assert_eq!((far.attempts(), far.told("evicted idle"), status(&pool).ready), (3, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_counted_and_ends_the_connection() {
    for (warms, reason) in
        [(Warms::Fails, "cannot warm up"), (Warms::Hangs, "connection lost: not warm within 10000 ms")]
    {
        for capacity in [Capacity::Once, shared(4)] {
            let far = FarEnd::new(capacity);
            far.change(|behaviour| behaviour.warms = warms);
            let pool = far.start(config());
            pool.keep(KEY);
            sleep(secs(71)).await;
            assert_eq!(far.told(&format!("warm_failed {reason}")), 1, "{:?}", far.0.events.lock().unwrap());
            assert!(status(&pool).last_error.unwrap().starts_with(reason));
            assert_eq!((far.told("evicted"), status(&pool).in_use), (1, 0));
            sleep(secs(5)).await;
            assert_eq!((status(&pool).ready, far.warmings()), (1, 1), "not again while there is trouble");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn warming_is_proof_but_no_use() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { key_idle: secs(200), ..config() });
    drop(pool.acquire(&KEY).await.unwrap());
    sleep(secs(62)).await;
    assert!(status(&pool).proven);
    sleep(secs(138 + 135)).await;
    assert!(pool.status().is_empty(), "{:?}", pool.status());
    assert_eq!(far.warmings(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_shared_connection_that_nobody_keeps_is_not_kept_alive() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    drop(pool.acquire(&KEY).await.unwrap());
    sleep(secs(136)).await;
    assert_eq!((far.warmings(), far.open().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_never() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(super::config());
    pool.keep(KEY);
    sleep(secs(3600)).await;
    assert_eq!(far.warmings(), 0);
}
