# Banyan on Node 24. State is in /data, the configuration in /etc/banyan/routes.yaml; nothing else is written, so the root file
# system may be read-only:
#   docker run --read-only -v banyan:/data -v ./routes.yaml:/etc/banyan/routes.yaml:ro -p 8080:8080 banyan
# One process, no shell in between: SIGTERM drains, SIGHUP reloads, SIGUSR2 sends everything to legacy.

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No scripts: the image has its Node already.
RUN npm ci --ignore-scripts --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY examples examples
RUN npm run build && find dist -name '*.map' -o -name '*.d.ts' | xargs rm

FROM node:24-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
# The optional ones are other copies of Node.
RUN npm ci --ignore-scripts --no-audit --omit=dev --omit=optional

FROM node:24-slim
LABEL org.opencontainers.image.title="Banyan" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
RUN install -d -o 1000 -g 1000 -m 700 /data && install -d /etc/banyan
WORKDIR /app
COPY LICENSE package.json ./
COPY bin/banyan.js bin/
COPY --from=packages /packages/node_modules node_modules
COPY --from=build /build/dist dist
# By number: Kubernetes can check that it is not root.
USER 1000:1000
# The store is beside where it runs: .banyan/ in here, also the first token (.banyan/admin.token).
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Alive, not ready: an orchestrator asks /readyz by itself. BANYAN_HEALTH where health.listen is another address.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch((process.env.BANYAN_HEALTH ?? 'http://127.0.0.1:9901') + '/healthz').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/banyan.js"]
CMD ["start", "-c", "/etc/banyan/routes.yaml"]
