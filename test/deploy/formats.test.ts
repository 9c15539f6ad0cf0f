// The files of deploy/ and the Dockerfile are what those who read them take: Kubernetes and its operator of Prometheus, compose,
// Docker. Strictly: a field that nobody knows is a mistake, as it is mostly a misspelt one.
//
// Manifests are checked twice: by the compiler, as literals of the published types, which finds unknown fields; and by the
// published validators, which know patterns and ranges.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { ValidationSeverity, type ValidatorSettings, validate } from 'dockerfile-utils'
import t, { type Test } from 'tap'
import { documentsOf, filesOf, ROOT, type Tree, textOf, yamlOf } from './read.ts'

/** Where each kind is published. */
const KINDS: Readonly<Record<string, string>> = {
  Namespace: 'kubernetes-models/v1',
  Service: 'kubernetes-models/v1',
  Secret: 'kubernetes-models/v1',
  Deployment: 'kubernetes-models/apps/v1',
  PodDisruptionBudget: 'kubernetes-models/policy/v1',
  NetworkPolicy: 'kubernetes-models/networking.k8s.io/v1',
  ServiceMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  PrometheusRule: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
}
/** Of no API: the command line's own, and what is mounted. */
const LOCAL = /\/(kustomization|routes)\.yaml$/

const manifests = filesOf('deploy/kubernetes', '.yaml')
  .filter(file => !LOCAL.test(file) && !file.endsWith('/secret.yaml'))
  .flatMap(file => documentsOf(file).map(manifest => ({ file, manifest })))

t.test('Kubernetes', { timeout: 180_000 }, async t => {
  t.same(new Set(manifests.map(({ manifest }) => manifest.kind)), new Set(Object.keys(KINDS)))
  t.equal(
    unknownOf(
      t,
      manifests.map(({ manifest }) => manifest),
    ),
    '',
  )
  for (const { file, manifest } of manifests) t.equal(await invalidOf(manifest), '', `${file}: ${manifest.kind}`)
})

t.test('mistakes in manifests are found', { timeout: 180_000 }, async t => {
  const planted = (kind: string, change: (manifest: Tree) => unknown) => {
    const manifest = structuredClone(manifests.find(one => one.manifest.kind === kind)?.manifest)
    change(manifest)
    return manifest
  }
  const found = unknownOf(t, [
    planted('Deployment', one => Object.assign(one.spec.template.spec.containers[0], { imagePullPolicies: 'Always' })),
    planted('Deployment', one => Object.assign(one.spec, { replicas: '3' })),
    planted('Namespace', one => Object.assign(one, { apiVersion: 'v2' })),
    planted('ServiceMonitor', one => Object.assign(one.spec.endpoints[0], { intervall: '5s' })),
    planted('PrometheusRule', one => Object.assign(one.spec.groups[0].rules[0], { annotation: {} })),
  ])
  for (const word of ['imagePullPolicies', "'string' is not assignable", '"v2"', 'intervall', '"annotation"'])
    t.match(found, word)
  const soon = planted('ServiceMonitor', one => Object.assign(one.spec.endpoints[0], { interval: 'soon' }))
  t.match(await invalidOf(soon), 'endpoints/0/interval')
})

t.test('kustomizations name files that are there', async t => {
  const { resources, components } = yamlOf('deploy/kubernetes/monitoring/kustomization.yaml')
  t.equal(components, undefined)
  t.same(resources.toSorted(), ['rules.yaml', 'scrape.yaml'])
  t.match(textOf('deploy/kubernetes/kustomization.yaml'), /^# components: \[monitoring\]$/m)
})

const schema = JSON.parse(readFileSync(join(ROOT, 'node_modules/dclint/schemas/compose.schema.json'), 'utf8'))
const compose = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile({
  ...schema,
  $schema: 'http://json-schema.org/draft-07/schema#',
})

t.test('compose', async t => {
  t.ok(compose(yamlOf('deploy/compose.yaml')), JSON.stringify(compose.errors))
  for (const change of [{ read_onli: true }, { cap_drop: 'ALL' }, { healthcheck: { intervall: '5s' } }]) {
    const planted = yamlOf('deploy/compose.yaml')
    Object.assign(planted.services.postgres, change)
    t.notOk(compose(planted), JSON.stringify(change))
  }
})

const STRICT: ValidatorSettings = {
  deprecatedMaintainer: ValidationSeverity.ERROR,
  directiveCasing: ValidationSeverity.ERROR,
  emptyContinuationLine: ValidationSeverity.ERROR,
  instructionCasing: ValidationSeverity.ERROR,
  instructionCmdMultiple: ValidationSeverity.ERROR,
  instructionEntrypointMultiple: ValidationSeverity.ERROR,
  instructionHealthcheckMultiple: ValidationSeverity.ERROR,
  instructionJSONInSingleQuotes: ValidationSeverity.ERROR,
  instructionWorkdirRelative: ValidationSeverity.ERROR,
}

t.test('the Dockerfile', async t => {
  const text = textOf('Dockerfile')
  const mistakes = (changed: string) => validate(changed, STRICT).map(({ message }) => message)
  t.same(mistakes(text), [])
  for (const [from, to] of [
    ['USER 1000:1000', 'USR 1000:1000'],
    ['--interval=10s', '--interval=10'],
    ['EXPOSE 8080', 'EXPOSE 8080x'],
    ['WORKDIR /data', 'WORKDIR data'],
    ['CMD ["start", "-c", "/etc/banyan/routes.yaml"]', "CMD ['start']"],
    ['COPY --from=build /build/dist', 'COPY --form=build /build/dist'],
    ['STOPSIGNAL SIGTERM', 'STOPSIGNAL'],
    ['ENTRYPOINT', 'CMD ["x"]\nENTRYPOINT'],
  ] as const) {
    t.match(text, from)
    t.ok(mistakes(text.replace(from, to)).length > 0, to)
  }
  const stages = [...text.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name]) => name)
  for (const [, name] of text.matchAll(/--from=(\S+)/g)) t.ok(stages.includes(name), name!)
})

/** What the compiler says of manifests that are written as literals of their types. */
function unknownOf(t: Test, all: readonly Tree[]): string {
  // Below the root, for the packages to be found.
  mkdirSync(join(ROOT, '.tap'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.tap/manifests-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const imports = Object.entries(KINDS).map(([kind, from]) => `import type { I${kind} } from '${from}/${kind}'`)
  const literals = all.map(
    (manifest, at) => `export const one${at}: I${manifest.kind} = ${JSON.stringify(manifest, null, 1)}`,
  )
  writeFileSync(join(folder, 'manifests.mts'), [...imports, ...literals].join('\n'))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: { noUnusedLocals: false },
      include: ['manifests.mts'],
    }),
  )
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { NODE_OPTIONS: _, ...env } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', env })
  return stdout + stderr
}

/** What the published validator says. */
async function invalidOf(manifest: Tree): Promise<string> {
  const { [manifest.kind]: Model } = await import(`${KINDS[manifest.kind]}/${manifest.kind}`)
  try {
    new Model(manifest).validate()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
