// The manifests of deploy/kubernetes, its routes.yaml and the Dockerfile agree with each other.
import { spawnSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporary } from '../e2e/harness.ts'
import {
  documentsOf,
  filesOf,
  heapsOf,
  imageOf,
  mebibytesOf,
  portOf,
  ROOT,
  secondsOf,
  type Tree,
  textOf,
  yamlOf,
} from './read.ts'

const FOLDER = 'deploy/kubernetes'
const kustomization = yamlOf(`${FOLDER}/kustomization.yaml`)
const routes = yamlOf(`${FOLDER}/routes.yaml`)
const image = imageOf(textOf('Dockerfile'))
const all: readonly Tree[] = kustomization.resources.flatMap((file: string) => documentsOf(`${FOLDER}/${file}`))
const of = (kind: string, name: string): Tree =>
  all.find(one => one.kind === kind && one.metadata.name === name) ?? t.fail(`no ${kind} ${name}`)
const deployment = of('Deployment', 'banyan').spec
const pod = deployment.template.spec
const [container] = pod.containers
const labels = deployment.template.metadata.labels
const portNamed = (name: string): number =>
  container.ports.find((port: Tree) => port.name === name)?.containerPort ?? Number.NaN

t.test('the kustomization has every file', async t => {
  const taken = [...kustomization.resources, ...kustomization.configMapGenerator.flatMap((one: Tree) => one.files)]
  const left = ['kustomization.yaml', 'secret.example.yaml']
  t.same(
    [...taken, ...left].map(file => `${FOLDER}/${file}`).sort(),
    filesOf(FOLDER, '.yaml').filter(file => !file.endsWith('/secret.yaml') && !file.includes('/monitoring/')),
  )
  const names = kustomization.images.map((one: Tree) => one.name)
  t.same(names, [container.image])
  const [{ newTag }] = kustomization.images
  t.equal(newTag, JSON.parse(textOf('package.json')).version)
})

const kubectl = spawnSync('kubectl', ['kustomize', '--help'])
const skip = kubectl.status === 0 ? false : 'there is no kubectl here'

