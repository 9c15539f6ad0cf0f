// Reads Prometheus text (0.0.4) strictly: what a scraper would choke on is an error here.

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped'])
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/

/** Families by name. Throws on anything that is not as the format says. */
export function readPrometheus(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>()
  const seen = new Set<string>()
  let current: { name: string; type: string; help: string; samples: Sample[] } | null = null
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end')
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, help, words = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? []
    if (help !== undefined) {
      if (families.has(help)) throw new Error(`${help} comes twice`)
      current = { name: help, type: '', help: words, samples: [] }
      families.set(help, current)
      continue
    }
    const [, typed, type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed !== undefined) {
      if (typed !== current?.name || current.samples.length > 0 || !TYPES.has(type)) throw new Error(line)
      current.type = type
      continue
    }
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
    if (current === null || current.type === '' || !belongs(name, current)) throw new Error(`out of place: ${line}`)
    if (seen.has(`${name}{${labels}}`)) throw new Error(`twice: ${line}`)
    seen.add(`${name}{${labels}}`)
    current.samples.push({ name, labels: readLabels(labels), value: readValue(value) })
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family)
  return families
}

/** One value, or undefined when there is no such series. */
export function sampleOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = [...families.values()].flatMap(family => family.samples)
  return samples.find(
    sample =>
      sample.name === name &&
      Object.keys(sample.labels).length === Object.keys(labels).length &&
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )?.value
}

/** Every series without its value, sorted. */
export function seriesOf(families: ReadonlyMap<string, Family>, prefix: string): readonly string[] {
  return [...families.values()]
    .filter(family => family.name.startsWith(prefix))
    .flatMap(family => family.samples.map(sample => `${sample.name} ${JSON.stringify(sample.labels)}`))
    .sort()
}

function belongs(name: string, family: { readonly name: string; readonly type: string }): boolean {
  if (family.type !== 'histogram') return name === family.name
  return ['_bucket', '_sum', '_count'].some(end => name === family.name + end)
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const match = LABEL.exec(rest)
    if (match === null) throw new Error(`labels: ${text}`)
    const [whole, name = '', value = ''] = match
    if (name in labels) throw new Error(`label ${name} twice: ${text}`)
    labels[name] = value
    rest = rest.slice(whole.length)
  }
  return labels
}

function readValue(text: string): number {
  if (/^[+-]?Inf$/.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  // Go reads it in any case; prom-client writes `Nan` where it has measured nothing yet.
  if (/^nan$/i.test(text)) return Number.NaN
  const value = Number(text)
  if (text === '' || Number.isNaN(value)) throw new Error(`value: ${text}`)
  return value
}

/** Buckets rise to +Inf, which is the count. */
function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, { last: number; le: number; count: number | null }>()
  for (const sample of samples) {
    const { le, ...rest } = sample.labels
    const key = JSON.stringify(rest)
    const one = series.get(key) ?? { last: 0, le: Number.NEGATIVE_INFINITY, count: null }
    series.set(key, one)
    if (sample.name === `${name}_bucket`) {
      const bound = readValue(le ?? '')
      if (bound <= one.le || sample.value < one.last) throw new Error(`${name}${key}: buckets do not rise at ${le}`)
      one.le = bound
      one.last = sample.value
    }
    if (sample.name === `${name}_count`) one.count = sample.value
  }
  for (const [key, { le, last, count }] of series) {
    if (le !== Number.POSITIVE_INFINITY || last !== count) throw new Error(`${name}${key}: +Inf is not the count`)
  }
}
