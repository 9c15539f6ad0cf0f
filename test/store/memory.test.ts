// The memory store is a store.
import t from 'tap'
import { createMemoryStore } from '../../src/store/memory.ts'
import { storeContract } from '../contracts/store.ts'

storeContract(t, 'memory', async () => createMemoryStore())
