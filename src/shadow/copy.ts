// One request that is copied, from the first byte of its answer to the bucket in which it is counted.
//
// The copy of the primary's answer grows while the client is served → when all of it has gone out: is this asked at all, is
// there a place → the other side answers → compared, on another thread unless the bytes are the same → counted, once. Of some,
// legacy is asked once more a while later, so that it is known how it differs from itself; legacy also where new is the primary,
// because a new side that is random where legacy is not would teach its own fault away.
import { BodyCopier } from '../compare/body-copy.ts'
import type {
  AnswerCopy,
  Asked,
  ComparePolicy,
  Finding,
  ShadowPolicy,
  ShadowResult,
  UnaskedReason,
} from '../model/comparison.ts'
import type { HeaderList } from '../model/exchange.ts'
import { type Member, NOWHERE } from '../model/roster.ts'
import type { Side } from '../model/route.ts'
import type { Bytes, Milliseconds } from '../model/units.ts'
import { isSafe } from '../routing/decide.ts'
import { isDirected, isOfCondition, otherSide } from './eligible.ts'
import type { Account } from './memory.ts'
import type { Copying, Original, PrimaryEnd } from './original.ts'
import type { Desk } from './shadow.ts'
import { whySuspend } from './suspensions.ts'

/** Of an answer whose primary is not there yet to say how long it should be. */
const MOST_READ_BYTES: Bytes = 64 * 1024 * 1024
/** After the other side's answer: second-grained clocks have to be at least as far apart as between the sides. */
const REPEAT_AFTER_MS: Milliseconds = 2_200

const NO_BODY = new Uint8Array(0)

export interface Policies {
  readonly shadow: ShadowPolicy
  readonly compare: ComparePolicy
}

/** What came of asking: an answer, or the bucket that it means. */
type Reply =
  | { readonly answer: AnswerCopy; readonly ms: Milliseconds }
  | { readonly result: ShadowResult; readonly reason: UnaskedReason | null }

export class Copy implements Copying, Member {
  readonly original: Original
  readonly policies: Policies
  readonly #desk: Desk
  readonly #account: Account
  #request: BodyCopier | null
  #status = 0
  #headers: HeaderList = []
  #body: BodyCopier | null = null
  /** Why nothing will come of it. */
  #lost: UnaskedReason | null = null
  /** The other side, asked in parallel with the primary. */
  #early: Promise<Reply> | null = null
  #template: string | null = null
  #key: string | null | undefined
  /** It was counted. */
  #isOver = false
  place = NOWHERE

  constructor(desk: Desk, original: Original, policies: Policies) {
    this.#desk = desk
    this.original = original
    this.policies = policies
    this.#account = desk.memory.account()
    this.#request = original.bodyBytes === null ? null : new BodyCopier(policies.shadow.maxRequestBytes)
    if (policies.shadow.when === 'beside' && original.side === 'legacy' && this.#request === null) {
      const mayAsk = isDirected(policies.shadow, 'new') && !desk.isSuspended(this, 'new')
      if (mayAsk) this.#early = this.#ask('new', MOST_READ_BYTES)
      // It may not be waited for by anybody: the primary may fail.
      this.#early?.catch(desk.broken)
    }
  }

  get template(): string {
    this.#template ??= this.#desk.templateOf(this.original.head.target)
    return this.#template
  }

