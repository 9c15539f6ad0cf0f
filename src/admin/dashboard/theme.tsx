// Light or dark: as the system says, until somebody says otherwise.
import { useState } from 'preact/hooks'

const KEY = 'banyan.theme'
const THEMES = ['system', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

export function showTheme(): void {
  document.documentElement.dataset.theme = kept()
}

export function ThemeButton() {
  const [theme, setTheme] = useState(kept)
  const next = () => {
    const following = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme
    localStorage.setItem(KEY, following)
    setTheme(following)
    showTheme()
    // Charts are drawn in colours that they read once.
    dispatchEvent(new Event('banyan-theme'))
  }
  const sign = { system: '◐', light: '☀', dark: '☾' }[theme]
  return (
    <button type="button" class="quiet" onClick={next} title={`Theme: ${theme}`} aria-label={`Theme: ${theme}`}>
      {sign}
    </button>
  )
}

function kept(): Theme {
  return THEMES.find(one => one === localStorage.getItem(KEY)) ?? 'system'
}
