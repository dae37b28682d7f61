# keyslot-server in an image with nothing else in it: no shell, no package manager, not root.
#   docker build -t keyslot-server .
# docker-compose.yaml runs it with PostgreSQL; docs/self-hosting.md says the rest.

FROM node:20-bookworm-slim AS node

FROM rust:1.95-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
COPY . .
# The widget's files, which the server serves. The build also weighs them, which is for developers.
RUN npm run build || test -s dist/index.js
RUN cargo build --locked --release -p keyslot-server \
    && install -D target/release/keyslot-server /out/keyslot-server \
    && install -d -m 0700 /out/data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=nonroot:nonroot /out/keyslot-server /usr/local/bin/keyslot-server
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV KEYSLOT_LISTEN=0.0.0.0:3003 \
    KEYSLOT_DATA_DIR=/data
VOLUME /data
EXPOSE 3003
# nonroot, by its number: Kubernetes' runAsNonRoot cannot look names up.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/keyslot-server", "is-ready"]
ENTRYPOINT ["/usr/local/bin/keyslot-server"]