  /** Of the user; null: there is none. */
  get key(): string | null {
    if (this.#key === undefined) this.#key = this.original.sample().key
    return this.#key
  }

  // ---- Copying

  request(piece: Uint8Array): void {
    const body = this.#request
    if (body === null || this.#lost !== null) return
    if (body.length + piece.length > this.policies.shadow.maxRequestBytes) this.#lose('request_too_large')
    else if (!this.#account.hold(piece.length)) this.#lose('memory')
    else body.add(piece)
  }

  answered(status: number, headers: HeaderList): void {
    this.#status = status
    this.#headers = headers
    this.#body = new BodyCopier(this.policies.compare.maxBodyBytes)
  }

  piece(piece: Uint8Array): void {
    const body = this.#body
    if (body === null || this.#lost !== null) return
    const more = Math.min(piece.length, this.policies.compare.maxBodyBytes - body.length)
    if (more > 0 && !this.#account.hold(more)) this.#lose('memory')
    else body.add(piece)
  }

  over(end: PrimaryEnd): void {
    const result = this.#unasked(end)
    if (result !== null) {
      this.#end(result.result, result.reason)
      return
    }
    const primary = { status: this.#status, headers: this.#headers, body: (this.#body as BodyCopier).end(true) }
    this.#follow(primary, end).catch(error => {
      this.#desk.broken(error)
      this.#end('undecided', null)
    })
  }

  // ---- what becomes of it

  #unasked({ side, ending }: PrimaryEnd): { result: ShadowResult; reason: UnaskedReason | null } | null {
    if (ending === 'client_left') return { result: 'skipped', reason: 'client_left' }
    if (ending === 'failed' || this.#body === null) return { result: 'primary_error', reason: null }
    if (this.#lost !== null) {
      return { result: this.#lost === 'request_too_large' ? 'skipped' : 'dropped', reason: this.#lost }
    }
    if (!isDirected(this.policies.shadow, otherSide(side))) return { result: 'skipped', reason: 'direction' }
    if (isOfCondition(this.#status)) return { result: 'skipped', reason: 'not_comparable' }
    return null
  }

  async #follow(primary: AnswerCopy, end: PrimaryEnd): Promise<void> {
    const asked = otherSide(end.side)
    // What was asked early is the right side unless the primary has moved meanwhile.
    const early = end.side === this.original.side ? this.#early : null
    if (early === null && this.#suspends(primary, asked)) return this.#end('skipped', 'suspended')
    const reply = await (early ?? this.#ask(asked, primary.body.length))
    if ('result' in reply) return this.#end(reply.result, reply.reason)
    if (this.#suspends(reply.answer, asked)) return this.#end('skipped', 'suspended')
    const finding = await this.#desk.compare(this, end.side, primary, reply.answer)
    if (finding === null) return this.#end('dropped', 'queue')
    const legacy = end.side === 'legacy' ? primary : reply.answer
    const repeat = this.#desk.wantsRepeat(this) ? await this.#repeat(legacy) : null
    const [legacyMs, newMs] = end.side === 'legacy' ? [end.ms, reply.ms] : [reply.ms, end.ms]
    if (this.#isOver) return
    this.#isOver = true
    this.#account.close()
    const result = this.#desk.compared(this, { finding, repeat, legacyMs, newMs })
    if (result === 'divergent' || (result === 'undecided' && finding.result === 'different')) {
      this.#desk.askAgain(this, finding)
    }
  }

  /** Legacy against itself; null: it could not be asked. */
  async #repeat(first: AnswerCopy): Promise<Finding | null> {
    if (!isSafe(this.original.head.method)) return null
    await this.#desk.sleep(REPEAT_AFTER_MS)
    if (this.#desk.isSuspended(this, 'legacy')) return null
    const reply = await this.#ask('legacy', first.body.length)
    return 'result' in reply ? null : this.#desk.compareSelf(this, first, reply.answer)
  }

  async #ask(side: Side, primaryBytes: Bytes): Promise<Reply> {
    const asked = await this.ask(side, Math.max(primaryBytes, this.policies.compare.maxBodyBytes))
    if ('refused' in asked) return { result: 'dropped', reason: asked.refused }
    if (asked.kind === 'full') return { result: 'dropped', reason: 'memory' }
    if (asked.kind === 'answer') return asked
    return asked.ours ? { result: 'dropped', reason: 'concurrency' } : { result: 'candidate_error', reason: null }
  }

  /** One question to a side, within all bounds. */
  async ask(
    side: Side,
    readBytes: Bytes,
  ): Promise<Asked | { readonly kind: 'full' } | { readonly refused: UnaskedReason }> {
    const entered = this.#desk.enter(this, side)
    if ('refused' in entered) return entered
    const { shadow, compare } = this.policies
    const { bodyBytes } = this.original
    const body = bodyBytes === null ? null : (this.#request?.end(true).start ?? NO_BODY)
    const bounds = {
      timeoutMs: shadow.timeoutMs,
      keepBytes: compare.maxBodyBytes,
      readBytes,
      hold: this.#account.hold,
    }
    const asked = await this.original.ask(side, body, bounds)
    entered.leave(asked)
    return asked
  }

  /** The proxy ends: whatever it waits for, it is counted now. */
  stop(): void {
    this.#end('dropped', 'stopping')
  }

  /** Gives back what is held; nothing was counted. */
  close(): void {
    this.#account.close()
  }

  #suspends(answer: AnswerCopy, side: Side): boolean {
    if (this.#desk.isSuspended(this, side)) return true
    const why = whySuspend(answer, this.original.route)
    return why !== null && this.#desk.suspend(this, side, why)
  }

  #lose(reason: UnaskedReason): void {
    this.#lost = reason
    this.#body = this.#body === null ? null : new BodyCopier(0)
    this.#account.close()
  }

  #end(result: ShadowResult, reason: UnaskedReason | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#account.close()
    this.#desk.ended(this, result, reason)
  }
}
