// What meets the traffic, and what has no room.
import { room } from '../room.ts'

await room('{proxy,upstream,doctor,telemetry}/**/*.test.ts', '*.test.ts')
