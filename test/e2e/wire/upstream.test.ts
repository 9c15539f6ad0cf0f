// Upstream connections against Banyan: retries, bound connections, answers that nobody asked for.
import t from 'tap'
import { CHAPTERS } from './catalogue.ts'
import { enforce } from './enforce.ts'

await enforce(t, CHAPTERS.upstream)
