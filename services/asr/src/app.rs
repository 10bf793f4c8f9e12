//! The service put together: settings → model → routes.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use axum::Router;
use evervoice_core::service::{
    BoxError, HealthCheck, Lifecycle, Part, Service, Shell,
    ops::Status,
    settings::{LogSettings, ServerSettings},
};
use evervoice_recognizer::SessionKind;

use crate::{config::AsrSettings, events::Events, http, recognition::Recognition};

/// The service, for `evervoice_core::service`.
pub struct Asr;

/// What every request can reach.
pub(crate) struct App {
    pub config: AsrSettings,
    pub recognition: Recognition,
    pub events: Events,
    pub lifecycle: Lifecycle,
}

impl Service for Asr {
    const NAME: &'static str = "asr";
    const ABOUT: &'static str = "Speech recognition service: sound in, text with the time of every word out";
    const CONFIG_FILE: &'static str = "configs/asr.yml";
    type Settings = AsrSettings;

    fn server(settings: &AsrSettings) -> &ServerSettings {
        &settings.server
    }

    fn log(settings: &AsrSettings) -> &LogSettings {
        &settings.log
    }

    async fn build(settings: AsrSettings, shell: &Shell) -> Result<(Router, Arc<dyn HealthCheck>), BoxError> {
        let began = Instant::now();
        let for_loading = settings.clone();
        // Reading a model blocks, for seconds when it is large.
        let recognition = tokio::task::spawn_blocking(move || Recognition::load(&for_loading)).await??;
        let threads = recognition.engine().settings().threads;
        Events::model_loaded(recognition.model_name(), recognition.language(), threads, began.elapsed());
        let events = shell.register(Events::register);
        let app = Arc::new(App { config: settings, recognition, events, lifecycle: shell.lifecycle.clone() });
        Ok((http::routes(Arc::clone(&app)), app))
    }
}

#[async_trait]
impl HealthCheck for App {
    async fn parts(&self) -> BTreeMap<String, Part> {
        let engine = self.recognition.engine();
        let free = |kind| u64::try_from(engine.free_places(kind)).unwrap_or(u64::MAX);
        let (requests, streams) = (free(SessionKind::Request), free(SessionKind::Stream));
        // Full is not broken: it passes, and callers are told when to come back.
        let status = if requests == 0 { Status::Degraded } else { Status::Ok };
        let part = Part::new(status)
            .with("model", self.recognition.model_name())
            .with("language", self.recognition.language())
            .with("takes_grammar", engine.takes_grammar())
            .with("free_request_places", requests)
            .with("free_stream_places", streams);
        BTreeMap::from([("recognizer".to_owned(), part)])
    }
}
