# Texts, and streams that are in their middle.

# The body of a request for speech: body TEXT [FORMAT]
body() {
    jq --null-input --compact-output '$ARGS.named' --arg text "$1" ${2:+--arg format "$2"}
}

# long_text CHARACTERS: one that nobody has asked for before, so that no cache knows it; it ends with a phrase that the
# recogniser knows.
long_text() {
    local text="" number=0
    while [ ${#text} -lt $(($1 - 120)) ]; do
        number=$((number + 1))
        text+="Line $number of story $RANDOM: it is strange outside today, and see you monday. "
    done
    printf '%s' "$text How far is the airport from here?"
}

# stream NAME TEXT [BYTES A SECOND]: a slow listener in the background, at 48 kHz. Ends in NAME.pcm and NAME.exit.
stream() {
    rm -f "$work/$1".{pcm,exit,head}
    local code=0
    {
        curl --silent --show-error --max-time 90 --limit-rate "${3:-1500k}" --dump-header "$work/$1.head" --output "$work/$1.pcm" \
            --data "$(body "$2" pcm_48000)" "$gateway/api/tts" 2>"$work/$1.error" || code=$?
        echo "$code" >"$work/$1.exit"
    } &
    until_true 10 has_bytes "$1" 400000 || fail "$1: the stream does not begin: $(cat "$work/$1.error")"
    [ ! -e "$work/$1.exit" ] || fail "$1: the stream was over before its middle"
}

has_bytes() {
    [ "$(size "$1")" -ge "$2" ]
}

size() {
    stat --format %s "$work/$1.pcm" 2>/dev/null || echo 0
}

ended() {
    [ -s "$work/$1.exit" ]
}

# The body was broken off, visibly: 18 (chunks without their end) or 56 (reset).
is_cut() {
    until_true "${2:-40}" ended "$1" || fail "$1: hangs"
    case $(cat "$work/$1.exit") in
        18 | 56) say "$1: cut after $(size "$1") bytes, curl says $(cat "$work/$1.exit")" ;;
        0) fail "$1: $(size "$1") bytes end as if they were all" ;;
        *) fail "$1: curl says $(cat "$work/$1.exit"): $(cat "$work/$1.error")" ;;
    esac
}

# The body ended, and is the same sound as that of the same text spoken anew.
is_whole() {
    until_true 60 ended "$1" || fail "$1: hangs"
    [ "$(cat "$work/$1.exit")" = 0 ] || fail "$1: curl says $(cat "$work/$1.exit"): $(cat "$work/$1.error")"
    curl --silent --fail --max-time 60 --output "$work/$1.again" --data "$(body "$2" pcm_48000)" "$gateway/api/tts"
    cmp "$work/$1.pcm" "$work/$1.again" || fail "$1: $(size "$1") bytes are not the sound of its text"
    say "$1: all $(size "$1") bytes came"
}

# Cut visibly or whole: what may become of a stream whose service was away for a while.
is_cut_or_whole() {
    until_true 60 ended "$1" || fail "$1: hangs"
    if [ "$(cat "$work/$1.exit")" = 0 ]; then is_whole "$1" "$2"; else is_cut "$1"; fi
}

# dialogue NAME TEXT [OPTIONS OF load…]: in the background, in real time, over /ws/tts. Ends in NAME.exit and NAME/load.jsonl.
dialogue() {
    local name=$1 code=0
    rm -rf "${work:?}/$name" "$work/$name".{exit,log}
    printf '%s\n' "$2" >"$work/$name.phrases"
    shift 2
    {
        timeout 100 "$clients/load" --url "$gateway" --users 1 --count 1 --phrases "$work/$name.phrases" --out "$work/$name" \
            --timeout 30 --quiet "$@" >"$work/$name.log" 2>&1 || code=$?
        echo "$code" >"$work/$name.exit"
    } &
}

# How a dialogue's utterance ended, as load saw it.
of_dialogue() {
    jq -r "$2" "$work/$1/load.jsonl"
}

# dialogue_ends NAME EXIT SECONDS
dialogue_ends() {
    until_true "$3" ended "$1" || fail "$1: hangs"
    [ "$(cat "$work/$1.exit")" = "$2" ] || {
        cat "$work/$1.log" "$work/$1/load.jsonl"
        fail "$1: load ends with $(cat "$work/$1.exit") instead of $2"
    }
    say "$1: $(of_dialogue "$1" '"\(.outcome), \(.audio_ms / 1000 | floor) s of sound" + (.error // "" | if . == "" then . else ", " + . end)')"
}

# The words of a sound: words FILE [QUERY]
words() {
    [ "$(ask "/api/stt/bytes?${2:-}" --data-binary "@$1")" = 200 ] || fail "the recogniser: $(cat "$work/body")"
    jq -r .text "$work/body"
}
