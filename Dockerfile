# syntax=docker/dockerfile:1
# Alpaca Stream Proxy: the Deno binary, a filled module cache and the source on
# a base without a shell. Nothing is downloaded at run time.
#
#   docker build -t alpaca-stream-proxy .
#   docker run --init --read-only --cap-drop ALL \
#     -p 127.0.0.1:50052:50052 -p 127.0.0.1:8082:8082 \
#     -e ALPACA_KEY=… -e ALPACA_SECRET=… alpaca-stream-proxy
#
# The base images are arguments, so that a release can pin them by digest:
#   --build-arg BUILD_IMAGE=docker.io/denoland/deno:debian-2.9.6@sha256:…

# For the build only: Deno, a shell and coreutils.
ARG BUILD_IMAGE=docker.io/denoland/deno:debian-2.9.6
# glibc, libgcc, CA certificates, time zones; no shell, no package manager.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
ENV DENO_DIR=/out/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    DENO_NO_PROMPT=1
WORKDIR /app
RUN mkdir -p /out/bin && cp "$(command -v deno)" /out/bin/deno

# Dependencies first: this layer depends on the lock file, not on the source.
COPY deno.json deno.lock ./
COPY simulator/deno.json ./simulator/
RUN deno ci

COPY mod.ts telemetry.env LICENSE ./
COPY src ./src
COPY client ./client
COPY cli ./cli
COPY simulator/mod.ts simulator/main.ts simulator/replay.ts ./simulator/
COPY simulator/src ./simulator/src
COPY scripts/delivery/image ./scripts/delivery/image
# Transpile and compile now, so that a start reads JavaScript and V8's code; then
# remove the packages that only tests need and all write permissions, which Deno's
# caches are prepared for.
RUN set -- mod.ts src/start.ts cli/tail.ts cli/record.ts simulator/main.ts simulator/replay.ts \
      scripts/delivery/image/healthcheck.ts scripts/delivery/image/grpc_health.ts \
    && deno install --frozen --entrypoint "$@" \
    && deno run -A scripts/delivery/image/prune_packages.ts "$@" \
    && deno run -A --cached-only scripts/delivery/image/load_modules.ts \
    && DENO_DIR=/tmp/deno deno run -A --no-config \
      scripts/delivery/image/seal_caches.ts /out/deno-dir \
    && rm scripts/delivery/image/prune_packages.ts scripts/delivery/image/load_modules.ts \
      scripts/delivery/image/seal_caches.ts \
    && chmod -R a=rX /out /app

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=https://github.com/alpaca-stream-proxy/alpaca-stream-proxy
LABEL org.opencontainers.image.title="alpaca-stream-proxy" \
      org.opencontainers.image.description="Holds the only connections Alpaca allows an account and serves them to any number of gRPC clients" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="Alpaca Stream Proxy contributors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

COPY --from=build /out/bin/deno /bin/deno
COPY --from=build /out/deno-dir /deno-dir
COPY --from=build /app /app

# No HOME and no cache to write: the root may be read-only. Two malloc arenas
# are enough for a single-threaded event loop with helper threads; glibc's default
# of eight per core keeps up to 9 MiB more resident.
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    DENO_NO_PROMPT=1 \
    MALLOC_ARENA_MAX=2 \
    NO_COLOR=1
WORKDIR /app
# Numeric, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
EXPOSE 50052/tcp 8765/tcp 8082/tcp 9090/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/bin/deno", "run", "--quiet", "--no-prompt", "--cached-only", "--no-code-cache", "--allow-net=127.0.0.1", "--allow-env=STREAM_PROXY_HEALTH_PORT,STREAM_PROXY_TLS_CERT,STREAM_PROXY_TLS_CERT_FILE,STREAM_PROXY_TLS_PORTS", "--unsafely-ignore-certificate-errors=127.0.0.1", "/app/scripts/delivery/image/healthcheck.ts"]

# For every program in this image: no remote modules, no files, no child
# processes, no native code. Files are read only where the CMD names them, such as
# --allow-read=/tls/tls.crt,/tls/tls.key: --deny-read wins over --allow-read without
# paths and over --allow-all, not over paths. telemetry.env configures OpenTelemetry
# before the process starts; variables of the environment take precedence.
ENTRYPOINT ["/bin/deno", "run", "--quiet", "--no-prompt", "--cached-only", "--no-remote", "--frozen", "--env-file=/app/telemetry.env", "--deny-read", "--deny-write", "--deny-run", "--deny-ffi", "--deny-sys", "--deny-import"]

