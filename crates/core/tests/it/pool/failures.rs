//! Failures: backoff, refusal at once, and an end to hope.

use evervoice_core::pool::{Failure, PoolError};
use futures_util::future::join_all;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_one_who_waits_gets_the_error_and_the_next_are_refused_at_once() {
    let far = FarEnd::new(shared(4));
    far.refuse(true);
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    let error = pool.acquire(&KEY).await.unwrap_err();
    assert!(matches!(error, PoolError::Connect(_)), "{error}");
    let asked = Instant::now();
    let error = pool.acquire(&KEY).await.unwrap_err();
    let PoolError::Backoff { after, last: Failure::Connect(_) } = error else { panic!("{error}") };
    assert_eq!((asked.elapsed(), far.attempts()), (Duration::ZERO, 1));
    assert!((200..=400).contains(&after.as_millis()), "{after:?}");
    assert_eq!(status(&pool).last_error.as_deref(), Some("cannot connect: refused"));
    far.refuse(false);
    sleep(after).await;
    wait_ms(1).await;
    let lease = pool.acquire(&KEY).await.unwrap();
    assert!(status(&pool).last_error.is_some(), "a handshake proves nothing");
    use_it(&lease);
    assert_eq!((status(&pool).last_error, status(&pool).proven), (None, true));
}

