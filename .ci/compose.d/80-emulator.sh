# With the pretend ElevenLabs: it speaks, and when it is gone the local voice goes on with the next word.

# A short text, never the same: is it ElevenLabs that speaks?
cloud_speaks() {
    [ "$(ask /api/tts --data "$(body "Is it you, $RANDOM $RANDOM?")")" = 200 ] && [ "$(header x-voice-provider)" = elevenlabs_ws ]
}

local_voice_speaks() {
    [ "$(ask /api/tts --data "$(body "Is it you, $RANDOM $RANDOM?")")" = 200 ] && [ "$(header x-voice-provider)" = local ]
}

check_the_cloud_speaks_letter_by_letter() {
    need emulator
    back_after 30 "ElevenLabs speaks" cloud_speaks
    local text="Good morning, number $RANDOM."
    [ "$(ask /api/tts --data "$(body "$text")")" = 200 ] || fail "$(cat "$work/body")"
    [ "$(header x-voice-provider)" = elevenlabs_ws ] || fail "$(header x-voice-provider) speaks"
    decoded=$(curl --silent --fail --max-time 10 --data-binary "@$work/body" "$emulator/__emulator/decode" |
        jq -r '.text | rtrimstr(" ")')
    [ "$decoded" = "$text" ] || fail "decoded: $decoded instead of $text"
    timeout 120 "$clients/load" --url "$gateway" --users 3 --count 6 --rate 3 --lead-ms 600000 --timeout 30 --out "$work/load" \
        --check --emulator "$emulator" --quiet >"$work/load.log" 2>&1 || {
        cat "$work/load.log"
        fail "load --check fails"
    }
    say "\"$decoded\"; load --check: $(jq -rs '"\(length) utterances, \(map(.difference.lost) | add) letters lost"' "$work/load/load.jsonl")"
}

# Two who listen while it happens: over HTTP, whose text ends with a phrase that the recogniser knows, and a dialogue.
cloud_listeners() {
    text=$(long_text 900)
    rm -f "$work/cloud".*
    {
        code=0
        curl --silent --show-error --max-time 120 --dump-header "$work/cloud.head" --output "$work/cloud.pcm" --data "$(body "$text")" \
            "$gateway/api/tts" 2>"$work/cloud.error" || code=$?
        echo "$code" >"$work/cloud.exit"
    } &
    dialogue talk "$(long_text 700)" --tokens-per-second 0
    until_true 15 has_bytes cloud 60000 || fail "the stream does not begin"
    sleep 1
    ! ended cloud || fail "the stream was over before its middle"
    ! ended talk || fail "the dialogue was over before its middle"
}

# Both hear all of it, the end from the local voice.
listeners_hear_all() {
    until_true 60 ended cloud || fail "the stream hangs"
    [ "$(cat "$work/cloud.exit")" = 0 ] || fail "the stream is cut: $(cat "$work/cloud.error")"
    grep -qi '^x-voice-provider: elevenlabs_ws' "$work/cloud.head" || fail "ElevenLabs did not begin"
    tail --bytes 72000 "$work/cloud.pcm" >"$work/tail.pcm"
    heard=$(words "$work/tail.pcm")
    [[ $heard == *"airport from here" ]] || fail "the end of the stream says: $heard"
    say "the stream of $(($(size cloud) / 32000)) s ends with \"$heard\""
    dialogue_ends talk 0 90
    say "talk: $(of_dialogue talk '"\(.provider_start) began, \(.provider_end) ended, longest gap \(.gap_max_ms) ms"')"
    [ "$(of_dialogue talk .provider_end)" = local ] || fail "nobody took over"
}

# gone_and_back WHAT GOES COMES: both are commands.
gone_and_back() {
    need slow_emulator
    back_after 60 "ElevenLabs speaks" cloud_speaks
    cloud_listeners
    $2
    local began=$EPOCHREALTIME
    is_served_within 5 "speech while the emulator $1"
    listeners_hear_all
    say "the emulator was away for $(since "$began") s; breakers: $(breakers)"
    $3
    back_after 10 "ElevenLabs speaks again" cloud_speaks
}

breakers() {
    healthy || true
    jq -c '[.. | objects | with_entries(select(.key | test("breaker"))) | select(. != {})]' "$work/health"
}

is_served_within() {
    local began=$EPOCHREALTIME
    local_voice_speaks || fail "$2: $(cat "$work/head")"
    say "$2: the local voice, whole after $(since "$began") s"
    [ "$(since "$began" | cut -d. -f1)" -lt "$1" ] || fail "$2: too late"
}

kill_emulator() { docker kill "$(container elevenlabs-emulator)" >/dev/null; }
start_emulator() { docker start "$(container elevenlabs-emulator)" >/dev/null; }
pause_emulator() { docker pause "$(container elevenlabs-emulator)" >/dev/null; }
unpause_emulator() { docker unpause "$(container elevenlabs-emulator)" >/dev/null; }
disconnect_emulator() { disconnect elevenlabs-emulator; }
reconnect_emulator() { reconnect elevenlabs-emulator; }

check_the_local_voice_goes_on_when_the_cloud_dies() {
    gone_and_back "is dead" kill_emulator start_emulator
}

check_the_local_voice_goes_on_when_the_cloud_hangs() {
    gone_and_back "hangs" pause_emulator unpause_emulator
}

check_the_local_voice_goes_on_when_the_cloud_cannot_be_reached() {
    gone_and_back "has no network" disconnect_emulator reconnect_emulator
}

check_no_key_is_in_any_log() {
    need emulator
    fetch_logs
    compose logs --no-color gateway tts asr models >"$work/all-logs" 2>&1
    if grep -rl test-key "$work/logs" "$work/all-logs"; then fail "the key is in the logs"; fi
    say "$(cat "$work/logs"/*.jsonl "$work/all-logs" | wc -l) lines without it"
}
