# The images, a target for each: gateway, tts, asr, evervoice (all three in one process, and the model manager) and
# elevenlabs-emulator.
#
#     docker build --target gateway -t evervoice/gateway .
#
# Needs BuildKit, for the cache mounts: with them a change of our code builds our code alone. It is what Docker 23 and later
# build with; before, DOCKER_BUILDKIT=1 asks for it. The same file builds for amd64 and arm64, each on a machine of its kind
# (or emulated, slowly).
#
# The programs are linked against Debian's glibc, and each image holds nothing but its program and what that needs of
# debian:bookworm-slim: no shell, no package manager, 15 to 60 MB instead of 75 and more (decision 034).

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Not the whole directory: a change of other settings or of a document should build nothing.
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY services services
COPY client client
COPY xtask xtask
COPY models models
COPY voices voices
COPY configs/models.yml configs/models.yml
# `touch`: cargo compares times, and a layer that was copied long ago has old ones; without it, going back to an earlier
# version would leave the later one's program in the cache.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/vendor,sharing=locked \
    --mount=type=cache,target=/target,sharing=locked \
    export CARGO_TARGET_DIR="/target/$(uname -m)" \
    && find . -type f -not -path './vendor/*' -exec touch {} + \
    && cargo run --release --locked --quiet --package xtask -- libvosk \
    && cargo build --release --locked \
        --package evervoice-gateway --package evervoice-tts --package evervoice-asr --package evervoice \
        --package elevenlabs-emulator \
    && for program in evervoice-gateway evervoice-tts evervoice-asr evervoice elevenlabs-emulator; do \
        install -D "$CARGO_TARGET_DIR/release/$program" "/out/$program/app/bin/$program"; \
    done \
    && for program in evervoice-asr evervoice; do \
        install -D "vendor/libvosk/$(uname -m)-linux/libvosk.so" "/out/$program/app/lib/libvosk.so"; \
    done

# Each program's root file system: beside the program the loader and the libraries that it is linked against, a user, the
# authorities of TLS, the shipped settings, and the directories that volumes are mounted on.
FROM debian:bookworm-slim AS roots
COPY --from=build /out /out
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# On arm64 libvosk wants it; the slim image has none.
COPY --from=build /usr/lib/*-linux-gnu/libatomic.so.1* /usr/lib/
COPY configs /configs
COPY LICENSE NOTICE /
RUN set -eu; \
    for program in /out/*; do \
        cd "$program"; \
        linked=$(ldd app/bin/*); \
        case "$linked" in *"not found"*) echo "$linked"; exit 1 ;; esac; \
        for library in $(echo "$linked" | grep -o ' /[^ ]*\|^[[:space:]]*/[^ ]*'); do \
            case "$library" in \
                */app/*) ;; \
                *) cp -L --parents "$library" . ;; \
            esac; \
        done; \
        mkdir -p etc/ssl/certs app/logs models/asr models/tts tmp; \
        cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/; \
        echo 'hosts: files dns' > etc/nsswitch.conf; \
        echo 'evervoice:x:10001:10001::/app:/nonexistent' > etc/passwd; \
        echo 'evervoice:x:10001:' > etc/group; \
        cp -r /configs /LICENSE /NOTICE app/; \
        chown -R 10001:10001 app/logs models; \
        chmod 1777 tmp; \
    done

FROM scratch AS base
WORKDIR /app
USER 10001:10001
# Inside a container the loopback address would reach nobody.
ENV BIND_ADDRESS=0.0.0.0 MODELS_DIR=/models TTS_STOCK_DIR=/models/stock
# Streams end whole before a service does (`server.drain_timeout`).
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.licenses="Apache-2.0"

FROM base AS gateway
LABEL org.opencontainers.image.title="Evervoice gateway"
COPY --from=roots /out/evervoice-gateway /
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/bin/evervoice-gateway", "healthcheck"]
ENTRYPOINT ["/app/bin/evervoice-gateway"]

FROM base AS tts
LABEL org.opencontainers.image.title="Evervoice text to speech"
COPY --from=roots /out/evervoice-tts /
EXPOSE 8082
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/bin/evervoice-tts", "healthcheck"]
ENTRYPOINT ["/app/bin/evervoice-tts"]

FROM base AS asr
LABEL org.opencontainers.image.title="Evervoice speech recognition"
COPY --from=roots /out/evervoice-asr /
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/bin/evervoice-asr", "healthcheck"]
ENTRYPOINT ["/app/bin/evervoice-asr"]

FROM base AS evervoice
LABEL org.opencontainers.image.title="Evervoice, all services in one process, and the model manager"
COPY --from=roots /out/evervoice /
EXPOSE 8000 8081 8082
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/bin/evervoice", "healthcheck"]
ENTRYPOINT ["/app/bin/evervoice"]

FROM base AS elevenlabs-emulator
LABEL org.opencontainers.image.title="A pretend ElevenLabs"
COPY --from=roots /out/elevenlabs-emulator /
EXPOSE 9000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/app/bin/elevenlabs-emulator", "healthcheck", "--listen", "127.0.0.1:9000"]
ENTRYPOINT ["/app/bin/elevenlabs-emulator"]
CMD ["--listen", "0.0.0.0:9000"]
