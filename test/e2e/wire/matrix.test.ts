// The matrix against Banyan: methods × framings × Connection × patterns of writing, with victims.
import t from 'tap'
import { CHAPTERS } from './catalogue.ts'
import { enforce } from './enforce.ts'

await enforce(t, CHAPTERS.matrix)
