// deploy/compose.yaml, its routes.yaml, the balancer's file and the Dockerfile agree with each other.
//
// Tried by hand (2026-11-26), with HAProxy 2.6 and its file but for addresses, and 16 clients that post over kept connections: each
// of two replicas drained and started anew, 26,526 requests, none failed; one killed (SIGKILL): new connections went to the other.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { heapsOf, imageOf, mebibytesOf, portOf, ROOT, secondsOf, type Tree, textOf, yamlOf } from './read.ts'

const compose = yamlOf('deploy/compose.yaml')
const routes = yamlOf('deploy/compose/routes.yaml')
const balancer = textOf('deploy/compose/haproxy.cfg')
const image = imageOf(textOf('Dockerfile'))
const services = Object.entries<Tree>(compose.services)
const replicas = services.filter(([name]) => name.startsWith('banyan-'))
const proxyPort = portOf(routes.proxy.listen)
const healthPort = portOf(routes.health.listen)

t.test('two replicas, which differ by name and volume only', async t => {
  t.same(
    replicas.map(([name]) => name),
    ['banyan-1', 'banyan-2'],
  )
  for (const [name, { environment, volumes }] of replicas) {
    t.equal(environment.BANYAN_INSTANCE, name!)
    const [, data] = volumes
    t.equal(data, `data-${name.slice(-1)}:/data`)
    t.ok(data.split(':')[0] in compose.volumes)
  }
  const [first, second] = replicas.map(([, { environment, volumes, ...rest }]) => ({
    ...rest,
    environment: { ...environment, BANYAN_INSTANCE: '' },
    volumes: volumes.slice(0, 1),
  }))
  t.same(first, second)
})

t.test('what routes.yaml takes from the environment is there, and nothing has a value of its own', async t => {
  const [, { environment }] = replicas[0]!
  for (const [, name] of textOf('deploy/compose/routes.yaml').matchAll(/\$\{(\w+)\}/g))
    t.ok(name! in environment, name!)
  const text = textOf('deploy/compose.yaml').replace(/^ *#.*$/gm, '')
  const taken = [...text.matchAll(/\$\{(\w+)([^}]*)\}/g)]
  for (const [, name, rest] of taken) t.match(rest, /^:\?.+/, `${name} says what it is when it is not set`)
  for (const [, name] of taken) {
    t.match(textOf('deploy/compose.yaml'), new RegExp(`^#.*\\b${name}\\b`, 'm'), `${name} is in the instructions`)
  }
})

t.test('everything is read-only, without rights, and has a sign of life', async t => {
  for (const [name, service] of services) {
    t.equal(service.read_only, true, name!)
    t.same(service.cap_drop, ['ALL'], name!)
    t.same(service.security_opt, ['no-new-privileges:true'], name!)
    t.ok(service.healthcheck?.test?.length > 1, name!)
  }
})

t.test('what is for operators is on loopback only, and clients come in by the balancer', async t => {
  for (const [name, { ports = [] }] of services) {
    for (const port of ports) t.ok(name === 'balancer' || port.startsWith('127.0.0.1:'), `${name}: ${port}`)
  }
})

t.test('Prometheus scrapes every replica', async t => {
  const { scrape_configs, rule_files } = yamlOf('deploy/compose/prometheus.yml')
  const [{ job_name, static_configs }] = scrape_configs
  t.equal(job_name, 'banyan')
  t.same(
    static_configs[0].targets,
    replicas.map(([name]) => `${name}:${healthPort}`),
  )
  for (const [, { networks }] of replicas) t.ok('watch' in networks)
  const { networks, volumes } = compose.services.prometheus
  t.same(networks, ['watch'])
  t.ok(volumes.includes('./prometheus:/etc/banyan-rules:ro'))
  t.same(rule_files, ['/etc/banyan-rules/banyan.rules.yaml'])
})

t.test('times and room fit', async t => {
  const { grace, deadline } = routes.proxy.drain
  for (const [name, { stop_grace_period, mem_limit, cpus, environment }] of replicas) {
    t.ok(secondsOf(stop_grace_period) > secondsOf(grace) + secondsOf(deadline), `${name} may drain`)
    t.ok(cpus >= routes.proxy.workers, `${name} has a CPU for each worker`)
    // The rest is for buffers, which are not on the heap.
    t.ok(heapsOf(environment.NODE_OPTIONS, routes.proxy.workers) <= 0.75 * mebibytesOf(mem_limit), `${name}'s heaps`)
  }
})

t.test('the balancer asks for what routes.yaml offers', async t => {
  t.match(balancer, 'option httpchk GET /readyz')
  const servers = [...balancer.matchAll(/^ {2}server (\S+) (\S+):([0-9]+)$/gm)]
  t.same(
    servers.map(([, name, host, port]) => [name, host, Number(port)]),
    replicas.map(([name]) => [name, name, proxyPort]),
  )
  t.equal(Number(/check port ([0-9]+)/.exec(balancer)?.[1]), healthPort)
  t.equal(balancer.includes('send-proxy-v2'), routes.proxy.proxyProtocol)
  t.same(routes.proxy.clientIp.from, [compose.networks.front.ipam.config[0].subnet])
  // Two failed checks, and one that was just under way.
  const [, inter = '', fall = ''] = /inter ([0-9]+)ms.* fall ([0-9]+)/.exec(balancer) ?? []
  t.ok((Number(inter) * (Number(fall) + 1)) / 1000 < secondsOf(routes.proxy.drain.grace), 'it notices within the grace')
  const [published] = compose.services.balancer.ports
  t.match(balancer, new RegExp(`^ {2}bind :${portOf(published)}$`, 'm'))
})

t.test('peers find each other', async t => {
  const [, name, port] = routes.fleet.peers.split(':')
  for (const [, { networks }] of replicas) t.ok(networks.back.aliases.includes(name))
  t.equal(Number(port), portOf(routes.fleet.listen))
  t.equal(routes.fleet.directory, image('VOLUME')[0])
})

t.test('files that are named are there', async t => {
  for (const [name, { volumes = [], build }] of services) {
    for (const volume of volumes) {
      const [from] = volume.split(':')
      t.ok(from.startsWith('./') ? existsSync(join(ROOT, 'deploy', from)) : from in compose.volumes, `${name}: ${from}`)
    }
    if (build !== undefined) t.ok(existsSync(join(ROOT, 'deploy', build, 'Dockerfile')))
  }
  const [, , config] = JSON.parse(image('CMD')[0]!)
  t.equal(config, '/etc/banyan/routes.yaml')
  t.ok(replicas.every(([, { volumes }]) => volumes[0] === './compose:/etc/banyan:ro'))
})

const haproxy = spawnSync('haproxy', ['-v'])
const skip = haproxy.status === 0 ? false : 'there is no haproxy here'

t.test('haproxy takes its file', { skip }, async t => {
  const file = join(ROOT, 'deploy/compose/haproxy.cfg')
  const { status, stderr } = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
})
