// The admin API of a proxy in this process.
import { room } from '../room.ts'

await room('e2e/admin-*.test.ts')
