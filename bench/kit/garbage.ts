// Asks V8 of another process, through its inspector, to collect all garbage: what stays resident then is what is held.
const PATIENCE_MS = 20_000

/** The flag with which such a process is started. The port has to be free. */
export function inspected(port: number): string {
  return `--inspect=127.0.0.1:${port}`
}

export async function collectGarbage(port: number): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const listed = await fetch(`http://127.0.0.1:${port}/json/list`, { signal })
  const [target] = (await listed.json()) as readonly { readonly webSocketDebuggerUrl: string }[]
  if (target === undefined) throw new Error('the inspector has nothing to inspect')
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }))
      socket.onmessage = ({ data }) => {
        const { id, error } = JSON.parse(String(data)) as { readonly id?: number; readonly error?: object }
        if (id === 1) error === undefined ? resolve() : reject(new Error(JSON.stringify(error)))
      }
      socket.onerror = () => reject(new Error('the inspector was not to be reached'))
      signal.onabort = () => reject(new Error(`garbage was not collected within ${PATIENCE_MS} ms`))
    })
  } finally {
    socket.close()
  }
}
