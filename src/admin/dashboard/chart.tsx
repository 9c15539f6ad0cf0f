// Legacy and new on one axis, with a line for each change: a library draws it, in the colours of the page.
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { Answer } from './call.ts'
import { NONE, utcText } from './words.ts'

type History = Answer<'history'>
type Points = readonly (number | null)[]

interface ChartParts {
  readonly title: string
  readonly history: History
  readonly legacy: Points
  readonly fresh: Points
  readonly format: (value: number | null) => string
  /** The axis goes up to this at least: noughts fill no chart. */
  readonly least: number
}

const HEIGHT = 190
const FEWEST = 60

export function Chart({ title, history, legacy, fresh, format, least }: ChartParts) {
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<uPlot | null>(null)
  const markers = useRef(history.markers)
  markers.current = history.markers
  const data = dataOf(history, legacy, fresh)
  const isEmpty = ![...legacy, ...fresh].some(value => value !== null)

  useEffect(() => {
    const element = place.current
    if (element === null || isEmpty) return
    const make = () => {
      drawn.current?.destroy()
      drawn.current = new uPlot(
        optionsOf(element, format, least, () => markers.current),
        data,
        element,
      )
    }
    make()
    const resized = new ResizeObserver(() => drawn.current?.setSize({ width: element.clientWidth, height: HEIGHT }))
    resized.observe(element)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', make)
    addEventListener('banyan-theme', make)
    return () => {
      resized.disconnect()
      scheme.removeEventListener('change', make)
      removeEventListener('banyan-theme', make)
      drawn.current?.destroy()
      drawn.current = null
    }
  }, [isEmpty, history.stepMs])
  useEffect(() => {
    drawn.current?.setData(data)
  }, [history])

  const said = `${title}, now: legacy ${format(lastOf(legacy))}, new ${format(lastOf(fresh))}`
  return (
    <figure class="chart">
      <figcaption>
        <b>{title}</b>
        <span class="both">
          <span>
            <i class="key legacy">L</i>
            {format(lastOf(legacy))}
          </span>
          <span>
            <i class="key new">N</i>
            {format(lastOf(fresh))}
          </span>
        </span>
      </figcaption>
      {isEmpty ? <p class="empty">{NONE} no request in this span</p> : <div ref={place} role="img" aria-label={said} />}
    </figure>
  )
}

/** A young process has little to show: what was before it is left out, but for a few points. */
function dataOf({ from, stepMs, effective, since }: History, legacy: Points, fresh: Points): uPlot.AlignedData {
  const length = Math.max(legacy.length, fresh.length, effective.length)
  const skipped = Math.max(0, Math.min(length - FEWEST, Math.floor((since - from) / stepMs)))
  const times = Array.from({ length: length - skipped }, (_, i) => (from + (skipped + i) * stepMs) / 1000)
  const filled = (points: Points) => times.map((_, i) => points[skipped + i] ?? null)
  return [times, filled(legacy), filled(fresh)]
}

function optionsOf(
  place: HTMLElement,
  format: ChartParts['format'],
  least: number,
  markers: () => History['markers'],
): uPlot.Options {
  const color = colorsOf(place)
  const axis = {
    stroke: color('--dim'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  }
  const line = { width: 1.5, points: { show: false }, spanGaps: false }
  return {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: ts => uPlot.tzDate(new Date(ts * 1000), 'UTC'),
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_, __, max) => [0, Math.max((max ?? 0) * 1.1, least)] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map(tick => utcText(tick * 1000).slice(11, 16)), space: 60 },
      { ...axis, values: (_, ticks) => ticks.map(tick => format(tick)), size: 62 },
    ],
    series: [
      { label: 'UTC', value: (_, at) => (at == null ? NONE : utcText(at * 1000).slice(11)) },
      { ...line, label: 'legacy', stroke: color('--legacy'), dash: [5, 3], value: (_, value) => format(value) },
      { ...line, label: 'new', stroke: color('--new'), value: (_, value) => format(value) },
    ],
    hooks: { draw: [plot => drawMarkers(plot, markers(), color('--text'), color('--danger'))] },
  }
}

/** A canvas does not know the words of the style sheet: an element is asked what they are now. */
function colorsOf(place: HTMLElement): (name: string) => string {
  return name => {
    const probe = document.createElement('i')
    probe.style.color = `var(${name})`
    place.append(probe)
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }
}

/** A thin line where something was changed, and what it was above it, where there is room. */
function drawMarkers(plot: uPlot, markers: History['markers'], color: string, danger: string): void {
  const { ctx, bbox } = plot
  let free = Number.NEGATIVE_INFINITY
  ctx.save()
  ctx.font = `${10 * devicePixelRatio}px system-ui`
  for (const { at, action, text } of markers) {
    const x = plot.valToPos(at / 1000, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.strokeStyle = ctx.fillStyle = action === 'rollback' ? danger : color
    ctx.globalAlpha = 0.55
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    const said = text.length > 24 ? `${text.slice(0, 23)}…` : text
    const width = ctx.measureText(said).width
    if (x > free && x + width + 6 < bbox.left + bbox.width) {
      ctx.globalAlpha = 0.9
      ctx.fillText(said, x + 4, bbox.top + 10 * devicePixelRatio)
      free = x + width + 8
    }
  }
  ctx.restore()
}

function lastOf(points: Points): number | null {
  return points.findLast(value => value !== null) ?? null
}
