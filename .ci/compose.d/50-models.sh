# Models that the settings name come at first start, and never again.

# A model in a mirror, and a mirror for the service `models`: what is built in, packed as a published archive would be.
make_mirror() {
    local mirror=$work/mirror
    rm -rf "$mirror"
    mkdir -p "$mirror/trial-model"
    cp -r "$work/checkout/models/asr-en/." "$mirror/trial-model"
    (cd "$mirror" && python3 -m zipfile -c trial-model.zip trial-model && rm -r trial-model)
    # Before the aliases, which end the list.
    python3 - "$work/checkout/configs/models.yml" "$mirror/trial-model.zip" <<'END'
import hashlib, pathlib, sys
manifest, archive = map(pathlib.Path, sys.argv[1:])
entry = """  - name: {name}
    kind: recognizer
    language: en-US
    url: https://mirror.invalid/{name}.zip
    bytes: {bytes}
    sha256: {sha256}
    licence: Apache-2.0
    source: the trial
    note: the trial's

"""
content = archive.read_bytes()
sums = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
entries = "".join(entry.format(name=name, **sums) for name in ("trial-model", "trial-missing"))
head, tail = manifest.read_text().split("# Short names.")
manifest.write_text(head + entries + "# Short names." + tail)
END
    cat >"$work/mirror.yml" <<END
services:
  models:
    environment:
      EVERVOICE_MODELS_MIRROR: /mirror
    volumes: ["$mirror:/mirror:ro"]
END
}

# What asr loaded last.
asr_has() {
    tells asr model_loaded && grep -q "$1" "$work/told" || fail "asr has another model: $(cat "$work/told")"
}

check_a_model_that_is_named_comes_at_first_start_and_stays() {
    need plain
    make_mirror
    settings ASR_MODEL_SIZE=trial-model
    compose_files "$work/mirror.yml"
    up || fail "up with a mirror"
    ready 60
    docker logs "$(container models)" 2>&1 | tail -n 3 | cut -c 1-160 | while read -r line; do say "models: $line"; done
    asr_has trial-model
    understands || fail "it does not recognise"

    # Without the mirror nobody could bring it again: its address does not exist.
    compose down --timeout 30 >"$work/down" 2>&1
    rm -r "$work/mirror"
    compose_files
    up || fail "up without the mirror"
    ready 60
    asr_has trial-model
    git -C "$work/checkout" checkout --quiet -- configs
    need plain
}

check_a_model_that_cannot_be_had_ends_the_start_and_is_named() {
    need plain
    make_mirror
    rm -r "$work/mirror"
    settings ASR_MODEL_SIZE=trial-missing
    if up; then fail "docker-compose up succeeds without its model"; fi >"$work/failed"
    tells models trial-missing || fail "models does not name it: $(docker logs --tail 3 "$(container models)" 2>&1)"
    say "models: $(docker logs "$(container models)" 2>&1 | tail -n 1 | cut -c 1-200)"
    settings ASR_MODEL_SIZE=base.em
    if up; then fail "docker-compose up succeeds without its model"; fi >"$work/failed"
    say "models: $(docker logs "$(container models)" 2>&1 | tail -n 1 | cut -c 1-200)"
    tells models base.en || fail "models does not suggest base.en"
    git -C "$work/checkout" checkout --quiet -- configs
    need plain
}
