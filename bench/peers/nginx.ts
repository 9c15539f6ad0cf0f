// The peer nginx: the same split, in the foreground, from a directory of its own. The system's service is not touched.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, type Children, PROXY_CORE } from '../kit/children.ts'
import { childrenOf } from '../kit/cpu.ts'
import { freePort, listening } from '../kit/ports.ts'
import type { OriginPorts } from './origin.ts'

export interface Nginx {
  readonly child: Child
  readonly port: number
  /** The master does no work: only its workers count. */
  workers(): readonly number[]
}

/** `nginx/1.22.1`, or null where it is not installed. */
export function nginxVersion(): string | null {
  const { error, stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' })
  return error === undefined ? (/nginx\/[\d.]+/.exec(stderr)?.[0] ?? 'nginx') : null
}

/** `more`: lines for its location. */
export async function startNginx(
  children: Children,
  directory: string,
  origin: OriginPorts,
  more: readonly string[] = [],
): Promise<Nginx> {
  const place = join(directory, 'nginx')
  mkdirSync(place)
  const port = await freePort()
  const file = join(place, 'nginx.conf')
  writeFileSync(file, configuration(place, port, origin, more))
  const child = children.start('nginx', ['nginx', '-p', place, '-c', file, '-e', 'stderr'], { core: PROXY_CORE })
  await listening(child, port, 10_000)
  return { child, port, workers: () => childrenOf(child.pid) }
}

function configuration(place: string, port: number, origin: OriginPorts, more: readonly string[]): string {
  return `
daemon off;
worker_processes 1;
pid ${place}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  # Debian's build wants these directories even when nothing is buffered to disk.
  client_body_temp_path ${place}/body;
  proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/fastcgi;
  uwsgi_temp_path ${place}/uwsgi;
  scgi_temp_path ${place}/scgi;
  # Its defaults would close connections every 1000 requests.
  keepalive_requests 1000000000;
  split_clients $http_x_user_id $side {
    50% new;
    *   legacy;
  }
  map $side $other { new legacy; default new; }
  upstream legacy { server 127.0.0.1:${origin.legacy}; keepalive 128; keepalive_requests 1000000000; }
  upstream new    { server 127.0.0.1:${origin.new};    keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://$side;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      ${more.join('\n      ')}
    }
    # For \`mirror\`: the other side is asked the same.
    location = /mirror {
      internal;
      proxy_pass http://$other$request_uri;
      proxy_http_version 1.1;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`
}
