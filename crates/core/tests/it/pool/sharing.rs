//! Several users on one connection.

use super::*;

#[tokio::test(start_paused = true)]
async fn four_share_one_and_the_fifth_gets_another() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    let mut leases = Vec::new();
    for used in 1..=4 {
        leases.push(pool.acquire(&KEY).await.unwrap());
        assert_eq!((status(&pool).in_use, far.attempts()), (used, 1));
    }
    let fifth = pool.acquire(&KEY).await.unwrap();
    assert_eq!((number(&fifth), far.attempts()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_place_is_taken_until_its_slot_is_back() {
    let far = FarEnd::new(shared(1));
    let pool = far.start(PoolConfig { ready: 0, max: 1, acquire_timeout: secs(1), ..config() });
    let (connection, slot) = pool.acquire(&KEY).await.unwrap().into_parts();
    drop(connection);
    assert!(pool.acquire(&KEY).await.is_err());
    assert_eq!((status(&pool).in_use, status(&pool).ready), (1, 0));
    drop(slot);
    assert_eq!((status(&pool).in_use, status(&pool).ready), (0, 1));
    assert!(pool.acquire(&KEY).await.unwrap().waited());
}

#[tokio::test(start_paused = true)]
async fn the_least_used_comes_first_then_the_last_used() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 3, ..config() });
    pool.keep(KEY);
    wait_ms(200).await;
    let first = pool.acquire(&KEY).await.unwrap();
    wait_ms(10).await;
    let second = pool.acquire(&KEY).await.unwrap();
    wait_ms(10).await;
    let third = pool.acquire(&KEY).await.unwrap();
    let mut numbers = [&first, &second, &third].map(number);
    let (one, two) = (numbers[0], numbers[1]);
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2], "each on its own");
    wait_ms(10).await;
    drop(first);
    wait_ms(10).await;
    drop(second);
    assert_eq!(number(&pool.acquire(&KEY).await.unwrap()), two);
    let _hold = pool.acquire(&KEY).await.unwrap();
    assert_eq!(number(&pool.acquire(&KEY).await.unwrap()), one);
}

#[tokio::test(start_paused = true)]
async fn a_spoiled_one_gets_no_new_users_and_is_closed_after_the_last() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    let first = pool.acquire(&KEY).await.unwrap();
    let second = pool.acquire(&KEY).await.unwrap();
    use_it(&first);
    assert_eq!((number(&first), number(&second)), (0, 0));
    first.into_parts().1.spoil();
    wait_ms(500).await;
    assert!(second.connection().0.is_open());
    assert_eq!(number(&pool.acquire(&KEY).await.unwrap()), 1);
    drop(second);
    wait_ms(1).await;
    assert_eq!((far.told("evicted spoiled"), far.open().len()), (1, 1));
    assert_eq!((status(&pool).in_use, status(&pool).connections, status(&pool).backoff), (0, 1, None));
}

#[tokio::test(start_paused = true)]
async fn users_of_one_that_ended_give_back_nothing() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 0, ..config() });
    let leases = [pool.acquire(&KEY).await.unwrap(), pool.acquire(&KEY).await.unwrap()];
    use_it(&leases[0]);
    far.open()[0].hang_up(closed("reset"));
    wait_ms(1).await;
    let fresh = pool.acquire(&KEY).await.unwrap();
    assert_eq!(status(&pool).in_use, 1);
    drop(leases);
    assert_eq!((status(&pool).in_use, status(&pool).connections), (1, 1));
    drop(fresh);
    assert_eq!(status(&pool).in_use, 0);
}

#[tokio::test(start_paused = true)]
async fn status_says_it_all() {
    let far = FarEnd::new(shared(4));
    let pool = far.start(PoolConfig { ready: 1, ..config() });
    assert!(pool.status().is_empty());
    pool.keep(KEY);
    wait_ms(50).await;
    let expected = KeyStatus {
        key: KEY,
        ready: 0,
        connecting: 1,
        connections: 0,
        in_use: 0,
        waiting: 0,
        proven: false,
        backoff: None,
        last_error: None,
        hopeless: false,
    };
    assert_eq!(status(&pool), expected);
    wait_ms(100).await;
    let lease = pool.acquire(&KEY).await.unwrap();
    let expected = KeyStatus { ready: 1, connecting: 0, connections: 1, in_use: 1, ..expected };
    assert_eq!(status(&pool), expected);
    use_it(&lease);
    assert_eq!(status(&pool), KeyStatus { proven: true, ..expected });
}
