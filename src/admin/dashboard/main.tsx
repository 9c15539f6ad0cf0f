// The dashboard: a client of the public API, as the command line is. Everything that it shows and does can be copied as both.
import { render } from 'preact'
import { PAGE } from './call.ts'
import { begin } from './live.ts'
import { Shell } from './shell.tsx'
import { showTheme } from './theme.tsx'

showTheme()
render(<Shell />, document.getElementById('app') as HTMLElement)
void begin()
// Another tab signed in, maybe as somebody else, or out: this one is who that one is.
addEventListener('storage', ({ key }) => {
  if (key === PAGE || key === null) void begin()
})
