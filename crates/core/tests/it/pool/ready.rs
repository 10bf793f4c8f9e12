//! A connection is there before anyone asks.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_costs_no_handshake() {
    for capacity in [Capacity::Once, shared(4)] {
        let far = FarEnd::new(capacity);
        let pool = far.start(PoolConfig { ready: 2, ..config() });
        pool.keep(KEY);
        wait_ms(200).await;
        assert_eq!((far.attempts(), status(&pool).ready), (2, 2));
        let asked = Instant::now();
        let lease = pool.acquire(&KEY).await.unwrap();
        assert_eq!(asked.elapsed(), Duration::ZERO);
        assert!(lease.waited());
        assert_eq!(far.told("acquired true 0"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_keep_the_first_request_connects_and_the_next_finds_one() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(config());
    wait_ms(1000).await;
    assert_eq!(far.attempts(), 0);
    let asked = Instant::now();
    let lease = pool.acquire(&KEY).await.unwrap();
    assert_eq!(asked.elapsed().as_millis(), HANDSHAKE.as_millis());
    assert!(!lease.waited());
    wait_ms(1000).await;
    let second = pool.acquire(&KEY).await.unwrap();
    assert!(second.waited());
    assert_ne!(number(&lease), number(&second));
}

#[tokio::test(start_paused = true)]
async fn a_single_use_is_replaced_and_closed() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(config());
    pool.keep(KEY);
    for round in 0..10 {
        wait_ms(200).await;
        let lease = pool.acquire(&KEY).await.unwrap();
        assert!(lease.waited());
        assert_eq!(number(&lease), round);
        wait_ms(200).await;
        assert_eq!((far.open().len(), status(&pool).ready), (2, 1), "it and the next");
        drop(lease);
        wait_ms(1).await;
        assert_eq!(far.open().len(), 1);
    }
    assert_eq!(far.told("evicted used"), 10);
    assert!(status(&pool).backoff.is_none(), "an unused use is no failure");
}

#[tokio::test(start_paused = true)]
async fn with_none_kept_ready_nothing_is_opened_ahead() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    pool.keep(KEY);
    wait_ms(5000).await;
    for used in 1..4 {
        let lease = pool.acquire(&KEY).await.unwrap();
        assert!(!lease.waited());
        drop(lease);
        wait_ms(5000).await;
        assert_eq!((far.attempts(), far.open().len()), (used, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_one_has_not_waited() {
    for capacity in [Capacity::Once, shared(4)] {
        let far = FarEnd::new(capacity);
        let pool = far.start(PoolConfig { ready: 2, ..config() });
        pool.keep(KEY);
        wait_ms(200).await;
        let asked = Instant::now();
        let lease = pool.acquire_fresh(&KEY).await.unwrap();
        assert!(!lease.waited());
        assert_eq!((number(&lease), asked.elapsed()), (2, HANDSHAKE));
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_may_be_no_more_an_idle_one_makes_room_for_a_fresh_one() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 2, max: 2, ..config() });
    pool.keep(KEY);
    wait_ms(200).await;
    let lease = pool.acquire_fresh(&KEY).await.unwrap();
    assert!(!lease.waited());
    wait_ms(200).await;
    assert_eq!(far.open().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_nobody_asks_for_is_forgotten() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { key_idle: secs(300), ..config() });
    pool.keep("kept");
    drop(pool.acquire(&"asked").await.unwrap());
    sleep(secs(290)).await;
    assert_eq!((pool.status().len(), far.open().len()), (2, 2));
    sleep(secs(10 + 135)).await;
    assert_eq!((pool.status().len(), far.open().len()), (1, 1));
    assert_eq!((status(&pool).key, status(&pool).ready), ("kept", 1));
    assert!(!pool.acquire(&"asked").await.unwrap().waited(), "it is known again");
}

#[tokio::test(start_paused = true)]
async fn keys_do_not_mix_and_are_limited() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { max_keys: 2, ready: 0, ..config() });
    let one = pool.acquire(&"one").await.unwrap();
    let two = pool.acquire(&"two").await.unwrap();
    assert_ne!(number(&one), number(&two));
    let three = pool.acquire(&"three").await.unwrap_err();
    assert!(matches!(three, evervoice_core::pool::PoolError::Exhausted), "{three}");
    pool.keep("four");
    assert!(pool.acquire(&"four").await.is_ok());
}
