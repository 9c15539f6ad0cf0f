// The dashboard's files: read once, served from memory. They are the same for everybody and hold nothing; who may see what is
// asked by the calls that the page makes. Names of assets change with their contents, so browsers may keep them.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Beside the sources in a checkout, and in the package. */
const BUILT = [join(import.meta.dirname, '../../dist/dashboard'), join(import.meta.dirname, '../../dashboard')]
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A page that people come to by links of other sites. */
    readonly page?: true
  }
}

/** Nothing from outside, nothing inline, no text that becomes code: what a backend answered is shown here. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const NOT_BUILT = `<!doctype html><html lang="en"><title>Banyan</title><h1>The dashboard is not built here</h1>
<p>In a checkout: <code>npm ci &amp;&amp; npm run build:dashboard</code>. The API and the command line need nothing.</p>`

interface Page {
  readonly type: string
  readonly plain: Buffer
  readonly compressed: Buffer
  readonly etag: string
}

export function servePages(app: FastifyInstance): void {
  const pages = readPages()
  app.get('/', { config: { page: true } }, (request, reply) => {
    reply.header('Content-Security-Policy', POLICY).header('Cross-Origin-Opener-Policy', 'same-origin')
    const page = pages.get('index.html')
    if (page === undefined)
      return reply
        .code(503)
        .type(TYPES.html as string)
        .send(NOT_BUILT)
    reply.header('Cache-Control', 'no-cache')
    return sendPage(page, request, reply)
  })
  for (const [name, page] of pages) {
    if (name === 'index.html') continue
    app.get(`/assets/${name}`, (request, reply) => {
      reply.header('Cache-Control', 'public, max-age=31536000, immutable')
      return sendPage(page, request, reply)
    })
  }
}

function sendPage(page: Page, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.header('ETag', page.etag).header('Vary', 'Accept-Encoding')
  const known = String(request.headers['if-none-match'] ?? '')
  if (known === '*' || known.includes(page.etag)) return reply.code(304).send()
  reply.type(page.type)
  const accepted = String(request.headers['accept-encoding'] ?? '').split(',')
  const takesGzip = accepted.some(one => /^\s*gzip\s*(;|$)/i.test(one) && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(one))
  return takesGzip ? reply.header('Content-Encoding', 'gzip').send(page.compressed) : reply.send(page.plain)
}

/** Empty where it was not built. */
function readPages(): ReadonlyMap<string, Page> {
  const pages = new Map<string, Page>()
  for (const directory of BUILT) {
    for (const name of namesIn(directory)) {
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
      if (type === undefined) continue
      const plain = readFileSync(join(directory, name))
      const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 16)}"`
      pages.set(name, { type, plain, compressed: readFileSync(join(directory, `${name}.gz`)), etag })
    }
    if (pages.size > 0) break
  }
  return pages
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
