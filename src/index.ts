// The public face of the package, for those who embed Banyan instead of starting it.
export { type App, type AppOptions, startApp } from './app.ts'
export { loadConfig, loadText } from './config/load.ts'
export type { Config } from './config/schema.ts'
export { shown } from './config/shown.ts'
export { type Configured, configure } from './configured.ts'
export { createLog, type Log } from './log.ts'
export { BanyanError, type Mistake } from './model/errors.ts'
export { VERSION } from './version.ts'
