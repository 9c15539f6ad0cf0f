// Answers against Banyan: fields, bodies, trailers, interim answers, and what the proxy says by itself.
import t from 'tap'
import { CHAPTERS } from './catalogue.ts'
import { enforce } from './enforce.ts'

await enforce(t, CHAPTERS.answers)
