//! Every way to fail has its exit code, says what happened, and leaves no file behind.

use crate::server::{chunk, end, head, refusal, serve};
use crate::{names, run, tone};

/// Runs `stream_tts` against a server that sends `pieces`; checks the exit code and that no file was left.
fn fails(pieces: Vec<Vec<u8>>, code: i32) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (url, server) = serve(pieces);
    let arguments = ["--gateway", &url, "--timeout", "5"];
    let ended = run("stream_tts", directory.path(), &arguments);
    server.join().unwrap();
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    assert!(!ended.stdout.contains('✓'), "{}", ended.stdout);
    assert_eq!(names(directory.path()), Vec::<String>::new());
    ended.stderr
}

#[test]
fn an_aborted_body_is_no_success() {
    let stderr = fails(vec![head(""), chunk(&tone(4096))], 5);
    assert!(stderr.contains("оборвался"), "{stderr}");
}

#[test]
fn a_body_shorter_than_its_length_is_no_success() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n".to_vec();
    fails(vec![short, tone(2000)], 5);
}

#[test]
fn an_end_within_a_sample_is_no_success() {
    let odd = &tone(5000)[..9999];
    let stderr = fails(vec![head(""), chunk(odd), end()], 5);
    assert!(stderr.contains("отсчёт"), "{stderr}");
}

#[test]
fn an_empty_answer_is_no_success() {
    fails(vec![head(""), end()], 5);
}

#[test]
fn sound_of_another_format_is_not_saved_as_pcm() {
    let stderr = fails(vec![head("X-Audio-Format: mp3_44100_128\r\n"), chunk(&tone(100)), end()], 5);
    assert!(stderr.contains("mp3_44100_128"), "{stderr}");
}

#[test]
fn a_problem_is_told_with_code_and_request_id() {
    let body = r#"{"type":"about:blank","title":"Service Unavailable","status":503,
        "detail":"all voices are busy","code":"overloaded","request_id":"r-17"}"#;
    let headers = "Content-Type: application/problem+json\r\nRetry-After: 1\r\n";
    let answer = refusal("503 Service Unavailable", headers, body);
    let stderr = fails(vec![answer], 4);
    for part in ["503", "all voices are busy", "overloaded", "r-17"] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
}

#[test]
fn any_other_refusal_is_told_too() {
    let headers = "Content-Type: text/plain\r\nX-Request-Id: r-18\r\n";
    let stderr = fails(vec![refusal("404 Not Found", headers, "no such page")], 4);
    for part in ["404", "no such page", "r-18"] {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
}

#[test]
fn a_silent_server_is_left_after_the_timeout() {
    let directory = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let arguments = ["--gateway", &url, "--timeout", "0.3"];
    let ended = run("stream_tts", directory.path(), &arguments);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("молчал 0.3 с"), "{}", ended.stderr);
}

#[test]
fn a_missing_gateway_is_named_with_the_command_that_starts_it() {
    let directory = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = run("stream_tts", directory.path(), &["--gateway", &url]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains(&url) && ended.stderr.contains("cargo xtask up"), "{}", ended.stderr);
    assert_eq!(names(directory.path()), Vec::<String>::new());
}

#[test]
fn wrong_options_and_files_have_their_own_codes() {
    let directory = tempfile::tempdir().unwrap();
    let ended = run("stream_tts", directory.path(), &["--timeout", "soon"]);
    assert_eq!(ended.code, Some(2));
    let ended = run("stream_tts", directory.path(), &["--gateway", "localhost"]);
    assert_eq!(ended.code, Some(2));
    let ended = run("echo_bytes", directory.path(), &["--input", "none.wav"]);
    assert_eq!(ended.code, Some(6));
    assert!(ended.stderr.contains("none.wav"), "{}", ended.stderr);
    let (url, _server) = serve(vec![head(""), chunk(&tone(10)), end()]);
    let arguments = ["--gateway", &url, "-o", "no/such/place.wav"];
    let ended = run("stream_tts", directory.path(), &arguments);
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
}

#[test]
fn a_failed_run_keeps_the_file_of_the_run_before() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("input.wav"), "earlier").unwrap();
    let (url, server) = serve(vec![head(""), chunk(&tone(4096))]);
    let ended = run("stream_tts", directory.path(), &["--gateway", &url]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(5));
    let kept = std::fs::read_to_string(directory.path().join("input.wav")).unwrap();
    assert_eq!(kept, "earlier");
    assert_eq!(names(directory.path()), ["input.wav"]);
}

#[test]
fn help_lists_the_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    for program in ["stream_tts", "echo_bytes"] {
        let ended = run(program, directory.path(), &["--help"]);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("3  шлюз недоступен"), "{}", ended.stdout);
    }
}
