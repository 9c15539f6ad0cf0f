// What decides, keeps and shows.
import { room } from '../room.ts'

await room('{admin,control,fleet,shadow,charts}/**/*.test.ts')
