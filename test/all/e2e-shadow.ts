// Shadows of a proxy in this process.
import { room } from '../room.ts'

await room('e2e/shadow/*.test.ts')
