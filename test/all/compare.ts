// Comparing two answers.
import { room } from '../room.ts'

await room('compare/**/*.test.ts')
