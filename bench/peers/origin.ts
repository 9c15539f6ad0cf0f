// Both backends of a bench, as one process: a legacy and a new side on two ports. Asked once, it starts and tells the ports.
import { serveCanned } from '../kit/canned.ts'
import { answerParent } from '../kit/children.ts'

export interface OriginPorts {
  readonly legacy: number
  readonly new: number
}

answerParent(async (): Promise<OriginPorts> => {
  return { legacy: await serveCanned('legacy', null), new: await serveCanned('new', null) }
})
