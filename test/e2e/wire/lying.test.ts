// Lying backends against Banyan.
import t from 'tap'
import { CHAPTERS } from './catalogue.ts'
import { enforce } from './enforce.ts'

await enforce(t, CHAPTERS.lying)
