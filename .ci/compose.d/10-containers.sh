# What the containers are: where they can be reached, what they may do, what is in them.

check_only_the_gateway_is_reachable_from_this_machine() {
    need plain
    local service
    [ "$(docker port "$(container gateway)")" = "8000/tcp -> 127.0.0.1:$gateway_port" ] ||
        fail "gateway: $(docker port "$(container gateway)")"
    for service in tts asr; do
        [ -z "$(docker port "$(container "$service")")" ] || fail "$service is published: $(docker port "$(container "$service")")"
    done
    # With the file for it, those two are as well, and as near.
    compose -f docker-compose.yml -f docker-compose.direct.yml config >"$work/direct"
    for service in 8081 8082; do
        grep -Eq "127.0.0.1:$service:$service|published: \"?$service\"?" "$work/direct" || fail "direct: no $service"
    done
}

check_containers_may_do_nothing_that_they_need_not() {
    need plain
    local service pid held
    for service in gateway tts asr; do
        held=$(inspect "$service" '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}} {{.HostConfig.RestartPolicy.Name}}')
        [ "$held" = "true false unless-stopped" ] || fail "$service: read-only, privileged, restart: $held"
        [ "$(inspect "$service" '{{.HostConfig.Memory}}')" -gt 0 ] || fail "$service: no limit of memory"
        [ "$(inspect "$service" '{{.HostConfig.PidsLimit}}')" -gt 0 ] || fail "$service: no limit of processes"
        pid=$(inspect "$service" '{{.State.Pid}}')
        [ -r "/proc/$pid/status" ] || not_shown "the engine's processes cannot be seen from here"
        held=$(awk '/^Uid/ {printf "%s ", $2} /^Gid/ {printf "%s ", $2} /^Cap(Eff|Bnd)/ {printf "%s ", $2} /^NoNewPrivs/ {printf $2}' \
            "/proc/$pid/status")
        [ "$held" = "10001 10001 0000000000000000 0000000000000000 1" ] ||
            fail "$service: uid, gid, effective and possible capabilities, no new privileges: $held"
    done
}

check_images_hold_a_program_and_nothing_else() {
    need plain
    local service id
    for service in gateway tts asr models; do
        id=$(container "$service")
        docker export "$id" | tar --list >"$work/files-$service"
        if grep -E '(^|/)(sh|bash|dash|busybox|apt|apt-get|dpkg|apk|perl|python[0-9.]*|curl|wget)$' "$work/files-$service"; then
            fail "$service: there is a shell or a package manager"
        fi
        [ "$(inspect "$service" '{{.Config.StopSignal}}')" = SIGTERM ] || fail "$service: another STOPSIGNAL"
        inspect "$service" '{{json .Config.Labels}}' | jq --exit-status '."org.opencontainers.image.title" and
            ."org.opencontainers.image.licenses" == "Apache-2.0"' >/dev/null || fail "$service: labels"
        case $service in
            asr | models) grep -q libvosk.so "$work/files-$service" || fail "$service: no libvosk.so" ;;
            *) ! grep libvosk.so "$work/files-$service" || fail "$service: libvosk.so" ;;
        esac
        say "$service: $(grep -vc '/$' "$work/files-$service") files"
    done
}

check_images_are_small() {
    need plain
    local service most bytes
    while read -r service most; do
        bytes=$(docker image inspect --format '{{.Size}}' "$(inspect "$service" '{{.Image}}')")
        say "$service: $((bytes / 1000000)) MB"
        [ "$bytes" -lt $((most * 1000000)) ] || fail "$service: more than $most MB"
    done <<'END'
gateway 60
tts 120
asr 120
models 150
END
}
