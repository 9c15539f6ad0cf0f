// What does not count: a rule with its reason and its end, and before it is added, how much it would hide.
import { useEffect, useState } from 'preact/hooks'
import type { RuleAnswer, SignatureAnswer, TriedRule } from '../api-compare.ts'
import { useActions } from './actions.tsx'
import { CopyLines, Empty, Moment, quoted } from './bits.tsx'
import { call } from './call.ts'
import { type Live, may } from './live.ts'
import { useRead } from './read.ts'
import { pathsOf } from './rule-paths.ts'
import { countText, many } from './words.ts'

const ACTIONS = [
  ['ignore', 'ignore: what is there does not count'],
  ['unordered', 'unordered: the order of that list does not count'],
  ['idMap', 'idMap: ids may differ, if they do consistently'],
  ['expect', 'expect: the difference is wanted'],
] as const
const UNTIL = [
  ['7', 'a week'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['', 'no end'],
] as const
const TYPING_MS = 250
const DAY_MS = 86_400_000

interface FormParts {
  readonly id: string
  /** What it is for; null: any place. */
  readonly item: SignatureAnswer | null
  readonly live: Live
  readonly onAdded: () => void
}

export function RuleForm({ id, item, live, onAdded }: FormParts) {
  const { run } = useActions()
  const [action, setAction] = useState<(typeof ACTIONS)[number][0]>(item?.kind === 'order' ? 'unordered' : 'ignore')
  const [text, setText] = useState(() => (item === null ? '' : pathsOf(item).join('\n')))
  const [reason, setReason] = useState('')
  const [days, setDays] = useState('30')
  const [tried, setTried] = useState<TriedRule | null>(null)
  const [trouble, setTrouble] = useState<string | null>(null)
  const paths = text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  const rule = { [action]: paths.length === 1 ? paths[0] : paths }
  const until =
    days === '' ? {} : { until: new Date(Date.now() + Number(days) * DAY_MS).toISOString().replace(/\.\d+Z$/, 'Z') }
  const body = {
    ...rule,
    reason,
    ...until,
    ...(live.who === null || live.who === undefined ? {} : { owner: live.who.name }),
  }
  const key = JSON.stringify(rule)
  useEffect(() => {
    if (paths.length === 0) {
      setTried(null)
      setTrouble(null)
      return
    }
    const ended = new AbortController()
    const timer = setTimeout(() => {
      call('tryRule', { params: { id }, body: rule, signal: ended.signal }).then(
        found => {
          setTried(found)
          setTrouble(null)
        },
        error => {
          if (ended.signal.aborted) return
          setTried(null)
          setTrouble(error.message)
        },
      )
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
      ended.abort()
    }
  }, [id, key])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const isAdded = await run(
      'addRule',
      { params: { id }, body },
      {
        title: 'The rule counts from now on',
        undo: async applied => {
          const { rule: added } = applied as unknown as { readonly rule: RuleAnswer }
          await run('removeRule', { params: { id, rule: added.id } }, { title: 'Undone: the rule is gone' })
          onAdded()
        },
      },
    )
    if (isAdded) {
      setReason('')
      onAdded()
    }
  }
  return (
    <form class="card rule-form" onSubmit={submit}>
      <label for="rule-action">Rule</label>
      <select id="rule-action" value={action} onChange={event => setAction(event.currentTarget.value as typeof action)}>
        {ACTIONS.map(([name, what]) => (
          <option key={name} value={name}>
            {what}
          </option>
        ))}
      </select>
      <label for="rule-paths">Where: a JSONPath, header:NAME or status; one a line</label>
      <textarea
        id="rule-paths"
        rows={Math.min(6, Math.max(1, paths.length))}
        value={text}
        spellcheck={false}
        required
        onInput={event => setText(event.currentTarget.value)}
      />
      <div class="row">
        <span class="grow">
          <label for="rule-reason">Why: whoever comes upon it later has to know</label>
          <input
            id="rule-reason"
            value={reason}
            required
            maxLength={500}
            onInput={event => setReason(event.currentTarget.value)}
          />
        </span>
        <span>
          <label for="rule-until">Counts for</label>
          <select id="rule-until" value={days} onChange={event => setDays(event.currentTarget.value)}>
            {UNTIL.map(([value, shown]) => (
              <option key={value} value={value}>
                {shown}
              </option>
            ))}
          </select>
        </span>
      </div>
      <Tried tried={tried} trouble={trouble} item={item} />
      <details>
        <summary>As CLI / curl</summary>
        <CopyLines
          cli={`banyan rules add ${id} ${quoted(JSON.stringify(body))}`}
          name="addRule"
          options={{ params: { id }, body }}
        />
      </details>
      <div class="row end">
        <button
          type="submit"
          class="primary"
          disabled={!may(live.who, 'operate', id) || trouble !== null || paths.length === 0}
        >
          Add the rule
        </button>
      </div>
    </form>
  )
}

/** Before anything is added. */
function Tried({
  tried,
  trouble,
  item,
}: {
  readonly tried: TriedRule | null
  readonly trouble: string | null
  readonly item: SignatureAnswer | null
}) {
  if (trouble !== null) {
    return (
      <p class="trouble" role="alert">
        {trouble}
      </p>
    )
  }
  if (tried === null) return <p class="preview dim">Which stored differences it would hide is shown here.</p>
  const others = tried.hides.filter(({ signature }) => signature !== item?.signature)
  return (
    <div class="preview" aria-live="polite">
      <p>
        It would hide <b>{countText(tried.hidden)}</b> of {countText(tried.of)} stored differences
        {tried.hides.length > 0 && ` in ${many(tried.hides.length, 'divergence')}`}.
      </p>
      <p class="dim">{tried.text}</p>
      {others.length > 0 && (
        <ul class="plain">
          {others.slice(0, 6).map(({ signature, field, severity, count, whole }) => (
            <li key={signature}>
              also {field} <span class={`chip ${severity}`}>{severity}</span> {countText(count)}×
              {whole ? '' : ', some of its places'}
            </li>
          ))}
        </ul>
      )}
      {tried.unknown.length > 0 && (
        <p class="dim">
          For {tried.unknown.length} more it depends on values, which are not kept: {tried.unknown[0]?.field}
        </p>
      )}
    </div>
  )
}

export function Rules({ id, live }: { readonly id: string; readonly live: Live }) {
  const { run } = useActions()
  const { answer, again: read } = useRead('rules', { params: { id } }, [live.changes], 0)
  const rules = answer?.rules ?? null
  if (rules === null) return null
  return (
    <section aria-labelledby="rules">
      <h2 id="rules">
        Rules <span class="dim">{rules.length}</span>
      </h2>
      {rules.length === 0 ? (
        <Empty>No rule: whatever differs and is not noise counts.</Empty>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Why</th>
              <th scope="col" class="number">
                Hid
              </th>
              <th scope="col">Until</th>
              <th scope="col">
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.map(rule => (
              <tr key={rule.id}>
                <th scope="row">
                  {rule.text}
                  {(rule.dead || rule.expired) && (
                    <span class="chip">{rule.expired ? 'expired' : 'never hid anything'}</span>
                  )}
                </th>
                <td>
                  {rule.reason ?? '–'}
                  <span class="under dim">
                    {rule.owner ?? rule.by ?? (rule.source === 'file' ? 'from the file' : '')}
                  </span>
                </td>
                <td class="number">{countText(rule.hits)}</td>
                <td>{rule.until === null ? 'no end' : <Moment at={rule.until} />}</td>
                <td>
                  {rule.source === 'file' ? (
                    <span class="dim">in routes.yaml</span>
                  ) : (
                    <button
                      type="button"
                      disabled={!may(live.who, 'operate', id)}
                      onClick={async () => {
                        await run(
                          'removeRule',
                          { params: { id, rule: rule.id } },
                          { title: 'The rule is gone: what it hid counts again' },
                        )
                        read()
                      }}
                    >
                      Remove
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
