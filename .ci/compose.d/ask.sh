# Asking the stack, and judging its answers. Nothing here waits without a limit.

# Exit code of a check that this engine cannot show.
NOT_SHOWN=77

say() {
    printf '    %s\n' "$*"
}

fail() {
    printf '    *** %s\n' "$*" >&2
    exit 1
}

not_shown() {
    printf '    not shown: %s\n' "$*"
    exit "$NOT_SHOWN"
}

# Seconds since an $EPOCHREALTIME, with one decimal.
since() {
    local tenths=$(((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# until_true SECONDS COMMAND…: tries it every tenth of a second; fails when the time is over.
until_true() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# ask PATH [OPTIONS OF CURL…]: the body in $work/body, the head in $work/head; prints the status, 000 for no answer.
ask() {
    local path=$1
    shift
    curl --silent --max-time 30 --output "$work/body" --dump-header "$work/head" --write-out '%{http_code}' \
        "$@" "$gateway$path" || true
}

# The value of a header of the last answer.
header() {
    sed -n "s/^$1: *\(.*\)\r$/\1/Ip" "$work/head" | tail -n 1
}

healthy() {
    [ "$(curl --silent --max-time 5 --output "$work/health" --write-out '%{http_code}' "$gateway/health")" = 200 ]
}

# Every part answers; at the latest after so many seconds.
ready() {
    until_true "$1" healthy || {
        cat "$work/health" 2>/dev/null
        fail "/health is not 200 after $1 s"
    }
}

# back_after SECONDS WHAT COMMAND…: prints how long it took until the command succeeded.
back_after() {
    local most=$1 what=$2 began=$EPOCHREALTIME
    shift 2
    until_true "$most" "$@" || fail "$what: not within $most s"
    say "$what: after $(since "$began") s"
}

speaks() {
    [ "$(ask /api/tts --data "$(body "Ready $RANDOM.")")" = 200 ]
}

understands() {
    [ "$(ask /api/stt/bytes --data-binary "@$work/checkout/testdata/asr/hello.wav")" = 200 ]
}

# is_refused WHAT COMMAND…: the command asks, and the answer is a problem of the gateway, soon: it neither hangs nor pretends.
is_refused() {
    local what=$1 began=$EPOCHREALTIME code
    shift
    code=$("$@")
    local took
    took=$(since "$began")
    case $code in
        502 | 503 | 504) ;;
        *) fail "$what: $code instead of a problem, after $took s" ;;
    esac
    [ "$(header content-type)" = application/problem+json ] || fail "$what: $code is no problem+json"
    say "$what: $code $(jq -r .code "$work/body") after $took s"
    [ "${took%.*}" -lt 10 ] || fail "$what: $took s is no answer but a hang"
}

asked_to_speak() {
    ask /api/tts --data "$(body "Are you there, number $RANDOM?")"
}

asked_to_listen() {
    ask /api/stt/bytes --data-binary "@$work/checkout/testdata/asr/hello.wav"
}
