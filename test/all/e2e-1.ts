// Proxies in this process, the first half of the alphabet.
import { room } from '../room.ts'

await room('e2e/[b-n]*.test.ts')