t.test('kubectl makes manifests of it', { skip }, async t => {
  const { status, stderr, stdout } = spawnSync('kubectl', ['kustomize', join(ROOT, FOLDER)], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  for (const { kind } of all) t.match(stdout, new RegExp(`^kind: ${kind}$`, 'm'))
})

t.test('kubectl makes manifests of it with the component', { skip }, async t => {
  const folder = temporary(t)
  cpSync(join(ROOT, FOLDER), folder, { recursive: true })
  const file = `${FOLDER}/kustomization.yaml`
  writeFileSync(join(folder, 'kustomization.yaml'), textOf(file).replace('# components:', 'components:'))
  const { status, stderr, stdout } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  for (const kind of ['ServiceMonitor', 'PrometheusRule']) {
    const made = stdout.split(/^---$/m).find(one => new RegExp(`^kind: ${kind}$`, 'm').test(one))
    t.match(made, /^ {2}namespace: banyan$/m)
  }
})

t.test('Prometheus is told of every replica, by the name that the rules ask for', async t => {
  const [service, monitor] = documentsOf(`${FOLDER}/monitoring/scrape.yaml`)
  t.same(service.spec.selector, labels)
  t.equal(service.spec.publishNotReadyAddresses, true)
  t.same(monitor.spec.selector.matchLabels, service.metadata.labels)
  t.equal(service.metadata.labels[monitor.spec.jobLabel], 'banyan')
  const [{ name, port, targetPort }] = service.spec.ports
  t.equal(port, portNamed(targetPort))
  t.same(
    monitor.spec.endpoints.map((one: Tree) => [one.port, one.path]),
    [[name, '/metrics']],
  )
  for (const other of all.filter(({ kind }) => kind === 'Service'))
    t.notOk(other.metadata.labels, 'nobody is scraped twice')
})

t.test('ports are the same everywhere', async t => {
  t.equal(portNamed('http'), portOf(routes.proxy.listen))
  t.equal(portNamed('health'), portOf(routes.health.listen))
  t.equal(portNamed('fleet'), portOf(routes.fleet.listen))
  const exposed = image('EXPOSE')[0]?.split(' ').map(Number)
  t.same(
    container.ports.map((port: Tree) => port.containerPort),
    exposed,
  )
  t.match(routes.admin.listen, /^127\.0\.0\.1:/)
})

t.test('probes: alive is not ready, and neither asks for more than this process', async t => {
  const asked = (probe: Tree) => `${probe.httpGet.port} ${probe.httpGet.path}`
  t.equal(asked(container.readinessProbe), 'health /readyz')
  t.equal(asked(container.livenessProbe), 'health /healthz')
  t.equal(asked(container.startupProbe), 'health /healthz')
  const { periodSeconds, failureThreshold } = container.readinessProbe
  t.ok(periodSeconds * (failureThreshold + 1) < secondsOf(routes.proxy.drain.grace), 'it is seen within the grace')
})

t.test('a replica may drain, and another is there before it goes', async t => {
  const { grace, deadline } = routes.proxy.drain
  t.ok(pod.terminationGracePeriodSeconds > secondsOf(grace) + secondsOf(deadline))
  t.ok(deployment.replicas >= 2)
  t.equal(deployment.strategy.rollingUpdate.maxUnavailable, 0)
  t.ok(deployment.strategy.rollingUpdate.maxSurge >= 1)
  t.equal(of('PodDisruptionBudget', 'banyan').spec.maxUnavailable, 1)
})

t.test('selectors find the pods', async t => {
  t.same(deployment.selector.matchLabels, labels)
  t.same(of('Service', 'banyan').spec.selector, labels)
  t.same(of('Service', 'banyan-peers').spec.selector, labels)
  t.same(of('PodDisruptionBudget', 'banyan').spec.selector.matchLabels, labels)
  t.same(of('NetworkPolicy', 'banyan').spec.podSelector.matchLabels, labels)
  for (const { labelSelector } of pod.topologySpreadConstraints) t.same(labelSelector.matchLabels, labels)
})

t.test('services lead to ports of the container', async t => {
  for (const service of all.filter(({ kind }) => kind === 'Service')) {
    for (const { name, targetPort } of service.spec.ports) t.ok(portNamed(targetPort) > 0, name!)
  }
  const [, name, port] = routes.fleet.peers.split(':')
  const peers = of('Service', name).spec
  t.equal(peers.clusterIP, 'None')
  t.equal(peers.publishNotReadyAddresses, true)
  t.equal(peers.ports[0].port, Number(port))
  t.equal(Number(port), portNamed('fleet'), 'a headless name leads to the port of the pod')
})

t.test('the network policy opens three ports, of which replicas alone may use one', async t => {
  const { ingress } = of('NetworkPolicy', 'banyan').spec
  const rules = new Map<string, Tree>(ingress.map((rule: Tree) => [rule.ports[0].port, rule]))
  t.same([...rules.keys()], ['http', 'health', 'fleet'])
  t.same(rules.get('fleet').from, [{ podSelector: { matchLabels: labels } }])
  t.equal(ingress.flatMap((rule: Tree) => rule.ports).length, 3)
})

t.test('it runs as nobody in particular, and writes to /data only', async t => {
  t.equal(pod.securityContext.runAsNonRoot, true)
  t.equal(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`, image('USER')[0])
  t.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault')
  t.equal(pod.automountServiceAccountToken, false)
  t.equal(pod.enableServiceLinks, false)
  t.same(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  const mounts = new Map(container.volumeMounts.map((one: Tree) => [one.mountPath, one]))
  const writable = container.volumeMounts.filter((one: Tree) => one.readOnly !== true)
  t.same(
    writable.map((one: Tree) => one.mountPath),
    image('VOLUME'),
  )
  t.equal(routes.fleet.directory, image('VOLUME')[0])
  t.notOk((mounts.get('/etc/banyan') as Tree).subPath, 'a changed ConfigMap arrives')
  t.same(
    new Set(container.volumeMounts.map((one: Tree) => one.name)),
    new Set(pod.volumes.map((one: Tree) => one.name)),
  )
})

t.test('the ConfigMap is the file that is started', async t => {
  const [generated] = kustomization.configMapGenerator
  t.equal(generated.name, pod.volumes.find((one: Tree) => one.name === 'routes').configMap.name)
  t.same(generated.files, ['routes.yaml'])
  t.same(container.args, JSON.parse(image('CMD')[0]!))
  t.equal(routes.watch, true)
})

t.test('what routes.yaml takes from the environment is there, and secrets come from the Secret', async t => {
  const variables = new Map<string, Tree>(container.env.map((one: Tree) => [one.name, one]))
  for (const [, name] of textOf(`${FOLDER}/routes.yaml`).matchAll(/\$\{(\w+)\}/g)) t.ok(variables.has(name!), name!)
  t.equal(variables.get('BANYAN_INSTANCE').valueFrom.fieldRef.fieldPath, 'metadata.name')
  const example = yamlOf(`${FOLDER}/secret.example.yaml`)
  const taken = container.env.flatMap((one: Tree) => one.valueFrom?.secretKeyRef ?? [])
  t.same(new Set(taken.map((one: Tree) => one.name)), new Set([example.metadata.name]))
  t.same(taken.map((one: Tree) => one.key).sort(), Object.keys(example.stringData).sort())
  t.ok(
    Object.values<string>(example.stringData).every(value => value.includes('<')),
    'no value of the example could be used',
  )
  for (const { key } of taken) t.match(textOf(`${FOLDER}/README.md`), key)
})

t.test('CPUs and memory fit the workers', async t => {
  const { requests, limits } = container.resources
  t.equal(Number(requests.cpu), routes.proxy.workers)
  t.equal(limits.cpu, undefined)
  const options = container.env.find((one: Tree) => one.name === 'NODE_OPTIONS').value
  t.ok(heapsOf(options, routes.proxy.workers) <= 0.75 * mebibytesOf(limits.memory), 'heaps leave room for buffers')
})
