//! Connections that break: conversations that are taken up again, and those that nobody takes up.

use super::*;

/// Two phrases are sent whole, a third one is written, then the connection breaks. Returns what the client has of it.
async fn broken(stage: &Stage) -> (Heard, String) {
    let mut socket = Socket::open(stage.address()).await;
    let mut heard = Heard::default();
    phrase(&mut socket, "One and two.").await;
    let token = heard.until(&mut socket, &["start"]).await["resume_token"].as_str().unwrap().to_owned();
    heard.until(&mut socket, &["phrase"]).await;
    phrase(&mut socket, " Three and four.").await;
    heard.until(&mut socket, &["phrase"]).await;
    // Of the last one not all has left: sound that has left counts as heard.
    socket.send(json!({"type": "config", "lead_ms": 40})).await;
    phrase(&mut socket, " Five and six.").await;
    let last = heard.until(&mut socket, &["phrase"]).await;
    heard.of_last_phrase(&mut socket, last["start_ms"].as_u64().unwrap() as usize).await;
    // Dropped without a close.
    drop(socket);
    (heard, token)
}

/// Hears the rest on a new connection: what it says first, and the end.
async fn taken_up(stage: &Stage, heard: &mut Heard, query: &str) -> (Value, Value) {
    let mut socket = Socket::with(stage.address(), query).await;
    let (_, resumed) = socket.next().await;
    let start = socket.next().await.1;
    assert_eq!((&start["type"], &start["id"]), (&json!("start"), &json!("story")));
    // What it has of the phrase that comes again it throws away: `start_ms` tells where that begins.
    heard.phrases.truncate(resumed["utterances"][0]["next_phrase"].as_u64().unwrap() as usize);
    let (_, again) = socket.next().await;
    assert_eq!((&again["type"], &again["index"]), (&json!("phrase"), &resumed["utterances"][0]["next_phrase"]));
    heard.sound.truncate(again["start_ms"].as_u64().unwrap() as usize * MS);
    heard.phrases.push(again["text"].as_str().unwrap().to_owned());
    socket.send(json!({"type": "text", "id": "story", "text": " Seven."})).await;
    socket.send(json!({"type": "end"})).await;
    let end = heard.until(&mut socket, &["end"]).await;
    (resumed, end)
}

