//! Idle connections: replaced before they go, watched while they wait.

use super::*;

/// Checks four times a second that a connection stands ready.
async fn always_ready(pool: &Pool<FarEnd>, far: &FarEnd, time: Duration, ready: usize) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        wait_ms(250).await;
        assert!(status(pool).ready >= ready, "{:?} with {:?}", status(pool), far.0.events.lock().unwrap().last());
    }
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_idle_one_stands_ready_at_any_time() {
    for (capacity, ready) in [(Capacity::Once, 1), (shared(4), 1), (shared(4), 3)] {
        let far = FarEnd::new(capacity);
        let pool = far.start(PoolConfig { ready, ..config() });
        pool.keep(KEY);
        wait_ms(200).await;
        always_ready(&pool, &far, secs(600), ready).await;
        assert_eq!(status(&pool).connections, ready);
        // Each lives between 75 % and 100 % of 135 s.
        assert!((5 * ready..=6 * ready).contains(&far.attempts()), "{}", far.attempts());
        assert!(far.open().iter().all(|line| line.opened.elapsed() <= secs(135)));
        assert_eq!(far.told("evicted idle"), far.attempts() - ready);
    }
}

#[tokio::test(start_paused = true)]
async fn those_opened_together_do_not_go_together() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 4, ..config() });
    pool.keep(KEY);
    sleep(secs(130)).await;
    let mut times = far.attempt_times().split_off(4);
    assert_eq!(times.len(), 4);
    times.dedup_by_key(|time| *time / 50);
    assert!(times.len() > 1, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_one_is_replaced_before_anyone_gets_it() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(70)).await;
    far.open()[0].hang_up(closed("reset"));
    wait_ms(150).await;
    assert_eq!((far.told("evicted closed"), status(&pool).ready), (1, 1));
    let lease = pool.acquire(&KEY).await.unwrap();
    assert_eq!(number(&lease), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_died_this_instant_is_not_handed_out() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 2, ..config() });
    pool.keep(KEY);
    wait_ms(200).await;
    let dead = {
        let lease = pool.acquire(&KEY).await.unwrap();
        lease.connection().0.number
    };
    // No task runs between these two lines.
    far.open().iter().find(|line| line.number == dead).unwrap().hang_up(closed("reset"));
    let lease = pool.acquire(&KEY).await.unwrap();
    assert_ne!(number(&lease), dead);
    wait_ms(200).await;
    assert_eq!(status(&pool).connections, 2);
    assert_eq!((far.told("evicted closed"), far.told("evicted")), (1, 1), "it ended by itself");
}

#[tokio::test(start_paused = true)]
async fn without_a_pong_it_goes() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(40)).await;
    assert_eq!(far.told("pinged"), 2);
    far.change(|behaviour| behaviour.pongs = false);
    sleep(secs(11)).await;
    far.change(|behaviour| behaviour.pongs = true);
    assert_eq!((far.told("ping_failed no pong within 5000 ms"), far.told("evicted ping_failed")), (1, 1));
    assert_eq!((status(&pool).ready, number(&pool.acquire(&KEY).await.unwrap())), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_short_life_is_long_enough_for_a_ping() {
    let far = FarEnd::new(shared(4));
    far.change(|behaviour| behaviour.pongs = false);
    let pool = far.start(PoolConfig { max_idle: secs(15), ping_interval: secs(15), ping_timeout: secs(2), ..config() });
    pool.keep(KEY);
    // Half of 15 s, and the time for an answer; it would be replaced after 75 % of 15 s.
    sleep(secs(10)).await;
    assert_eq!((far.told("ping_failed"), far.told("evicted ping_failed"), far.attempts()), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_in_use_is_neither_pinged_nor_aged() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    let lease = pool.acquire(&KEY).await.unwrap();
    far.change(|behaviour| behaviour.pongs = false);
    sleep(secs(400)).await;
    assert_eq!((far.told("evicted"), far.0.pings.load(Ordering::SeqCst)), (0, 0));
    far.change(|behaviour| behaviour.pongs = true);
    drop(lease);
    sleep(secs(100)).await;
    assert_eq!(far.told("evicted"), 0, "idle counts from its last use");
    assert!((6..=7).contains(&far.told("pinged")));
    sleep(secs(35)).await;
    assert_eq!((far.told("evicted surplus"), far.attempts()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_replacement_it_goes_all_the_same() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(config());
    pool.keep(KEY);
    wait_ms(200).await;
    far.refuse(true);
    sleep(secs(134)).await;
    assert_eq!((far.open().len(), status(&pool).ready), (1, 1), "better than none");
    sleep(secs(2)).await;
    assert_eq!(far.open().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_hiccup_it_gets_well_again_although_nobody_uses_it() {
    for capacity in [Capacity::Once, shared(5)] {
        for age in [1, 5, 10] {
            let far = FarEnd::new(capacity);
            // Longer than the time between two looks of `always_ready`.
            far.change(|behaviour| behaviour.handshake = secs(1));
            let pool = far.start(short_lived());
            pool.keep(KEY);
            sleep(secs(1 + age)).await;
            assert_eq!(far.open().len(), 2);
            far.open().iter().for_each(|line| line.hang_up(closed("hiccup")));
            let hiccup = Instant::now();
            wait_ms(1).await;
            while status(&pool).ready < 2 {
                wait_ms(250).await;
                assert!(hiccup.elapsed() < secs(60), "{:?}", status(&pool));
            }
            always_ready(&pool, &far, secs(3600), 2).await;
            assert_eq!(status(&pool).last_error, None);
            assert!((5..=6).contains(&far.warmings()), "{}", far.warmings());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_burst_the_surplus_goes() {
    for capacity in [Capacity::Once, shared(4)] {
        let far = FarEnd::new(capacity);
        let pool = far.start(PoolConfig { ready: 2, ..config() });
        pool.keep(KEY);
        let burst: Vec<_> = (0..40).map(|_| pool.acquire(&KEY)).collect();
        let leases: Vec<_> = futures_util::future::join_all(burst).await.into_iter().map(Result::unwrap).collect();
        drop(leases);
        // A little traffic goes on, which must not keep all of them busy in turn.
        for _ in 0..136 {
            sleep(secs(1)).await;
            drop(pool.acquire(&KEY).await.unwrap());
        }
        wait_ms(200).await;
        assert_eq!((far.open().len(), status(&pool).ready), (2, 2));
    }
}