# start.ts installs its signal handlers some tens of milliseconds after the start,
# before it loads the program. The kernel drops an earlier SIGTERM to PID 1; an
# init process (--init, or init: true) closes that gap.
#
# Permissions of the proxy with the default settings. Other ports, addresses of a
# simulator, or another program of the image (cli/tail.ts, cli/record.ts,
# simulator/main.ts, simulator/replay.ts) need another CMD; the Helm chart derives it.
# >>> command: generated by scripts/delivery/generate.ts
CMD ["--allow-env=ALPACA_KEY,APCA_API_KEY_ID,ALPACA_SECRET,APCA_API_SECRET_KEY,ALPACA_DATA_KEY,ALPACA_DATA_SECRET,CREAM_ENV,STREAM_PROXY_FEEDS,ALPACA_FEED,ALPACA_OPTIONS_FEED,ALPACA_CRYPTO_LOCATION,STREAM_PROXY_MAX_ARTICLE_MB,STREAM_PROXY_MARKET_CLOSURES,ALPACA_STOCK_STREAM_URL,ALPACA_OPTION_STREAM_URL,ALPACA_CRYPTO_STREAM_URL,ALPACA_NEWS_STREAM_URL,ALPACA_TRADING_STREAM_URL,ALPACA_TRADING_API_URL,ALPACA_DATA_API_URL,HTTPS_PROXY,https_proxy,NO_PROXY,no_proxy,STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM,STREAM_PROXY_HOST,STREAM_PROXY_GRPC_PORT,STREAM_PROXY_WEBSOCKET_PORT,STREAM_PROXY_HEALTH_PORT,STREAM_PROXY_METRICS_PORT,STREAM_PROXY_GRPC_WEB,STREAM_PROXY_CORS_ORIGINS,STREAM_PROXY_MAX_BATCH_DELAY_MS,STREAM_PROXY_WEBSOCKET_PING_SECS,STREAM_PROXY_WEBSOCKET_MAX_MESSAGE_KB,STREAM_PROXY_WEBSOCKET_COMPRESS_FROM_BYTES,STREAM_PROXY_GRPC_KEEPALIVE_SECS,STREAM_PROXY_ROLE,STREAM_PROXY_LEASE_TTL_SECS,STREAM_PROXY_NATS_URL,STREAM_PROXY_NATS_USER,STREAM_PROXY_NATS_PASSWORD,STREAM_PROXY_NATS_TOKEN,STREAM_PROXY_NATS_CREDS,STREAM_PROXY_NATS_NKEY,STREAM_PROXY_NATS_CA,STREAM_PROXY_NATS_CERT,STREAM_PROXY_NATS_KEY,STREAM_PROXY_NATS_PREFIX,STREAM_PROXY_NATS_REPLICAS,STREAM_PROXY_NATS_RETAIN_MB,STREAM_PROXY_NATS_RETAIN_SECS,STREAM_PROXY_TLS_CERT,STREAM_PROXY_TLS_KEY,STREAM_PROXY_TLS_CLIENT_CA,STREAM_PROXY_TLS_CERT_FILE,STREAM_PROXY_TLS_KEY_FILE,STREAM_PROXY_TLS_CLIENT_CA_FILE,STREAM_PROXY_TLS_CLIENT_AUTH,STREAM_PROXY_TLS_PORTS,LOG_LEVEL,RUST_LOG,OTEL_ENABLED,OTEL_EXPORTER_OTLP_ENDPOINT,ALPACA_PLAN,STREAM_PROXY_STOCK_LIMIT_CHANNELS,STREAM_PROXY_OPTION_LIMIT_CHANNELS,STREAM_PROXY_UNSUBSCRIBE_GRACE_MS,STREAM_PROXY_SUBSCRIBE_CHUNK_SYMBOLS,STREAM_PROXY_SUBSCRIBE_CHUNK_BYTES,STREAM_PROXY_MAX_SYMBOLS_PER_STREAM,STREAM_PROXY_OPTION_CHAINS,STREAM_PROXY_OPTION_PRICE_INTERVAL_SECS,STREAM_PROXY_OPTION_MAX_DAYS,STREAM_PROXY_OPTION_MAX_EXPIRIES,STREAM_PROXY_OPTION_STRIKES_EACH_SIDE,STREAM_PROXY_OPTION_STRIKE_WINDOW_PERCENT,STREAM_PROXY_OPTION_MAX_CONTRACTS,STREAM_PROXY_HEARTBEAT_INTERVAL_SECS,STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS,STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS,STREAM_PROXY_RECONNECT_DELAY_MAX_SECS,STREAM_PROXY_RECONNECT_DELAY_MULTIPLIER,STREAM_PROXY_MAX_RECONNECT_ATTEMPTS,STREAM_PROXY_ACCESS,STREAM_PROXY_MAX_CONNECTIONS,STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS,STREAM_PROXY_MAX_CONNECTION_AGE_SECS,STREAM_PROXY_MAX_CONNECTION_AGE_GRACE_SECS,STREAM_PROXY_MAX_HTTP_CONNECTIONS,STREAM_PROXY_MAX_HTTP_CONNECTIONS_PER_ADDRESS,STREAM_PROXY_MAX_VIEWERS,STREAM_PROXY_MAX_VIEWERS_PER_ADDRESS,STREAM_PROXY_HTTP_IDLE_SECS,STREAM_PROXY_ALLOWED_HOSTS,STREAM_PROXY_MAX_STREAMS_PER_CONNECTION,STREAM_PROXY_MAX_STREAMS,STREAM_PROXY_MAX_STREAM_OPENINGS_PER_SEC,STREAM_PROXY_MAX_PENDING_REQUEST_MB,STREAM_PROXY_REQUEST_TIMEOUT_SECS,STREAM_PROXY_MAX_SYMBOLS,STREAM_PROXY_QUEUE_MEMORY_MB,STREAM_PROXY_RETAIN_MESSAGES,STREAM_PROXY_ORDER_JOURNAL_UPDATES,STREAM_PROXY_ORDER_JOURNAL_HOURS,STREAM_PROXY_DRAIN_SECS,STREAM_PROXY_WEBSOCKET_SLOW_SECS,STREAM_PROXY_STALLED_STREAM_SECS,STREAM_PROXY_STOCK_QUOTES_CAPACITY,STREAM_PROXY_STOCK_TRADES_CAPACITY,STREAM_PROXY_STOCK_BARS_CAPACITY,STREAM_PROXY_STOCK_UPDATED_BARS_CAPACITY,STREAM_PROXY_STOCK_DAILY_BARS_CAPACITY,STREAM_PROXY_TRADING_STATUSES_CAPACITY,STREAM_PROXY_PRICE_BANDS_CAPACITY,STREAM_PROXY_TRADE_CORRECTIONS_CAPACITY,STREAM_PROXY_IMBALANCES_CAPACITY,STREAM_PROXY_OPTIONS_QUOTES_CAPACITY,STREAM_PROXY_OPTIONS_TRADES_CAPACITY,STREAM_PROXY_ORDER_UPDATES_CAPACITY,STREAM_PROXY_CRYPTO_QUOTES_CAPACITY,STREAM_PROXY_CRYPTO_TRADES_CAPACITY,STREAM_PROXY_CRYPTO_BARS_CAPACITY,STREAM_PROXY_CRYPTO_UPDATED_BARS_CAPACITY,STREAM_PROXY_CRYPTO_DAILY_BARS_CAPACITY,STREAM_PROXY_ORDERBOOKS_CAPACITY,STREAM_PROXY_NEWS_CAPACITY,STREAM_PROXY_WEBSOCKET_CAPACITY,ALPACA_API_KEY,ALPACA_API_KEY_ID,ALPACA_KEY_ID,APCA_API_KEY,ALPACA_API_SECRET,ALPACA_API_SECRET_KEY,ALPACA_SECRET_KEY,APCA_API_SECRET,ALPACA_ENV,ALPACA_LIVE,ALPACA_PAPER,CREAM_ENVIRONMENT,STREAM_PROXY_ENV,ALPACA_BASE_URL,ALPACA_API_BASE_URL,APCA_API_BASE_URL,APCA_API_DATA_URL,APCA_DATA_URL,APCA_API_STREAM_URL,ALPACA_DATA_FEED,ALPACA_STOCK_FEED,STREAM_PROXY_PORT,STREAM_PROXY_LOG_LEVEL,OTEL_DENO,OTEL_DENO_CONSOLE,WS_*", \
     "--allow-net=0.0.0.0:50052,0.0.0.0:8765,0.0.0.0:8082,0.0.0.0:9090,stream.data.alpaca.markets:443,data.alpaca.markets:443,api.alpaca.markets:443,paper-api.alpaca.markets:443", \
     "/app/src/start.ts"]
# <<< command
