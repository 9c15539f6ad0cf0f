// What an operator should know without asking. Few of them are open at once; many are folded away behind their number.
import type { Status } from '../api.ts'

const SHOWN = 3

export function Warnings({
  warnings,
  title = 'Warnings',
}: {
  readonly warnings: Status['warnings']
  readonly title?: string
}) {
  if (warnings.length === 0) return null
  return (
    <details class="warnings" open={warnings.length <= SHOWN}>
      <summary>
        <span aria-hidden="true">◆</span> {warnings.length}{' '}
        {warnings.length === 1 ? title.replace(/s$/, '').toLowerCase() : title.toLowerCase()}
      </summary>
      <ul>
        {warnings.map(({ code, message, route }) => (
          <li key={`${code} ${route} ${message}`}>
            <code>{code}</code> {route !== null && <a href={`#/routes/${route}`}>{route}</a>} {message}
          </li>
        ))}
      </ul>
    </details>
  )
}
