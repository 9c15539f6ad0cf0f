// What goes over the wire, chapter by chapter.
import { room } from '../room.ts'

await room('e2e/wire/*.test.ts')
