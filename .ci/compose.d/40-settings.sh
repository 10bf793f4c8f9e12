# Settings: .env, and the files of configs/, which are mounted.

# silence SECONDS: asks to recognise so much silence.
silence() {
    ask /api/stt/bytes --data-binary "@-" < <(head --bytes $(($1 * 32000)) /dev/zero)
}

check_env_file_is_heeded() {
    local port=$((gateway_port + 1))
    gateway_port=$port
    gateway=http://127.0.0.1:$port
    need plain MAX_AUDIO_DURATION=3
    [ "$(silence 4)" = 413 ] || fail "4 s of sound, where 3 s are allowed: $(cat "$work/body")"
    [ "$(silence 2)" = 200 ] || fail "2 s of sound: $(cat "$work/body")"
    say "the gateway on port $port: $(docker port "$(container gateway)")"
}

check_mounted_files_are_heeded() {
    need plain
    sed -i 's/^  max_audio_duration: 15$/  max_audio_duration: 2/' "$work/checkout/configs/asr.yml"
    compose restart asr >"$work/restart" 2>&1
    ready 20
    [ "$(silence 3)" = 413 ] || fail "3 s of sound, where 2 s are allowed: $(cat "$work/body")"

    sed -i 's/^  max_audio_duration: 2$/  max_audio_durration: 2/' "$work/checkout/configs/asr.yml"
    compose restart asr >"$work/restart" 2>&1
    until_true 15 tells asr max_audio_durration || fail "asr does not name the wrong key: $(docker logs --tail 3 "$(container asr)" 2>&1)"
    say "asr: $(cut -c 1-200 "$work/told")"

    git -C "$work/checkout" checkout --quiet -- configs
    compose restart asr >"$work/restart" 2>&1
    ready 20
    [ "$(silence 3)" = 200 ] || fail "the old file does not hold again: $(cat "$work/body")"
}
