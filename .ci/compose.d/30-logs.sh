# Logs: on the volume speech_logs and in docker-compose logs, lines of JSON with the id of the request, without a key.

# The files of all services, from the volume. There is no shell in a container to read them with.
fetch_logs() {
    rm -rf "$work/logs"
    docker cp "$(container gateway):/app/logs" "$work/logs" >/dev/null
}

has_id() {
    fetch_logs
    local service
    for service in gateway tts asr; do
        grep -q "\"$1\"" "$work/logs/$service."*.jsonl || return 1
    done
}

check_a_request_is_in_the_logs_of_all_services() {
    need plain
    local id=trial-$RANDOM-$RANDOM file service
    [ "$(ask /api/echo-bytes --header "X-Request-Id: $id" --data-binary "@$work/checkout/testdata/asr/hello.wav")" = 200 ]
    [ "$(header x-request-id)" = "$id" ] || fail "the answer has another id"
    until_true 10 has_id "$id" || fail "$id is not in the files of all services: $(ls "$work/logs")"
    for file in "$work/logs"/*.jsonl; do
        jq empty "$file" || fail "$(basename "$file"): not lines of JSON"
        say "$(basename "$file"): $(wc -l <"$file") lines"
    done
    for service in gateway tts asr; do
        compose logs --no-color "$service" >"$work/said"
        grep -q "$id" "$work/said" || fail "$id is not in docker-compose logs $service"
    done
}
