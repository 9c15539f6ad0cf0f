// The dashboard in a browser, which is started once.
import { room } from '../room.ts'

await room('browser/**/*.test.ts')
