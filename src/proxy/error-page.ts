// The page that a person sees in a browser when the proxy answers by itself.

/** What a page may say; each goes where `{name}` stands in the template. */
export interface PageValues {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly code: string
  /** `''`: none. */
  readonly exchange: string
}

const PLACEHOLDER = /\{(status|title|detail|code|exchange)\}/g

/** The template, or our own page for null. Values are escaped for text and attributes, and never looked at as template again. */
export function errorPage(template: string | null, values: PageValues): string {
  return (template ?? OWN_PAGE).replace(PLACEHOLDER, (_, name: keyof PageValues) => escapeHtml(String(values[name])))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, char => ENTITIES[char] as string)
}

/** Nothing is fetched from anywhere: it has to look right when everything else is down. */
const OWN_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{status} {title}</title>
<style>
:root { color-scheme: light dark }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #f6f7f5; color: #23291f;
  font: 1rem/1.55 system-ui, sans-serif }
main { box-sizing: border-box; max-width: 36rem; padding: 2rem; overflow-wrap: anywhere }
.status { margin: 0; font-size: 3.5rem; line-height: 1; font-weight: 700; color: #3f7a45 }
h1 { margin: .5rem 0 1rem; font-size: 1.4rem }
footer { margin-top: 2rem; padding-top: .8rem; border-top: 1px solid #8885; font-size: .8rem; opacity: .75 }
code { font-family: ui-monospace, monospace; margin-right: 1.2em }
code:empty { display: none }
@media (prefers-color-scheme: dark) { body { background: #171a16; color: #e3e7df } .status { color: #7fbf85 } }
</style>
</head>
<body>
<main>
<p class="status">{status}</p>
<h1>{title}</h1>
<p>{detail}</p>
<footer><code>{code}</code><code>{exchange}</code></footer>
</main>
</body>
</html>
`
