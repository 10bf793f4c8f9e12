# Stopping and starting again: nothing that sounds is cut, and nobody waits for the start.

# docker-compose stop, now; no service may have had to cut anything.
stop() {
    local began=$EPOCHREALTIME service code
    compose stop >"$work/stop" 2>&1
    say "docker-compose stop: $(since "$began") s"
    for service in gateway tts asr; do
        code=$(inspect "$service" '{{.State.ExitCode}}')
        [ "$code" = 0 ] || fail "$service: exit code $code"
    done
}

check_stopping_lets_a_stream_end_whole() {
    need plain
    local text
    text=$(long_text 2500)
    stream slow "$text" 2000k
    stop
    up
    ready 60
    is_whole slow "$text"
}

# One who listens in real time, while the text is still being written: what is left is longer than a service may take to stop, so
# it has to be sent as fast as it is made.
check_stopping_lets_a_dialogue_end_whole() {
    need plain
    dialogue talk "$(long_text 600)"
    sleep 3
    ! ended talk || fail "the dialogue was over before its middle"
    stop
    dialogue_ends talk 0 30
    up
}

check_a_second_start_is_fast() {
    need plain
    local how began took
    for how in stop down; do
        compose "$how" >"$work/stop" 2>&1
        began=$EPOCHREALTIME
        up
        ready 60
        took=$(since "$began")
        say "docker-compose up -d after $how: /health is 200 after $took s"
        [ "${took%.*}" -lt 15 ] || fail "that is no start but a wait"
    done
}
