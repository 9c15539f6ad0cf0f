// The peer haproxy: the same split, in the foreground, on one thread. The system's service is not touched.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, type Children, PROXY_CORE } from '../kit/children.ts'
import { freePort, listening } from '../kit/ports.ts'
import type { OriginPorts } from './origin.ts'

export interface HAProxy {
  readonly child: Child
  readonly port: number
}

/** `haproxy/2.6.12`, or null where it is not installed. */
export function haproxyVersion(): string | null {
  const { error, stdout } = spawnSync('haproxy', ['-v'], { encoding: 'utf8' })
  return error === undefined ? `haproxy/${/version ([\d.]+)/i.exec(stdout)?.[1] ?? '?'}` : null
}

export async function startHAProxy(children: Children, directory: string, origin: OriginPorts): Promise<HAProxy> {
  const place = join(directory, 'haproxy')
  mkdirSync(place)
  const port = await freePort()
  const file = join(place, 'haproxy.cfg')
  writeFileSync(file, configuration(port, origin))
  const child = children.start('haproxy', ['haproxy', '-db', '-f', file], { core: PROXY_CORE, cwd: place })
  await listening(child, port, 10_000)
  return { child, port }
}

function configuration(port: number, origin: OriginPorts): string {
  return `
global
  maxconn 2000
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  http-reuse always
  option forwardfor
frontend in
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  use_backend new if { req.hdr(x-user-id),crc32(1),mod(100) lt 50 }
  default_backend legacy
backend legacy
  server one 127.0.0.1:${origin.legacy}
backend new
  server one 127.0.0.1:${origin.new}
`
}