#[tokio::test(start_paused = true)]
async fn delays_grow_up_to_a_limit_and_start_again_after_success() {
    let far = FarEnd::new(shared(4));
    far.refuse(true);
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(1800)).await;
    let times = far.attempt_times();
    // From the beginning of one to the beginning of the next, with the shortest delay at least after its end.
    let delays: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (index, delay) in delays.iter().enumerate() {
        let least = (200u128 << index.min(20)).min(2_000);
        let shortest = HANDSHAKE.as_millis() + 200;
        let range = least.max(shortest)..=(2 * least).min(4_000).max(2 * shortest) + 2;
        assert!(range.contains(delay), "{index}: {delays:?}");
    }
    assert!((450..=900).contains(&times.len()), "{}", times.len());
    far.refuse(false);
    while status(&pool).ready == 0 {
        wait_ms(100).await;
    }
    sleep(secs(58)).await;
    assert!(status(&pool).last_error.is_some(), "a handshake proves nothing");
    sleep(secs(3)).await;
    assert_eq!(status(&pool).last_error, None, "it has lived long");
    far.refuse(true);
    far.open()[0].hang_up(closed("reset"));
    wait_ms(150).await;
    assert!(status(&pool).backoff.unwrap() <= Duration::from_millis(400));
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failures_is_one_failure() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    far.refuse(true);
    let errors = join_all((0..20).map(|_| pool.acquire(&KEY))).await;
    assert!(errors.iter().all(|result| matches!(result, Err(PoolError::Connect(_)))), "{errors:?}");
    assert_eq!(far.attempts(), 8);
    // More than one of these may count, which began and failed at the same instant, but not eight.
    assert!(status(&pool).backoff.unwrap() <= secs(60));
    assert_eq!(status(&pool).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn after_failures_one_attempt_at_a_time_until_one_is_of_use() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(PoolConfig { ready: 4, ..config() });
    far.refuse(true);
    pool.keep(KEY);
    sleep(secs(10)).await;
    while status(&pool).connecting > 0 {
        wait_ms(10).await;
    }
    far.refuse(false);
    far.0.most_under_way.store(0, Ordering::SeqCst);
    sleep(secs(20)).await;
    assert_eq!((status(&pool).ready, far.0.most_under_way.load(Ordering::SeqCst)), (1, 1), "one for a try");
    let leases = join_all((0..4).map(|_| pool.acquire(&KEY))).await;
    assert_eq!((leases.iter().flatten().count(), far.0.most_under_way.load(Ordering::SeqCst)), (4, 1));
    leases.iter().flatten().for_each(use_it);
    drop(leases);
    wait_ms(500).await;
    assert_eq!((status(&pool).ready, far.0.most_under_way.load(Ordering::SeqCst)), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn open_connections_serve_while_new_ones_fail() {
    let far = FarEnd::new(shared(2));
    let pool = far.start(config());
    pool.keep(KEY);
    wait_ms(200).await;
    far.refuse(true);
    let leases = [pool.acquire(&KEY).await.unwrap(), pool.acquire(&KEY).await.unwrap()];
    sleep(secs(5)).await;
    assert!(matches!(pool.acquire(&KEY).await, Err(PoolError::Backoff { .. } | PoolError::Connect(_))));
    drop(leases);
    assert!(pool.acquire(&KEY).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_no_proof_so_a_bad_key_makes_few_attempts() {
    for (life, max_idle) in [(50, secs(135)), (5000, secs(15))] {
        let far = FarEnd::new(shared(4));
        far.change(|behaviour| behaviour.closes = Some((Duration::from_millis(life), closed("bad key, perhaps"))));
        let pool = far.start(PoolConfig {
            ready: 2,
            max_idle,
            backoff: Backoff { useless: secs(300), ..config().backoff },
            good_after: secs(300),
            ..config()
        });
        pool.keep(KEY);
        sleep(secs(3600)).await;
        assert!((15..=45).contains(&far.attempts()), "{}", far.attempts());
        while status(&pool).backoff.is_none() {
            sleep(secs(1)).await;
        }
        let error = pool.acquire(&KEY).await.unwrap_err();
        assert!(matches!(&error, PoolError::Backoff { last: Failure::Closed(_), .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_in_vain_is_a_delay_itself() {
    let far = FarEnd::new(shared(4));
    far.refuse(true);
    far.change(|behaviour| behaviour.handshake = secs(10));
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(600)).await;
    let times = far.attempt_times();
    assert!(times.windows(2).all(|pair| (10_200..=10_402).contains(&(pair[1] - pair[0]))), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_of_no_use_count_apart_from_attempts_that_fail() {
    let far = FarEnd::new(shared(4));
    far.refuse(true);
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(600)).await;
    // One that ends at once does not pay for all the attempts before.
    far.refuse(false);
    far.change(|behaviour| behaviour.closes = Some((Duration::from_millis(50), closed("bad key, perhaps"))));
    while far.told("evicted closed") < 1 {
        wait_ms(10).await;
    }
    assert!(status(&pool).backoff.unwrap() <= Duration::from_millis(400));
    sleep(secs(600)).await;
    while status(&pool).backoff.is_none() {
        wait_ms(10).await;
    }
    let before = far.attempts();
    // And an attempt that fails in between does not make such ones more frequent.
    far.refuse(true);
    while far.attempts() == before {
        wait_ms(10).await;
    }
    wait_ms(150).await;
    assert!(status(&pool).backoff.unwrap() <= secs(4));
    far.refuse(false);
    let closes = far.told("evicted closed");
    while far.told("evicted closed") == closes {
        wait_ms(10).await;
    }
    assert!(status(&pool).backoff.unwrap() >= secs(25));
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_asks_to_be_left_alone_is() {
    for (asked, left) in [(20, 20), (1_000, 60)] {
        let far = FarEnd::new(shared(4));
        far.change(|behaviour| behaviour.refuses = Some(Refused { retry_after: Some(secs(asked)), ..REFUSED }));
        let pool = far.start(config());
        pool.keep(KEY);
        wait_ms(150).await;
        far.refuse(true);
        sleep(secs(left - 1)).await;
        assert_eq!((far.attempts(), status(&pool).hopeless), (1, false));
        sleep(secs(2)).await;
        assert!(far.attempts() >= 2, "within reason");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_use_that_fails_is_a_failure_however_long_the_connection_was_open() {
    for spoil in [false, true] {
        let far = FarEnd::new(shared(4));
        let pool = far.start(short_lived());
        pool.keep(KEY);
        sleep(secs(10)).await;
        let lease = pool.acquire(&KEY).await.unwrap();
        wait_ms(1).await;
        match spoil {
            true => lease.into_parts().1.spoil(),
            false => far.open()[number(&lease)].hang_up(closed("policy violation")),
        }
        wait_ms(1).await;
        assert!(status(&pool).last_error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn one_in_use_ends_no_trouble_by_lasting_long() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 1, ..short_lived() });
    pool.keep(KEY);
    sleep(secs(1)).await;
    far.open()[0].hang_up(closed("reset"));
    wait_ms(200).await;
    let lease = pool.acquire(&KEY).await.unwrap();
    sleep(secs(20)).await;
    assert!(status(&pool).last_error.is_some(), "its user may be waiting in vain");
    use_it(&lease);
    assert_eq!(status(&pool).last_error, None);
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_unused_after_a_while_is_no_failure() {
    for found_by_request in [false, true] {
        let far = FarEnd::new(shared(4));
        let pool = far.start(PoolConfig { ready: 1, ..short_lived() });
        pool.keep(KEY);
        sleep(secs(10)).await;
        far.open()[0].hang_up(closed("reset"));
        if found_by_request {
            assert_eq!(number(&pool.acquire(&KEY).await.unwrap()), 1);
        }
        wait_ms(1).await;
        assert_eq!((far.told("evicted closed"), status(&pool).last_error), (1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_far_end_that_restarts_costs_one_handshake() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 3, ..config() });
    pool.keep(KEY);
    sleep(secs(5)).await;
    far.open().iter().for_each(|line| line.hang_up(closed("restart")));
    let asked = Instant::now();
    let lease = pool.acquire(&KEY).await.unwrap();
    assert!(!lease.waited());
    assert_eq!(asked.elapsed(), HANDSHAKE);
    use_it(&lease);
    drop(lease);
    wait_ms(150).await;
    assert_eq!(status(&pool).ready, 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_possible_after_one_that_had_waited_fails_in_use() {
    for spoil in [false, true] {
        let far = FarEnd::new(shared(4));
        let pool = far.start(config());
        pool.keep(KEY);
        sleep(secs(5)).await;
        let lease = pool.acquire(&KEY).await.unwrap();
        assert!(lease.waited());
        match spoil {
            true => lease.into_parts().1.spoil(),
            false => far.open()[0].hang_up(closed("reset")),
        }
        wait_ms(1).await;
        let retry = pool.acquire_fresh(&KEY).await.unwrap();
        assert!(!retry.waited());
    }
}

#[tokio::test(start_paused = true)]
async fn without_hope_nothing_is_tried_until_a_request_probes() {
    let far = FarEnd::new(shared(4));
    let hopeless = Closed { reason: "invalid_api_key".into(), hopeless: true };
    far.change(|behaviour| behaviour.closes = Some((Duration::from_millis(50), hopeless.clone())));
    let pool = far.start(PoolConfig { ready: 1, ..config() });
    pool.keep(KEY);
    sleep(secs(3600)).await;
    assert_eq!((far.attempts(), status(&pool).hopeless), (1, true));
    // After so long, one request in a minute gets through.
    let results = join_all((0..20).map(|_| pool.acquire(&KEY))).await;
    assert_eq!((results.iter().flatten().count(), far.attempts()), (1, 2));
    drop(results);
    wait_ms(100).await;
    for _ in 0..59 {
        let error = pool.acquire(&KEY).await.unwrap_err();
        assert!(matches!(&error, PoolError::Hopeless(Failure::Closed(closed)) if *closed == hopeless), "{error}");
        sleep(secs(1)).await;
    }
    assert_eq!(far.attempts(), 2);
    // Someone has changed the key.
    far.change(|behaviour| behaviour.closes = None);
    sleep(secs(2)).await;
    let lease = pool.acquire(&KEY).await.unwrap();
    assert!(matches!(pool.acquire(&KEY).await, Err(PoolError::Hopeless(_))), "not yet known to be good");
    use_it(&lease);
    assert!(pool.acquire(&KEY).await.is_ok());
    assert_eq!((status(&pool).hopeless, status(&pool).proven), (false, true));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_hope_counts_as_such() {
    let far = FarEnd::new(shared(4));
    far.change(|behaviour| behaviour.refuses = Some(Refused { hopeless: true, ..REFUSED }));
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(600)).await;
    assert_eq!((far.attempts(), status(&pool).hopeless), (1, true));
    let error = pool.acquire(&KEY).await.unwrap_err();
    assert!(matches!(&error, PoolError::Hopeless(Failure::Connect(_))), "{error}");
    assert_eq!(far.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_quota_used_up_in_the_middle_stops_the_keeper_although_the_connection_was_of_use() {
    let far = FarEnd::new(Capacity::Once);
    let pool = far.start(PoolConfig { ready: 2, ..config() });
    let lease = pool.acquire(&KEY).await.unwrap();
    use_it(&lease);
    wait_ms(500).await;
    let line = far.open().into_iter().find(|line| line.number == number(&lease)).unwrap();
    line.hang_up(Closed { reason: "quota_exceeded".into(), hopeless: true });
    wait_ms(1).await;
    assert!(matches!(pool.acquire(&KEY).await, Err(PoolError::Hopeless(_))), "those that are open are as bad");
    let before = far.attempts();
    sleep(secs(300)).await;
    assert_eq!((far.attempts(), far.open().len()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_happened() {
    let refused = Arc::new(REFUSED);
    let backoff: PoolError<Refused> =
        PoolError::Backoff { after: Duration::from_millis(250), last: Failure::Connect(refused) };
    assert_eq!(backoff.to_string(), "not connecting for another 250 ms: cannot connect: refused");
    let hopeless: PoolError<Refused> = PoolError::Hopeless(Failure::Closed(closed("bad key")));
    assert_eq!(hopeless.to_string(), "connection lost: bad key");
}
