// Documents, deployment and examples.
import { room } from '../room.ts'

await room('{docs,deploy,examples,bench,fuzz}/**/*.test.ts')
