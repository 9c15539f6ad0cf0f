// Lifetimes against Banyan: leaving, cuts, early answers, streams, upgrades.
import t from 'tap'
import { CHAPTERS } from './catalogue.ts'
import { enforce } from './enforce.ts'

await enforce(t, CHAPTERS.lifetime)
