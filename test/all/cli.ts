// The command line.
import { room } from '../room.ts'

await room('cli/**/*.test.ts')
