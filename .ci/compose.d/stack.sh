# The stack: a checkout of its own, a project of its own, and what it is told by .env.

export COMPOSE_PROJECT_NAME=evervoice-trial
gateway_port=${GATEWAY_PORT:-8000}
emulator_port=${EMULATOR_PORT:-9000}
gateway=http://127.0.0.1:$gateway_port
emulator=http://127.0.0.1:$emulator_port
# Holds checkout/, what the stack was last told to be (need), and what checks write.
work=
# The developer's own settings, a key least of all, are none of the trial's business.
# shellcheck disable=SC2046
unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_ENV_FILES EVERVOICE_MODELS_MIRROR EMULATOR_PORT \
    $(sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$repository/.env.example")

# docker-compose as a user calls it, in the checkout. With the emulator its environment instead of .env.
compose() (
    cd "$work/checkout" || exit
    options=()
    if [[ $(cat "$work/mode") == *emulator ]]; then
        options=(--env-file configs/emulator.env)
        export GATEWAY_PORT=$gateway_port EMULATOR_PORT=$emulator_port
    fi
    [ ! -s "$work/files" ] || export COMPOSE_FILE="$(cat "$work/files")"
    timeout "${limit:-180}" "${compose_command[@]}" "${options[@]}" "$@"
)

up() {
    compose up --detach --no-build "$@" >"$work/up" 2>&1 || {
        cat "$work/up"
        return 1
    }
}

# From nothing to running containers.
new_stack() {
    local began=$EPOCHREALTIME
    git clone --quiet "$repository" "$work/checkout"
    echo "checkout of $(git -C "$work/checkout" log --oneline -n 1)"
    (cd "$work/checkout" && .ci/base-images)
    # One that KEEP=1 has left would be in the way.
    settings
    forget_stack
    ports_are_free
    # The emulator's image too; everything is built once.
    echo "emulator" >"$work/mode"
    limit=3600 compose build >"$work/build" 2>&1 || {
        tail -n 40 "$work/build"
        missing "the images cannot be built"
    }
    echo "images built in $(since "$began") s"
    echo "plain" >"$work/mode"
    began=$EPOCHREALTIME
    limit=3600 compose up --build --detach >"$work/up" 2>&1 || {
        cat "$work/up"
        what_the_stack_says
        missing "docker-compose up --build fails"
    }
    ready 60
    echo "docker-compose up --build: /health is 200 after $(since "$began") s"
}

# The stack that KEEP=1 has left: its containers know their checkout.
find_stack() {
    local id checkout
    id=$(docker ps --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" | head -n 1)
    [ -n "$id" ] || missing "no stack is there for single checks; leave one with: KEEP=1 .ci/compose"
    checkout=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' "$id")
    work=$(dirname "$checkout")
}

# .env of the checkout: the ports, and what else is given as NAME=VALUE.
settings() {
    printf '%s\n' "GATEWAY_PORT=$gateway_port" "EMULATOR_PORT=$emulator_port" "$@" >"$work/checkout/.env"
}

# Makes the stack what a check needs, if it is not: `plain`, `emulator` or `slow_emulator` (in real time, so that a stream has a
# middle), then settings for .env.
need() {
    local mode=$1
    shift
    if [ "$(cat "$work/mode")" != "$mode" ] || [ "$(tail -n +3 "$work/checkout/.env")" != "$(printf '%s\n' "$@")" ]; then
        echo "$mode" >"$work/mode"
        settings "$@"
        compose_files
        if [ "$mode" = slow_emulator ]; then
            printf '%s\n' 'services:' '  elevenlabs-emulator:' \
                '    command: ["--listen", "0.0.0.0:9000", "--pace", "1.5"]' >"$work/slow.yml"
            compose_files "$work/slow.yml"
        fi
        up
    fi
    ready 60
}

# Files of docker-compose besides its own; none: only its own.
compose_files() {
    local IFS=:
    rm -f "$work/files"
    [ $# = 0 ] || echo "docker-compose.yml:$*" >"$work/files"
}

# The id of a service's container, running or not.
container() {
    docker ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --filter "label=com.docker.compose.service=$1" | head -n 1
}

inspect() {
    docker inspect --format "$2" "$(container "$1")"
}

# The image is made of services' names and this.
network=${COMPOSE_PROJECT_NAME}_default

# tells SERVICE PATTERN: a line of its log says so; the last such line is left in $work/told. (Not a pipe into grep -q: that one
# leaves early, which pipefail takes for a failure.)
tells() {
    docker logs "$(container "$1")" >"$work/said" 2>&1
    grep "$2" "$work/said" | tail -n 1 >"$work/told"
    [ -s "$work/told" ]
}

disconnect() {
    docker network disconnect "$network" "$(container "$1")"
}

reconnect() {
    docker network connect --alias "$1" "$network" "$(container "$1")"
}

# After a failed check: the next one shall find a stack that works.
mend() {
    local service id
    git -C "$work/checkout" checkout --quiet -- configs
    echo plain >"$work/mode"
    settings
    for service in gateway tts asr elevenlabs-emulator; do
        id=$(container "$service")
        [ -n "$id" ] || continue
        [ "$(inspect "$service" '{{.State.Paused}}')" = false ] || docker unpause "$id" >/dev/null
        [ "$(inspect "$service" '{{len .NetworkSettings.Networks}}')" != 0 ] || reconnect "$service"
    done
    compose_files
    up || true
    ready 60
}

what_the_stack_says() {
    compose ps
    compose logs --no-color --tail 12 2>&1 | cut -c 1-400
}

# Containers, networks, volumes and images of the project.
forget_stack() {
    echo "emulator" >"$work/mode"
    compose_files
    compose down --volumes --rmi local --remove-orphans --timeout 5 >"$work/down" 2>&1 || cat "$work/down"
}

remove_stack() {
    forget_stack
    local left
    left=$(docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")
    # shellcheck disable=SC2086
    [ -z "$left" ] || docker volume rm --force $left >/dev/null
}
