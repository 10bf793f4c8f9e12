//! What is wrong with a request is said, with what would be right.

use crate::support::{TestService, bytes, pcm, wav};

async fn refused(service: &TestService, query: &str, body: &[u8]) -> (u16, String, String) {
    let answer = service.post(query, body).await;
    let (status, code) = answer.problem();
    (status, code, answer.detail())
}

#[tokio::test]
async fn every_wrong_parameter_names_what_is_allowed() {
    let service = TestService::start().await;
    let sound = pcm("digits");
    for (query, status, code, part) in [
        ("?sr=0", 422, "sample_rate_not_supported", "8000, 11025, 12000"),
        ("?sr=7", 422, "sample_rate_not_supported", "sr=7"),
        ("?ch=3", 422, "channels_not_supported", "1 and 2"),
        ("?fmt=ogg", 422, "format_not_supported", "s16le, s32le, float32, ulaw and alaw"),
        ("?lang=ru", 422, "language_not_supported", "en"),
        ("?lang=", 422, "language_not_supported", "en"),
        ("?grammar=nonsense", 422, "grammar_invalid", "JSON list"),
        ("?grammar=%5B%5D", 422, "grammar_invalid", "no phrase"),
        ("?grammar=%5B%22say+%5C%22hi%5C%22%22%5D", 422, "grammar_invalid", "character '\"'"),
        ("?grammar=%5B%22turn+on+the+xyzzy%22%5D", 422, "grammar_invalid", "xyzzy"),
        ("?samplerate=8000", 400, "unknown_parameter", "sr, ch, fmt, lang and grammar"),
        ("?sr=8000&sr=8000", 400, "repeated_parameter", "sr"),
    ] {
        let (got_status, got_code, detail) = refused(&service, query, &sound).await;
        assert_eq!((got_status, got_code.as_str()), (status, code), "{query}: {detail}");
        assert!(detail.contains(part), "{query}: {detail}");
    }
    assert_eq!(service.post("?lang=en-GB", &sound).await.words(), "one two three four five");
}

#[tokio::test]
async fn too_little_sound() {
    let service = TestService::start().await;
    for body in [vec![], vec![0; 320], vec![0; 3_198]] {
        let (status, code, detail) = refused(&service, "", &body).await;
        assert_eq!((status, code.as_str()), (422, "audio_too_short"));
        assert!(detail.contains("100 ms"), "{detail}");
    }
    assert_eq!(service.post("", &vec![0; 3_200]).await.status, 200);
}

#[tokio::test]
async fn too_much_sound() {
    let service = TestService::start().await;
    let (status, code, detail) = refused(&service, "", &vec![0; 16 * 32_000]).await;
    assert_eq!((status, code.as_str()), (413, "audio_too_long"));
    assert!(detail.contains("15 s"), "{detail}");
    assert_eq!(refused(&service, "", &vec![0; 15 * 32_000 + 1]).await.0, 413);
    assert_eq!(service.post("", &vec![0; 15 * 32_000]).await.status, 200);
    // The same bytes are half as long with two channels, and twice as long at half the rate.
    assert_eq!(service.post("?ch=2", &vec![0; 16 * 32_000]).await.status, 200);
    assert_eq!(refused(&service, "?sr=8000", &vec![0; 8 * 32_000]).await.0, 413);
}

#[tokio::test]
async fn a_wav_file_is_as_long_as_its_header_says() {
    let service = TestService::start().await;
    let file =
        |seconds: usize, rate: u32| evervoice_core::audio::wav::write(&vec![0; seconds * rate as usize], rate).unwrap();
    assert_eq!(service.post("?sr=8000", &file(14, 48_000)).await.status, 200);
    assert_eq!(refused(&service, "", &file(16, 8_000)).await.1, "audio_too_long");
    assert_eq!(refused(&service, "", &file(16, 48_000)).await.1, "audio_too_long");
}

#[tokio::test]
async fn sound_that_ends_inside_a_frame() {
    let service = TestService::start().await;
    let mut sound = pcm("digits");
    sound.pop();
    let (status, code, detail) = refused(&service, "", &sound).await;
    assert_eq!((status, code.as_str()), (400, "audio_torn_frame"));
    assert!(detail.contains("1 bytes are left over, a frame has 2"), "{detail}");
}

#[tokio::test]
async fn float_sound_that_is_no_number() {
    let service = TestService::start().await;
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut floats = vec![0.0f32; 4_000];
        floats[1_234] = bad;
        let body: Vec<u8> = floats.into_iter().flat_map(f32::to_le_bytes).collect();
        let (status, code, detail) = refused(&service, "?fmt=float32", &body).await;
        assert_eq!((status, code.as_str()), (422, "audio_not_finite"));
        assert!(detail.contains("1234"), "{detail}");
    }
}

#[tokio::test]
async fn wav_files_that_are_cut_or_lie() {
    let service = TestService::start().await;
    let file = wav("digits");
    let at = file.windows(4).position(|window| window == b"data").unwrap();
    for (body, code) in [
        (file[..file.len() - 1_000].to_vec(), "wav_truncated"),
        (file[..at].to_vec(), "wav_invalid"),
        (file[..20].to_vec(), "wav_invalid"),
        (with_size(&file, at, 2_000_000), "wav_truncated"),
        (with_size(&file, at, 1_000), "wav_invalid"),
        (with_bits(&file, 24), "wav_invalid"),
    ] {
        let (status, got, detail) = refused(&service, "", &body).await;
        assert_eq!((status, got.as_str()), (400, code), "{detail}");
    }
    let mut three_channels = file.clone();
    three_channels[22] = 3;
    assert_eq!(refused(&service, "", &three_channels).await.1, "channels_not_supported");
    let mut slow = file;
    slow[24..28].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!(refused(&service, "", &slow).await.1, "sample_rate_not_supported");
}

fn with_size(file: &[u8], data_at: usize, size: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    file[data_at + 4..data_at + 8].copy_from_slice(&size.to_le_bytes());
    file
}

fn with_bits(file: &[u8], bits: u16) -> Vec<u8> {
    let mut file = file.to_vec();
    file[34..36].copy_from_slice(&bits.to_le_bytes());
    file
}

#[tokio::test]
async fn wrong_paths_and_methods() {
    let service = TestService::start().await;
    assert_eq!(service.get("/api/stt").await.problem(), (404, "not_found".into()));
    assert_eq!(service.get("/api/stt/bytes").await.problem(), (405, "method_not_allowed".into()));
    assert_eq!(service.get("/ws/stt").await.problem(), (400, "websocket_expected".into()));
    assert_eq!(service.get("/ws/stt?sr=1").await.problem(), (422, "sample_rate_not_supported".into()));
}

#[tokio::test]
async fn after_all_that_it_still_works() {
    let service = TestService::start().await;
    for query in ["?sr=0", "?grammar=%5B%22xyzzy%22%5D", "?lang=zz"] {
        service.post(query, &bytes([0; 100_000])).await.problem();
    }
    assert_eq!(service.post("", &pcm("fox")).await.words(), "the quick brown fox jumps over the lazy dog");
}
