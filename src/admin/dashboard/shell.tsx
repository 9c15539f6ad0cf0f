// The frame around every page: which instance this is, how fresh what is shown is, going back at once, who is signed in.
import { useEffect, useState } from 'preact/hooks'
import { ActionsHost, RollbackButton, RollbackReason } from './actions.tsx'
import { FleetPage } from './fleet.tsx'
import { HelpDialog } from './help.tsx'
import { type Live, STALE_MS, signOut, useLive, useNow } from './live.ts'
import { placeText, usePlace } from './place.ts'
import { RoutePage } from './route-page.tsx'
import { SignIn } from './sign-in.tsx'
import { ThemeButton } from './theme.tsx'
import { many, spanText } from './words.ts'

export function Shell() {
  const live = useLive()
  const place = usePlace()
  const [isHelp, setHelp] = useState(false)
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.key === '?') setHelp(true)
      else if (event.key === '/') focusOn('[data-key="/"]', event)
      else if (event.key === 'f') location.hash = placeText({})
      else if (event.key === 'w') focusOn('[data-key="w"]', event, true)
      else if (event.key === 'R') focusOn('[data-key="R"]', event)
      else if (event.key === 'j' || event.key === 'k') step(event.key === 'j' ? 1 : -1)
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
  useEffect(() => {
    document.title = titleOf(live, place.route)
  }, [live, place.route])

  if (live.who === undefined) return <Waiting trouble={live.trouble} />
  if (live.who === null) return <SignIn />
  return (
    <ActionsHost>
      <Top live={live} onHelp={() => setHelp(true)} />
      {live.status === null ? (
        <Waiting trouble={live.trouble} />
      ) : place.route === null ? (
        <FleetPage live={live} status={live.status} place={place} />
      ) : (
        <RoutePage key={place.route} live={live} status={live.status} place={place} id={place.route} />
      )}
      {isHelp && <HelpDialog onClose={() => setHelp(false)} />}
    </ActionsHost>
  )
}

function Top({ live, onHelp }: { readonly live: Live; readonly onHelp: () => void }) {
  const { status, who } = live
  return (
    <header class="top">
      <a class="skip" href="#main">
        Skip to content
      </a>
      <a class="brand" href={placeText({})} title="All routes">
        <span class="mark" aria-hidden="true" />
        Banyan
      </a>
      {status !== null && (
        <span class="instance" title={`${status.product} ${status.version}, revision ${status.revision}`}>
          <b class="cut">{status.instance}</b>
          <span class="dim"> {replicasText(live)}</span>
        </span>
      )}
      <Freshness live={live} />
      <span class="spring" />
      {status !== null && <RollbackReason who={who} />}
      {status !== null && <RollbackButton route={null} who={who} />}
      <ThemeButton />
      <button type="button" class="quiet" onClick={onHelp} aria-label="Help and keys" title="Help and keys (?)">
        ?
      </button>
      <button type="button" class="quiet" onClick={() => void signOut()} title={`Signed in as ${who?.name ?? ''}`}>
        <span class="cut who">{who?.name}</span> <span class="dot dim">· </span>
        <span class="dim">sign out</span>
      </button>
    </header>
  )
}

function replicasText({ status }: Live): string {
  if (status === null) return ''
  const { replicas, workers, store } = status
  const state = status.state === 'ready' ? '' : ` · ${status.state}`
  const fleet = replicas.length > 1 ? ` · ${many(replicas.length, 'replica')}` : ''
  return `v${status.version}${fleet} · ${many(workers.length, 'worker')} · ${store.kind}${store.healthy ? '' : ' (unhealthy)'}${state}`
}

/** Old figures are worse than none, unless they say that they are old. */
function Freshness({ live }: { readonly live: Live }) {
  const now = useNow(1_000)
  const ageMs = now - live.heardAt
  const isStale = live.heardAt > 0 && ageMs > STALE_MS
  useEffect(() => {
    document.documentElement.classList.toggle('stale', isStale)
  }, [isStale])
  const [sign, text] = isStale
    ? ['○', `stale: ${spanText(ageMs)} old, ${live.link === 'lost' ? 'Banyan cannot be reached' : 'no figures come'}`]
    : live.link === 'polled'
      ? ['◌', 'asked every 5 s']
      : live.link === 'live'
        ? ['●', 'live']
        : ['○', live.link === 'lost' ? 'reconnecting' : 'opening']
  return (
    <span class={`freshness ${isStale ? 'is-stale' : live.link}`} role="status">
      <span aria-hidden="true">{sign}</span> {text}
      {live.isOutdated && (
        <button type="button" class="link" onClick={() => location.reload()}>
          another version runs now: reload the page
        </button>
      )}
    </span>
  )
}

function Waiting({ trouble }: { readonly trouble: string | null }) {
  return (
    <main id="main" class="waiting" aria-busy={trouble === null}>
      {trouble === null ? <p class="dim">Asking …</p> : <p role="alert">{trouble}. It is tried again.</p>}
    </main>
  )
}

function titleOf(live: Live, route: string | null): string {
  const wrong = live.status?.routes.filter(({ attention }) => attention.level === 'wrong').length ?? 0
  const where = route ?? live.status?.instance
  return `${wrong > 0 ? `(${wrong}) ` : ''}${where === undefined ? '' : `${where} · `}Banyan`
}

function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLElement && (target.matches('input, textarea, select') || target.closest('dialog') !== null)
  )
}

/** The first that is on screen; Enter does the rest, so that no single key changes anything. */
function focusOn(selector: string, event: KeyboardEvent, andClick = false): void {
  const inRow = document.activeElement?.closest('tr')?.querySelector<HTMLElement>(selector)
  const found = inRow ?? document.querySelector<HTMLElement>(selector)
  if (found === null || found === undefined) return
  event.preventDefault()
  found.focus()
  if (andClick) found.click()
}

function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  links[at === -1 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus()
}
