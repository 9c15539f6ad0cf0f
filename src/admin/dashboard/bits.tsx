// Small things that several pages show: sides, splits, moments, chips, what to copy.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Status } from '../api.ts'
import { type CallName, type CallOptions, callText } from './call.ts'
import { Dialog } from './dialog.tsx'
import { useNow } from './live.ts'
import { percentText, spanText, utcText } from './words.ts'

type Row = Status['routes'][number]

/** UTC, and this machine's time for who points at it. */
export function Moment({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={`${new Date(at).toLocaleString()} here`}>
      {utcText(at)} UTC
    </time>
  )
}

export function Ago({ at }: { readonly at: number }) {
  const now = useNow(10_000)
  return (
    <time dateTime={new Date(at).toISOString()} title={`${utcText(at)} UTC · ${new Date(at).toLocaleString()} here`}>
      {spanText(now - at)} ago
    </time>
  )
}

/** Filled as observed, with a tick at what is desired; the numbers say the same. */
export function Split({ row, isLarge = false }: { readonly row: Row; readonly isLarge?: boolean }) {
  const { desired, effective } = row
  // A handful of requests says nothing of a share.
  const observed = row.observedRequests < FEWEST_SEEN ? null : row.observed
  const isOneSided = row.state === 'legacy-only' || row.state === 'new-only'
  const shown = isOneSided ? (row.state === 'new-only' ? 100 : 0) : (observed ?? effective)
  return (
    <div class={isLarge ? 'split large' : 'split'}>
      <div class="bar" aria-hidden="true">
        <i style={{ width: `${shown}%` }} />
        {!isOneSided && <b style={{ left: `${desired}%` }} />}
      </div>
      {isOneSided ? (
        <span class="numbers">{row.state === 'new-only' ? 'new only' : 'legacy only'}</span>
      ) : (
        <span class="numbers">
          <span title="effective: the percent of users on new that is in force">
            <b>{percentText(effective)}</b>
            {isLarge && ' effective'}
          </span>
          {(desired !== effective || isLarge) && (
            <span
              class={desired === effective ? 'dim' : 'differs'}
              title="desired: the operator’s word, else the file’s"
            >
              {' '}
              · {percentText(desired)} desired
            </span>
          )}
          <span
            class="dim"
            title={
              observed === null
                ? 'fewer than 20 requests were decided by weight in the last minute, or since the last change'
                : 'observed: of the last minute’s requests, of which some users make more than others'
            }
          >
            {' '}
            ·{' '}
            {observed === null
              ? '– observed'
              : `${percentText(observed < 1 ? observed : Math.round(observed))} observed`}
          </span>
        </span>
      )}
    </div>
  )
}

/** Requests. */
const FEWEST_SEEN = 20

const STATES: Readonly<Partial<Record<Row['state'], readonly [sign: string, text: string]>>> = {
  'rolled-back': ['↩', 'rolled back'],
  held: ['‖', 'held'],
  frozen: ['❄', 'frozen'],
}

export function Phase({ row }: { readonly row: Row }) {
  const state = STATES[row.state]
  return (
    <span class="chips">
      {row.state !== 'rolled-back' && <span class={`chip phase-${row.phase}`}>{row.phase}</span>}
      {state !== undefined && (
        <span class={`chip state-${row.state}`}>
          <span aria-hidden="true">{state[0]}</span> {state[1]}
        </span>
      )}
    </span>
  )
}

const LEVELS = { wrong: ['▲', 'wrong'], look: ['◆', 'look'], none: ['', ''] } as const

export function Level({ level }: { readonly level: Row['attention']['level'] }) {
  const [sign, text] = LEVELS[level]
  if (sign === '') return null
  return (
    <span class={`level ${level}`} title={text}>
      <span aria-hidden="true">{sign}</span>
      <span class="unseen">{text}: </span>
    </span>
  )
}

export function SideName({ side }: { readonly side: 'legacy' | 'new' }) {
  return <span class={`side ${side}`}>{side}</span>
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

export interface CopyParts {
  /** What `banyan …` shows or does the same. */
  readonly cli: string
  readonly name: CallName
  readonly options?: CallOptions
}

export function CopyAs(parts: CopyParts) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button type="button" class="quiet" onClick={() => setOpen(true)} title="The same by command line or HTTP">
        CLI / curl
      </button>
      {isOpen && (
        <Dialog title="The same without this page" onClose={() => setOpen(false)}>
          <CopyLines {...parts} />
        </Dialog>
      )}
    </>
  )
}

export function CopyLines({ cli, name, options = {} }: CopyParts) {
  const { method, target } = callText(name, options)
  const body =
    options.body === undefined
      ? ''
      : ` \\\n  -H 'content-type: application/json' -d ${quoted(JSON.stringify(options.body))}`
  const curl = `curl -s${method === 'GET' ? '' : ` -X ${method}`} ${quoted(`${location.origin}${target}`)} \\\n  -H "authorization: Bearer $BANYAN_TOKEN"${body}`
  return (
    <div class="copy-lines">
      <CopyText label="Command line" text={cli} />
      <CopyText label="HTTP" text={curl} />
    </div>
  )
}

function CopyText({ label, text }: { readonly label: string; readonly text: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    // Absent where the page came without TLS from another host: then it is selected, and the keyboard copies.
    await navigator.clipboard?.writeText(text).then(() => setCopied(true))
  }
  return (
    <div class="copy-text">
      <span class="dim">{label}</span>
      <pre>{text}</pre>
      <button type="button" onClick={() => void copy()}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}

/** For a shell. */
export function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
