# What this machine gives: an engine, a client that can build, docker-compose, and our own clients.

missing() {
    printf 'containers cannot be tried: %s\n' "$*" >&2
    exit 1
}

find_tools() {
    local tool
    for tool in docker curl git jq python3; do
        command -v "$tool" >/dev/null || missing "$tool is not installed"
    done
    timeout 20 docker info >/dev/null 2>&1 || missing "no Docker engine answers (docker info)"
}

# A client without buildx cannot build with BuildKit, which the Dockerfile needs. Another one on PATH may: docker-compose 1 calls
# the first one that it finds, so that one goes in front.
find_client() {
    export DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1
    local client image
    while read -r client; do
        if image=$(printf 'FROM scratch\nLABEL evervoice.trial=1\n' | timeout 120 "$client" build --quiet - 2>"$work/client"); then
            "$client" image rm "$image" >/dev/null 2>&1 || true
            mkdir -p "$work/bin"
            ln -sf "$client" "$work/bin/docker"
            export PATH="$work/bin:$PATH"
            break
        fi
        client=
    done < <(type -ap docker | awk '!seen[$0]++')
    [ -n "$client" ] || missing "no docker on PATH builds with BuildKit (is buildx missing?): $(tail -n 1 "$work/client")"
    if command -v docker-compose >/dev/null; then
        compose_command=(docker-compose)
    elif docker compose version >/dev/null 2>&1; then
        compose_command=(docker compose)
    else
        missing "neither docker-compose nor docker compose is there"
    fi
    echo "engine $(docker version --format '{{.Server.Version}}'), client $client," \
        "${compose_command[*]} $("${compose_command[@]}" version --short)"
}

# stream_tts, echo_bytes and load, into $clients.
build_clients() {
    (cd "$repository" && cargo build --quiet --locked --package evervoice-client --bins)
    clients=$(cd "$repository" && cargo metadata --format-version 1 --no-deps --locked | jq -r .target_directory)/debug
}

ports_are_free() {
    local port
    for port in "$gateway_port" $((gateway_port + 1)) "$emulator_port"; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            missing "port $port is taken; choose others with GATEWAY_PORT and EMULATOR_PORT"
        fi
    done
}
