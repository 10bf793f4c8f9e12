//! The task behind each key: opens as many connections as are needed, and keeps the far end awake.

use std::sync::Arc;

use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Closed, Connector, Failure, Lease,
    breaker::BadNews,
    idle::guard,
    key_pool::KeyPool,
    plan::Warm,
    shared::{Phase, Shared, reached},
};

/// Looks after one key until nobody needs it or the pool drains.
pub(super) async fn keep<C: Connector>(pool: Arc<Shared<C>>, keys: Arc<KeyPool<C>>, mut phase: watch::Receiver<Phase>) {
    loop {
        let plan = keys.plan();
        for _ in 0..plan.connect {
            begin(&pool, &keys, false);
        }
        match plan.warm {
            Some(Warm::On(lease)) => begin_warm(&pool, &keys, lease),
            Some(Warm::Extra) => begin(&pool, &keys, true),
            None => {}
        }
        if plan.over {
            return pool.forget(&keys);
        }
        let wake = async {
            match plan.wake {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        select! {
            biased;
            () = reached(&mut phase, Phase::Draining) => return,
            () = keys.turn.notified() => {}
            () = wake => {}
        }
    }
}

fn begin<C: Connector>(pool: &Arc<Shared<C>>, keys: &Arc<KeyPool<C>>, to_warm: bool) {
    // Made here, so that an attempt that never runs is still counted out.
    let attempt = Attempt { keys: Arc::clone(keys), to_warm, over: false };
    pool.runtime.spawn(attempt.run(Arc::clone(pool), pool.phase.subscribe()));
}

fn begin_warm<C: Connector>(pool: &Arc<Shared<C>>, keys: &Arc<KeyPool<C>>, lease: Lease<C>) {
    let warming = Warming(Arc::clone(keys));
    pool.runtime.spawn(warming.run(Arc::clone(pool), lease, pool.phase.subscribe()));
}

fn bad_news<C: Connector>(
    connector: &C,
    error: C::Error,
    failure: fn(Arc<C::Error>) -> Failure<C::Error>,
) -> BadNews<C::Error> {
    let (hopeless, retry_after) = (connector.hopeless(&error), connector.retry_after(&error));
    BadNews { failure: failure(Arc::new(error)), hopeless, retry_after }
}

/// An attempt to connect; counts itself out however it ends.
struct Attempt<C: Connector> {
    keys: Arc<KeyPool<C>>,
    to_warm: bool,
    over: bool,
}

impl<C: Connector> Attempt<C> {
    async fn run(mut self, pool: Arc<Shared<C>>, mut phase: watch::Receiver<Phase>) {
        let keys = Arc::clone(&self.keys);
        let began = Instant::now();
        pool.watcher.connect_start(&keys.key);
        let result = select! {
            biased;
            () = reached(&mut phase, Phase::Draining) => return,
            result = pool.connector.connect(&keys.key) => result,
        };
        self.over = true;
        let connection = match result {
            Ok(connection) => Arc::new(connection),
            Err(error) => {
                pool.watcher.connect_failed(&keys.key, &error);
                let news = bad_news(&pool.connector, error, Failure::Connect);
                return keys.change(|state, now| {
                    state.attempt_over(self.to_warm);
                    state.warming &= !self.to_warm;
                    // Whoever refuses for good has been reached.
                    state.unreachable |= !news.hopeless;
                    state.breaker.failed(now, began, news, pool.config.backoff);
                });
            }
        };
        let took = began.elapsed();
        pool.watcher.connected(&keys.key, took);
        let owner = self.to_warm.then(|| Arc::clone(&keys) as _);
        let (admitted, back) = keys.change(|state, now| {
            state.attempt_over(self.to_warm);
            (state.connected(now, Arc::clone(&connection), began, owner), state.is_back(took))
        });
        if back {
            pool.watcher.back(&keys.key);
        }
        match admitted.warm {
            Some(lease) => begin_warm(&pool, &keys, lease),
            None if self.to_warm => keys.change(|state, _| state.warming = false),
            None => {}
        }
        guard(&pool, &keys, admitted.id, &connection, admitted.left, phase).await;
    }
}

impl<C: Connector> Drop for Attempt<C> {
    fn drop(&mut self) {
        if !self.over {
            self.keys.change(|state, _| {
                state.attempt_over(self.to_warm);
                state.warming &= !self.to_warm;
            });
        }
    }
}

/// Making the far end work; counts itself out however it ends.
struct Warming<C: Connector>(Arc<KeyPool<C>>);

impl<C: Connector> Warming<C> {
    async fn run(self, pool: Arc<Shared<C>>, lease: Lease<C>, mut phase: watch::Receiver<Phase>) {
        let keys = &self.0;
        let began = Instant::now();
        let (connection, slot) = lease.into_parts();
        let id = slot.connection();
        let result = select! {
            biased;
            () = reached(&mut phase, Phase::Draining) => return,
            result = timeout(pool.config.warm_timeout, pool.connector.warm(&connection, slot)) => result,
        };
        let news = match result {
            Ok(Ok(())) => return pool.watcher.warmed(&keys.key, began.elapsed()),
            Ok(Err(error)) => bad_news(&pool.connector, error, Failure::Warm),
            Err(_) => {
                let reason = format!("not warm within {} ms", pool.config.warm_timeout.as_millis());
                let failure = Failure::Closed(Closed { reason, hopeless: false });
                BadNews { failure, hopeless: false, retry_after: None }
            }
        };
        pool.watcher.warm_failed(&keys.key, &news.failure.to_string());
        keys.change(|state, now| state.not_warmed(now, id, began, news));
    }
}

impl<C: Connector> Drop for Warming<C> {
    fn drop(&mut self) {
        self.0.change(|state, _| state.warming = false);
    }
}
