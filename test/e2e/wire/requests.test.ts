// Requests against Banyan: heads, targets, Host, limits, fields, pipelining.
import t from 'tap'
import { CHAPTERS } from './catalogue.ts'
import { enforce } from './enforce.ts'

await enforce(t, CHAPTERS.requests)
