// What the dashboards of deploy/grafana are put together from. A panel says what it asks and in which unit; where it stands is
// counted here. Its id is given by hand, so that a link to it stays right when others come and go.
import {
  type AnnotationQuery,
  type Dashboard,
  DashboardCursorSync,
  type DataQuery,
  type DataSourceRef,
  type DataTransformerConfig,
  FieldColorModeId,
  type FieldConfigSource,
  type GraphFieldConfig,
  LegendDisplayMode,
  LineInterpolation,
  type Panel,
  type RowPanel,
  SortOrder,
  StackingMode,
  ThresholdsMode,
  TooltipDisplayMode,
  type VariableModel,
  VariableRefresh,
  VariableSort,
  VisibilityMode,
} from '@grafana/schema'

export interface Query {
  readonly expr: string
  readonly legend: string
}

/** Grafana's names of units. */
export type Unit = 'short' | 'reqps' | 'ops' | 'percentunit' | 's' | 'bytes' | 'none'

interface Said {
  readonly id: number
  readonly title: string
  readonly about: string
  readonly unit: Unit
  /** Instead of an empty panel. */
  readonly none: string
  /** Of 24. */
  readonly width: number
}

export interface Lines extends Said {
  readonly queries: readonly Query[]
  readonly max?: number
  readonly isStacked?: boolean
  /** Steps instead of slopes: what is set, not measured. */
  readonly isStepped?: boolean
}

export interface Figure extends Said {
  readonly expr: string
  /** From this value on it is a reason to look. */
  readonly bad: { readonly from: number } | { readonly below: number } | null
}

export interface Column {
  readonly title: string
  readonly expr: string
  readonly unit: Unit
}

export interface Table extends Omit<Said, 'unit'> {
  readonly by: readonly string[]
  readonly columns: readonly Column[]
  /** Titles of columns, the most urgent first. */
  readonly sortedBy: string
  readonly link?: { readonly title: string; readonly url: string }
}

export interface Row {
  readonly id: number
  readonly title: string
  readonly height: number
  readonly panels: readonly Panel[]
}

/** Selects what the variables at the top say. */
export const HERE = 'namespace=~"$namespace", job=~"$job"'
export const ROUTE = `${HERE}, route=~"$route"`

const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' }
const GRID = 24

export function lines(said: Lines): Panel {
  const custom: Partial<GraphFieldConfig> = {
    lineWidth: 2,
    fillOpacity: said.isStacked === true ? 30 : 0,
    showPoints: VisibilityMode.Never,
    spanNulls: false,
    ...(said.isStacked === true ? { stacking: { mode: StackingMode.Normal, group: 'A' } } : {}),
    ...(said.isStepped === true ? { lineInterpolation: LineInterpolation.StepAfter } : {}),
  }
  return {
    ...placed(said),
    type: 'timeseries',
    fieldConfig: {
      defaults: {
        unit: said.unit,
        noValue: said.none,
        min: 0,
        ...(said.max === undefined ? {} : { max: said.max }),
        color: { mode: FieldColorModeId.PaletteClassicByName },
        custom,
      },
      overrides: SIDES,
    },
    options: {
      legend: { displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
    },
    targets: said.queries.map(({ expr, legend }, at) => ({ ...target(at, expr), legendFormat: legend, range: true })),
  }
}

export function figure(said: Figure): Panel {
  return {
    ...placed(said),
    type: 'stat',
    fieldConfig: {
      defaults: {
        unit: said.unit,
        noValue: said.none,
        color: { mode: FieldColorModeId.Thresholds },
        thresholds: { mode: ThresholdsMode.Absolute, steps: stepsOf(said.bad) },
      },
      overrides: [],
    },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'value',
      graphMode: 'none',
      textMode: 'auto',
    },
    targets: [{ ...target(0, said.expr), instant: true }],
  }
}

function stepsOf(bad: Figure['bad']) {
  if (bad === null) return [{ color: 'text', value: null }]
  if ('from' in bad)
    return [
      { color: 'green', value: null },
      { color: 'red', value: bad.from },
    ]
  return [
    { color: 'red', value: null },
    { color: 'green', value: bad.below },
  ]
}

