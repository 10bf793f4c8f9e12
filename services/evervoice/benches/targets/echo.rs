//! How many phrases spoken by the built-in voice come back word for word. The lists: `testdata/echo/README.md`.

use crate::measure::{house, repository};

pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (house, lifecycle, client) = house().await;
        for list in ["known.txt", "seen.txt", "unknown.txt"] {
            let phrases = std::fs::read_to_string(repository().join("testdata/echo").join(list)).unwrap();
            let (mut same, mut all) = (0, 0);
            for phrase in phrases.lines() {
                let body = serde_json::json!({ "text": phrase }).to_string();
                let post = |path: &str| client.post(format!("http://{}{path}", house.gateway.address));
                let sound = post("/api/tts").body(body).send().await.unwrap().bytes().await.unwrap();
                let answer = post("/api/echo-bytes").body(sound).send().await.unwrap();
                let heard = answer.headers().get("x-recognized-text").map_or("", |text| text.to_str().unwrap());
                all += 1;
                if heard == phrase {
                    same += 1;
                } else {
                    println!("  {phrase:?} came back as {heard:?}");
                }
            }
            println!("{list}: {same} of {all} word for word");
        }
        lifecycle.stop();
        house.ended().await.unwrap();
    });
}
