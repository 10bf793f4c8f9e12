# What they are for, from outside: curl and our own clients.

PHRASE="How far is the airport from here?"
WORDS="how far is the airport from here"

check_speech_is_understood() {
    need plain
    [ "$(ask /api/tts --data "$(body "$PHRASE")")" = 200 ] || fail "tts: $(cat "$work/body")"
    local name
    for name in "x-audio-format s16le" "x-sample-rate 16000" "x-channels 1" "x-voice-provider local"; do
        [ "$(header "${name% *}")" = "${name#* }" ] || fail "${name% *}: $(header "${name% *}")"
    done
    mv "$work/body" "$work/said.pcm"
    heard=$(words "$work/said.pcm" 'sr=16000&ch=1&fmt=s16le')
    [ "$heard" = "$WORDS" ] || fail "heard: $heard"
    [ "$(ask /api/tts/wav --data "$(body "$PHRASE")")" = 200 ] || fail "wav: $(cat "$work/body")"
    mv "$work/body" "$work/said.wav"
    heard=$(words "$work/said.wav")
    [ "$heard" = "$WORDS" ] || fail "heard of the WAV file: $heard"
    say "\"$heard\""
}

check_an_echo_says_it_again() {
    need plain
    curl --silent --fail --max-time 30 --output "$work/said.wav" --data "$(body "$PHRASE")" "$gateway/api/tts/wav"
    [ "$(ask /api/echo-bytes --data-binary "@$work/said.wav")" = 200 ] || fail "$(cat "$work/body")"
    [ "$(header x-recognized-text)" = "$WORDS" ] || fail "heard: $(header x-recognized-text)"
    mv "$work/body" "$work/echo.pcm"
    heard=$(words "$work/echo.pcm")
    [ "$heard" = "$WORDS" ] || fail "the echo says: $heard"
    # The programs of client/, one with the other's file.
    (cd "$work" && timeout 60 "$clients/stream_tts" --gateway "$gateway" --quiet --text "$PHRASE" --output input.wav &&
        timeout 60 "$clients/echo_bytes" --gateway "$gateway" --quiet --input input.wav --output out_echo.wav) >"$work/programs"
    grep -q "$WORDS" "$work/programs" || fail "echo_bytes: $(cat "$work/programs")"
    heard=$(words "$work/out_echo.wav")
    [ "$heard" = "$WORDS" ] || fail "echo_bytes: $heard"
}

check_dialogues_are_spoken_whole() {
    need plain
    timeout 120 "$clients/load" --url "$gateway" --users 3 --count 6 --rate 3 --lead-ms 600000 --timeout 30 --out "$work/load" \
        --quiet >"$work/load.log" 2>&1 || {
        cat "$work/load.log"
        fail "load fails"
    }
    say "$(jq -rs '"\(length) utterances, first sound at most \(map(.first_audio_ms) | max) ms after the first token"' "$work/load/load.jsonl")"
}

check_every_part_says_that_it_is_well() {
    need plain
    local service
    healthy || fail "/health: $(cat "$work/health")"
    say "/health: $(jq -c '[.status, (.parts | map_values(.status))]' "$work/health")"
    for service in gateway tts asr; do
        until_true 40 is_healthy "$service" || fail "docker says that $service is $(inspect "$service" '{{.State.Health.Status}}')"
    done
}

is_healthy() {
    [ "$(inspect "$1" '{{.State.Health.Status}}')" = healthy ]
}
