import t from 'tap'
import { storeContract } from '../contracts/store.ts'
import { sharedStoreContract } from '../contracts/shared-store.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import pg from 'pg'
let n = 0
const fresh = () => `postgres://postgres@127.0.0.1:15432/postgres?schema=t${process.pid}_${++n}`
const urls = new WeakMap<object, string>()
const open = async (url = fresh()) => { const s = await openPostgresStore({ url, instance: 'alone' }); urls.set(s, url); return s }
storeContract(t, 'postgres', open, async s => { await s.close(); return open(urls.get(s)!) })
sharedStoreContract(t, 'postgres', async () => { const url = fresh(); return { open: (instance: string) => openPostgresStore({ url, instance }), pass: (ms: number) => new Promise(r => setTimeout(r, ms)) } })
