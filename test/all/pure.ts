// Rooms of the lower floors.
import { room } from '../room.ts'

await room('{config,routing,model,evidence,wire,inventory,metrics}/**/*.test.ts')
