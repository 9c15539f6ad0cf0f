// Stores, and what the processes of one Banyan say to each other.
import { room } from '../room.ts'

await room('{store,plane}/**/*.test.ts')
