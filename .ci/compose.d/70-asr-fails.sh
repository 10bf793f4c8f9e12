# asr dies, hangs, or cannot be reached.

# A recording of 14 s of the same words.
long_sound() {
    python3 - "$work/checkout/testdata/asr/hello.wav" "$work/long.pcm" <<'END'
import sys, wave
with wave.open(sys.argv[1]) as sound:
    rate, data = sound.getframerate(), sound.readframes(sound.getnframes())
assert rate == 16000 and sound.getsampwidth() == 2 and sound.getnchannels() == 1
open(sys.argv[2], "wb").write((data * 40)[: 14 * 2 * rate])
END
}

# Eight recognitions at once, in the background.
recognitions() {
    local number
    for number in 1 2 3 4 5 6 7 8; do
        rm -f "$work/recognition-$number".*
        {
            curl --silent --max-time 60 --output "$work/recognition-$number.body" --write-out '%{http_code} %{content_type} %{time_total}\n' \
                --data-binary "@$work/long.pcm" "$gateway/api/stt/bytes" >"$work/recognition-$number.code" || true
            echo over >"$work/recognition-$number.exit"
        } &
    done
}

# Each of them ended, with words or with a problem; some with a problem.
recognitions_end() {
    local number code type took problems=0 longest=0
    for number in 1 2 3 4 5 6 7 8; do
        until_true 40 ended "recognition-$number" || fail "recognition $number hangs"
        read -r code type took <"$work/recognition-$number.code"
        case "$code $type" in
            "200 application/json"*) ;;
            "50"[234]" application/problem+json"*) problems=$((problems + 1)) ;;
            *) fail "recognition $number: $code $type $(cat "$work/recognition-$number.body" 2>/dev/null)" ;;
        esac
        [ "${took%.*}" -le "$longest" ] || longest=${took%.*}
    done
    [ "$longest" -lt 10 ] || fail "a recognition hung for $longest s"
    say "of eight recognitions under way $problems ended with a problem; the longest took $longest s"
}

check_recognitions_end_when_asr_is_killed_and_go_on_when_it_is_back() {
    need plain
    long_sound
    recognitions
    sleep 0.5
    docker kill "$(container asr)" >/dev/null
    recognitions_end
    is_refused "recognition without asr" asked_to_listen
    speaks || fail "tts does not speak without asr"
    docker start "$(container asr)" >/dev/null
    back_after 15 "recognises again after docker start" understands
}

check_recognitions_end_when_asr_hangs_and_go_on_when_it_is_back() {
    need plain
    long_sound
    recognitions
    sleep 0.5
    docker pause "$(container asr)" >/dev/null
    recognitions_end
    is_refused "recognition while asr is paused" asked_to_listen
    speaks || fail "tts does not speak while asr is paused"
    docker unpause "$(container asr)" >/dev/null
    back_after 15 "recognises again after docker unpause" understands
}

check_recognitions_end_when_asr_loses_its_network_and_go_on_when_it_is_back() {
    need plain
    long_sound
    recognitions
    sleep 0.5
    disconnect asr
    recognitions_end
    is_refused "recognition while asr has no network" asked_to_listen
    speaks || fail "tts does not speak while asr has no network"
    reconnect asr
    back_after 15 "recognises again after docker network connect" understands
}
