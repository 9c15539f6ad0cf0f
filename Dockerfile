# Builds from a checkout: docker build -t banyan .
# Runs: docker run -p 8080:8080 -v ./routes.yaml:/etc/banyan/routes.yaml:ro -v banyan:/data banyan
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
COPY examples examples
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="banyan" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /opt/banyan
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/bin bin
# The store and the first token live in /data; everything else may be read-only.
RUN install -d -o node -g node -m 0700 /data
USER node
WORKDIR /data
VOLUME /data
# Data and health. The admin listener stays on loopback: docker exec … banyan status
EXPOSE 8080 9901
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9901/healthz').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/banyan/bin/banyan.js"]
CMD ["start", "-c", "/etc/banyan/routes.yaml"]
