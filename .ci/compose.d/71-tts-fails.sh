# tts dies, hangs, or cannot be reached, while it speaks: who listens sees that it is cut, others are refused at once, and all is well
# as soon as it is back.

# Those who listen when it happens: slowly over HTTP, our own program, a dialogue.
listeners() {
    text=$(long_text 4900)
    stream slow "$text"
    rm -f "$work/program".*
    "$clients/stream_tts" --gateway "$gateway" --timeout 30 --text "$text" --output "$work/program.wav" >"$work/program.log" 2>&1 &
    program=$!
    # It would have all of it within a second: here it takes a rest after its first frames.
    until_true 10 grep -qs -m 1 байт "$work/program.log" || fail "stream_tts does not begin: $(cat "$work/program.log")"
    kill -STOP "$program"
    dialogue talk "$(long_text 1200)" --tokens-per-second 0
    sleep 2
}

# What becomes of them when tts is gone for good.
listeners_are_cut() {
    local began=$EPOCHREALTIME
    dialogue_ends talk 7 30
    say "talk: over $(since "$began") s later"
    [ "$(since "$began" | cut -d. -f1)" -lt 10 ] || fail "the dialogue hung"
    kill -CONT "$program"
    until_true 40 is_over "$program" || fail "stream_tts hangs"
    local code=0
    wait "$program" || code=$?
    [ "$code" = 5 ] || fail "stream_tts ends with $code: $(tail -n 3 "$work/program.log")"
    [ ! -e "$work/program.wav" ] || fail "stream_tts has left a file"
    say "stream_tts ends with 5"
    is_cut slow
}

is_over() {
    ! kill -0 "$1" 2>/dev/null
}

check_streams_are_cut_visibly_when_tts_is_killed() {
    need plain
    listeners
    docker kill "$(container tts)" >/dev/null
    is_refused "speech without tts" asked_to_speak
    listeners_are_cut
    understands || fail "asr does not recognise without tts"
    docker start "$(container tts)" >/dev/null
    back_after 15 "speaks again after docker start" speaks
}

check_a_killed_process_is_started_again() {
    need plain
    local service pid restarts
    # docker kill counts as a wish of the user's; a process that dies does not.
    for service in tts asr gateway; do
        pid=$(inspect "$service" '{{.State.Pid}}')
        restarts=$(inspect "$service" '{{.RestartCount}}')
        grep -qa "evervoice-$service" "/proc/$pid/cmdline" 2>/dev/null || not_shown "the engine's processes cannot be seen from here"
        if [ "$(id -u)" = 0 ]; then kill -KILL "$pid"; else
            sudo --non-interactive kill -KILL "$pid" || not_shown "only root can kill a container's process from here"
        fi
        until_true 15 restarted "$service" "$restarts" || fail "$service is not started again"
        back_after 15 "$service is well again after a SIGKILL" healthy
    done
}

restarted() {
    [ "$(inspect "$1" '{{.RestartCount}}')" -gt "$2" ]
}

check_streams_do_not_hang_when_tts_hangs() {
    need plain
    listeners
    docker pause "$(container tts)" >/dev/null
    is_refused "speech while tts is paused" asked_to_speak
    listeners_are_cut
    understands || fail "asr does not recognise while tts is paused"
    docker unpause "$(container tts)" >/dev/null
    back_after 15 "speaks again after docker unpause" speaks
}

check_streams_do_not_hang_when_tts_loses_its_network() {
    need plain
    listeners
    disconnect tts
    is_refused "speech while tts has no network" asked_to_speak
    listeners_are_cut
    understands || fail "asr does not recognise while tts has no network"
    reconnect tts
    back_after 15 "speaks again after docker network connect" speaks
}

check_a_short_pause_of_tts_is_not_heard_as_an_end() {
    need plain
    local text
    text=$(long_text 4900)
    stream slow "$text" 4000k
    dialogue talk "$(long_text 250)" --tokens-per-second 0
    sleep 1
    docker pause "$(container tts)" >/dev/null
    sleep 1
    docker unpause "$(container tts)" >/dev/null
    is_cut_or_whole slow "$text"
    until_true 60 ended talk || fail "talk hangs"
    case $(cat "$work/talk.exit") in
        0 | 7) say "talk: $(of_dialogue talk .outcome)" ;;
        *) fail "load ends with $(cat "$work/talk.exit"): $(cat "$work/talk.log")" ;;
    esac
}
