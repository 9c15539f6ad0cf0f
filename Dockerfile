# Builds from a checkout: docker build -t banyan .
# Runs, with routes.yaml in ./etc; Docker would kill after 10 s, a drain may take 35:
#   docker run --read-only --cap-drop ALL --stop-timeout 45 -p 8080:8080 -v ./etc:/etc/banyan:ro -v banyan:/data banyan
#
# The final stage is Debian's slim base with one binary of Node: no npm, no compiler, no headers, no packages that only a
# build needs. It is not distroless, because breaking the glass must need nothing: `docker exec … touch /data/rollback` and
# `kubectl exec … -- sh -c "kill -USR2 1"` want a shell and coreutils.
ARG NODE=24.21.0
FROM node:${NODE}-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
COPY examples examples
# The Node of the image serves, so those of the optional packages stay out (CVE-2026-58044: bin/banyan.js refuses an old one).
RUN npm run build \
  && npm prune --omit=dev --omit=optional --ignore-scripts \
  && find dist node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
  && find node_modules -type d -empty -delete

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="banyan" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /build/package.json /opt/banyan/
COPY --from=build /build/node_modules /opt/banyan/node_modules
COPY --from=build /build/dist /opt/banyan/dist
COPY --from=build /build/bin /opt/banyan/bin
# `docker exec … banyan status`. /data is all that is ever written: the store, or beside PostgreSQL the local copy; the first token.
RUN ln -s /opt/banyan/bin/banyan.js /usr/local/bin/banyan \
  && groupadd --gid 1000 banyan \
  && useradd --uid 1000 --gid banyan --home-dir /data --no-create-home --shell /usr/sbin/nologin banyan \
  && install -d -o banyan -g banyan -m 0700 /data
ENV NODE_ENV=production
# As a number, so that Kubernetes can see that it is not root.
USER 1000:1000
WORKDIR /data
VOLUME /data
# Clients, health and, where `fleet.listen` says so, peers. The admin listener stays on loopback: docker exec … banyan status
EXPOSE 8080 9901 9902
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9901/healthz').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
# Without a shell between: Node is process 1, gets SIGTERM itself, and takes its workers down with it.
ENTRYPOINT ["node", "/opt/banyan/bin/banyan.js"]
CMD ["start", "-c", "/etc/banyan/routes.yaml"]