async fn refused(address: SocketAddr, query: &str) -> u16 {
    match connect_async(format!("ws://{address}/ws/tts{query}")).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Ok(_) => 101,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_client_that_was_cut_off_can_take_its_conversation_up() {
    let stage = TestService::with(|settings| {
        settings.speech.lead_ms = 600_000;
        settings.speech.client_stall_timeout = 0.3;
        settings.speech.resume_timeout = 60.0;
    })
    .await;
    let mut socket = Socket::open(stage.address).await;
    // More than the network holds.
    let text = "The quick brown fox jumps over the lazy dog near the river. ".repeat(80);
    for _ in 0..3 {
        socket.send(json!({"text": text, "format": "pcm_48000"})).await;
    }
    let token = socket.event().await.1["resume_token"].as_str().unwrap().to_owned();
    let parked = async {
        while stage.metric("tts_active ").await != 0.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, parked).await.expect("it is still spoken");
    let cut_off = async { while let Some(Ok(_)) = socket.0.next().await {} };
    tokio::time::timeout(DEADLINE, cut_off).await.expect("its connection does not end");
    assert_eq!(refused(stage.address, &format!("?resume={token}")).await, 101);
}

#[tokio::test]
async fn a_broken_conversation_goes_on_with_the_phrase_that_was_cut() {
    let stage = Stage::eager().await;
    let (mut heard, token) = broken(&stage).await;
    let (resumed, end) = taken_up(&stage, &mut heard, &format!("?resume={token}")).await;
    let text = "One and two. Three and four. Five and six.";
    let expected = json!({"type": "resumed", "utterances":
        [{"id": "story", "next_phrase": 2, "received_chars": text.len(), "complete": false}]});
    assert_eq!(resumed, expected);
    assert_eq!(heard.words(), words(&format!("{text} Seven.")));
    assert_eq!(words(&heard.phrases.concat()), words(&format!("{text} Seven.")));
    assert_eq!((end["bytes"].as_u64().unwrap(), &end["id"]), (heard.sound.len() as u64, &json!("story")));
    assert_eq!(stage.service.metric("tts_resumed_total{result=\"resumed\"}").await, 1.0);
}

#[tokio::test]
async fn a_client_says_what_it_has_heard() {
    let stage = Stage::eager().await;
    let (mut heard, token) = broken(&stage).await;
    let (resumed, _) = taken_up(&stage, &mut heard, &format!("?resume={token}&after=0&id=story")).await;
    assert_eq!(resumed["utterances"][0]["next_phrase"], 1);
    assert_eq!(heard.words(), words("One and two. Three and four. Five and six. Seven."));
}

#[tokio::test]
async fn what_waits_goes_on_too_and_an_end_that_was_lost_comes_again() {
    let stage = Stage::eager().await;
    let mut socket = Socket::open(stage.address()).await;
    let long = "The quick brown fox jumps over the lazy dog.".repeat(3);
    socket.send(json!({"id": "a", "text": long})).await;
    let start = socket.event().await.1;
    let (sound, end) = socket.event().await;
    drop(socket);
    let token = start["resume_token"].as_str().unwrap();
    let mut socket = Socket::with(stage.address(), &format!("?resume={token}")).await;
    let resumed = socket.next().await.1;
    assert_eq!(resumed["utterances"][0]["complete"], true);
    assert_eq!(socket.next().await, (vec![], end.clone()), "all of it had been sent");
    assert_eq!(end["bytes"], sound.len());
    // Again, while one is spoken slowly and another one waits.
    socket.send(json!({"type": "config", "lead_ms": 40})).await;
    socket.send(json!({"id": "b", "text": long})).await;
    socket.send(json!({"id": "c", "text": "Last."})).await;
    assert_eq!(socket.event().await.1["id"], "b");
    drop(socket);
    let mut socket = Socket::with(stage.address(), &format!("?resume={token}")).await;
    let resumed = socket.next().await.1;
    let ids: Vec<&Value> = resumed["utterances"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, ["b", "c"]);
    for id in ["b", "c"] {
        for kind in ["start", "end"] {
            let event = socket.event().await.1;
            assert_eq!((&event["type"], &event["id"]), (&json!(kind), &json!(id)));
        }
    }
    assert_eq!(stage.service.metric("tts_waiting ").await, 0.0);
}

#[tokio::test]
async fn a_conversation_is_taken_over_from_a_connection_that_is_still_open() {
    let stage = Stage::new(|_| {}).await;
    let mut old = Socket::open(stage.address()).await;
    old.send(json!({"id": "a", "text": "The quick brown fox jumps over the lazy dog. ".repeat(20)})).await;
    let token = old.event().await.1["resume_token"].as_str().unwrap().to_owned();
    let mut new = Socket::with(stage.address(), &format!("?resume={token}")).await;
    assert_eq!(new.next().await.1["utterances"][0]["id"], "a");
    assert_eq!(new.event().await.1["type"], "start");
    let closed = async { while !matches!(old.0.next().await, None | Some(Err(_) | Ok(Message::Close(_)))) {} };
    tokio::time::timeout(DEADLINE, closed).await.expect("the old connection is still open");
    new.send(json!({"type": "cancel"})).await;
    assert_eq!(new.event().await.1["type"], "cancelled");
}

#[tokio::test]
async fn a_conversation_that_is_not_taken_up_leaves_nothing_behind() {
    let stage = Stage::new(|settings| {
        settings.speech.max_sockets = 1;
        settings.speech.resume_timeout = 0.5;
    })
    .await;
    assert_eq!(refused(stage.address(), "?resume=nobody").await, 410);
    assert_eq!(refused(stage.address(), "?resume=x&after=y").await, 422);
    let (_, token) = broken(&stage).await;
    // It keeps its place, and nobody speaks.
    assert_eq!(refused(stage.address(), "").await, 503);
    let free = async {
        while refused(stage.address(), "").await != 101 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, free).await.expect("its place is never free");
    assert_eq!(refused(stage.address(), &format!("?resume={token}")).await, 410);
    stage.quiet().await;
    assert_eq!(stage.service.metric("tts_resumed_total{result=\"unknown\"}").await, 2.0);
}

#[tokio::test]
async fn a_client_that_closes_is_not_waited_for_and_a_stopping_service_waits_for_nobody() {
    let stage = Stage::new(|_| {}).await;
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"text": "One.", "id": "a"})).await;
    let token = socket.event().await.1["resume_token"].as_str().unwrap().to_owned();
    socket.0.close(None).await.unwrap();
    let over = async {
        while refused(stage.address(), &format!("?resume={token}")).await == 101 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, over).await.expect("it can still be taken up");
    let _kept = broken(&stage).await;
    stage.service.lifecycle.stop();
    let done = tokio::time::timeout(Duration::from_secs(9), stage.service.done).await;
    assert!(done.is_ok(), "the service waits for a conversation that nobody has");
}
