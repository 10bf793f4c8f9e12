//! The far end goes away and comes back, and the pool tells so, once.

use super::*;

/// Waits until so many returns have been told.
async fn back(far: &FarEnd, times: usize) {
    let told = async {
        while far.told("back") < times {
            wait_ms(10).await;
        }
    };
    tokio::time::timeout(secs(3600), told).await.expect("it is not back");
}

#[tokio::test(start_paused = true)]
async fn its_return_is_noticed_within_seconds_however_long_it_was_away() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(config());
    pool.keep(KEY);
    wait_ms(150).await;
    for (away, times) in [(1, 1), (17, 2), (3600, 3)] {
        assert_eq!(far.told("back"), times - 1, "it was not away");
        far.refuse(true);
        far.open().iter().for_each(|line| line.hang_up(closed("killed")));
        sleep(secs(away)).await;
        assert_eq!(far.told("back"), times - 1);
        far.refuse(false);
        let returned = Instant::now();
        back(&far, times).await;
        assert!(returned.elapsed() < Duration::from_millis(4_200), "{:?}", returned.elapsed());
        // Idle connections are replaced, which is no return.
        sleep(secs(600)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_only_takes_connections_is_not_back_with_each() {
    let far = FarEnd::new(shared(4));
    far.change(|behaviour| (behaviour.pongs, behaviour.handshake) = (false, secs(3)));
    let pool = far.start(config());
    pool.keep(KEY);
    // A handshake that took so long has waited for it.
    back(&far, 1).await;
    sleep(secs(3600)).await;
    assert!(far.told("ping_failed") > 20 && far.told("connected") > 20);
    far.change(|behaviour| behaviour.closes = Some((secs(1), closed("no use"))));
    sleep(secs(3600)).await;
    assert_eq!(far.told("back"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_had_answered_and_stops_is_back_with_the_next_connection() {
    for proven_by_use in [false, true] {
        let far = FarEnd::new(shared(4));
        let pool = far.start(config());
        pool.keep(KEY);
        match proven_by_use {
            true => use_it(&pool.acquire(&KEY).await.unwrap()),
            false => sleep(secs(16)).await,
        }
        far.change(|behaviour| behaviour.pongs = false);
        assert_eq!(far.told("back"), 0);
        back(&far, 1).await;
        assert!(far.told("ping_failed") > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_has_been_reached() {
    let far = FarEnd::new(shared(4));
    far.change(|behaviour| behaviour.refuses = Some(Refused { hopeless: true, ..REFUSED }));
    let pool = far.start(config());
    pool.keep(KEY);
    sleep(secs(61)).await;
    far.refuse(false);
    assert!(pool.acquire(&KEY).await.is_ok());
    assert_eq!(far.told("back"), 0);
}