/** Instant values of several questions, one row for each set of labels. */
export function table(said: Table): Panel {
  const names = said.columns.map((_, at) => `Value #${letter(at)}`)
  const transformations: DataTransformerConfig[] = [
    { id: 'merge', options: {} },
    {
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        includeByName: {},
        indexByName: Object.fromEntries([...said.by, ...names].map((name, at) => [name, at])),
        renameByName: Object.fromEntries(names.map((name, at) => [name, said.columns[at]?.title])),
      },
    },
  ]
  const units = said.columns.map(({ title, unit }) => ({
    matcher: { id: 'byName', options: title },
    properties: [{ id: 'unit', value: unit }],
  }))
  const links =
    said.link === undefined
      ? []
      : [{ matcher: { id: 'byName', options: 'route' }, properties: [{ id: 'links', value: [said.link] }] }]
  return {
    ...placed(said),
    type: 'table',
    fieldConfig: { defaults: { noValue: '–', custom: { filterable: true } }, overrides: [...units, ...links] },
    options: { showHeader: true, sortBy: [{ displayName: said.sortedBy, desc: true }] },
    transformations,
    targets: said.columns.map(({ expr }, at) => ({ ...target(at, expr), instant: true, format: 'table' })),
  }
}

function placed({ id, title, about, width }: Omit<Said, 'unit'>) {
  return { id, title, description: about, datasource: DATASOURCE, gridPos: { x: 0, y: 0, w: width, h: 0 } }
}

function target(at: number, expr: string) {
  return { refId: letter(at), datasource: DATASOURCE, editorMode: 'code', expr }
}

function letter(at: number): string {
  return String.fromCharCode(65 + at)
}

/** Legacy is dashed and new is not, so that colours are not the only sign. */
const SIDES: FieldConfigSource['overrides'] = [
  { side: 'legacy', color: 'orange', line: { fill: 'dash', dash: [8, 6] } },
  { side: 'new', color: 'blue', line: { fill: 'solid' } },
].map(({ side, color, line }) => ({
  matcher: { id: 'byRegexp', options: `/^${side}\\b/` },
  properties: [
    { id: 'color', value: { mode: FieldColorModeId.Shades, fixedColor: color } },
    { id: 'custom.lineStyle', value: line },
  ],
}))

const variable = (name: string, label: string, query: string, more: Partial<VariableModel>): VariableModel => ({
  name,
  label,
  type: 'query',
  datasource: DATASOURCE,
  query: { query, refId: name },
  refresh: VariableRefresh.onTimeRangeChanged,
  sort: VariableSort.alphabeticalAsc,
  ...more,
})

const ALL = { multi: true, includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' } } as const
const COMMON: readonly VariableModel[] = [
  { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
  variable('namespace', 'Namespace', 'label_values(banyan_build_info, namespace)', ALL),
  variable('job', 'Deployment', 'label_values(banyan_build_info{namespace=~"$namespace"}, job)', ALL),
]
const ROUTES = `label_values(banyan_requests_total{${HERE}, side!="none"}, route)`
export const ONE_ROUTE = variable('route', 'Route', ROUTES, {})
export const ROUTES_SHADOWED = variable(
  'route',
  'Route',
  `label_values(banyan_shadow_eligible_total{${HERE}}, route)`,
  ALL,
)

interface PrometheusQuery extends DataQuery {
  readonly expr: string
  readonly interval: string
}

interface Annotation extends AnnotationQuery<PrometheusQuery> {
  readonly titleFormat: string
  readonly textFormat: string
}

export function annotation(name: string, iconColor: string, expr: string, text: string): Annotation {
  return {
    name,
    datasource: DATASOURCE,
    enable: true,
    iconColor,
    target: { refId: 'Anno', expr, interval: '30s' },
    titleFormat: name,
    textFormat: text,
  }
}

export interface Whole {
  readonly uid: string
  readonly title: string
  readonly about: string
  readonly variables: readonly VariableModel[]
  readonly annotations: readonly AnnotationQuery[]
  readonly rows: readonly Row[]
}

export function dashboard({ uid, title, about, variables, annotations, rows }: Whole): Dashboard {
  return {
    uid,
    title,
    description: about,
    tags: ['banyan'],
    editable: false,
    graphTooltip: DashboardCursorSync.Crosshair,
    schemaVersion: 39,
    version: 1,
    timezone: '',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    links: [
      {
        title: 'Banyan',
        type: 'dashboards',
        tags: ['banyan'],
        asDropdown: false,
        icon: 'external link',
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        tooltip: '',
        url: '',
      },
    ],
    templating: { list: [...COMMON, ...variables] },
    annotations: { list: [...annotations] },
    panels: [...laidOut(rows)],
  }
}

/** Each row's panels beside each other, below the row's title. */
function* laidOut(rows: readonly Row[]): Generator<Panel | RowPanel> {
  let y = 0
  for (const { id, title, height, panels } of rows) {
    yield { id, title, type: 'row', collapsed: false, panels: [], gridPos: { x: 0, y, w: GRID, h: 1 } }
    y++
    let x = 0
    for (const panel of panels) {
      const w = panel.gridPos?.w ?? GRID
      if (x + w > GRID) {
        x = 0
        y += height
      }
      yield { ...panel, gridPos: { x, y, w, h: height } }
      x += w
    }
    y += height
  }
}
