// Figures of a Banyan that is measured, as Prometheus would scrape them.
import { request } from 'node:http'

/** The sum of all series of one metric; 0 where there are none. `labels` has to occur in a series' labels. */
export async function metric(healthPort: number, name: string, labels = ''): Promise<number> {
  const text = await scrape(healthPort)
  let sum = 0
  for (const line of text.split('\n')) {
    const [, found, within = '', value] = /^([a-z_]+)(\{[^}]*\})? ([\d.eE+-]+)$/.exec(line) ?? []
    if (found === name && within.includes(labels)) sum += Number(value)
  }
  return sum
}

function scrape(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', agent: false }, async answer => {
      resolve(Buffer.concat(await answer.toArray()).toString())
    })
    asked.on('error', reject)
    asked.end()
  })
}
