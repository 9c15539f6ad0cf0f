// Proxies in this process, the second half of the alphabet.
import { room } from '../room.ts'

await room('e2e/[o-z]*.test.ts')
