// A sealed file is what was written last, or an error: whatever a crash, a disk or somebody else has done to it.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readSealed, removeSealed, writeSealed } from '../../src/store/sealed-file.ts'
import { scratch } from './scratch.ts'

const TEXT = 'größer “quoted”\nand a second line\n'

t.test('none is none; what was written comes back; for this user only', async t => {
  const directory = scratch(t)
  const path = join(directory, 'deep', 'er', 'file')
  t.equal(await readSealed(path), null)
  await removeSealed(path)
  t.same(readdirSync(directory), [], 'asking makes nothing')
  for (const text of [TEXT, '', 'no newline', 'x'.repeat(100_000)]) {
    await writeSealed(path, text)
    t.equal(await readSealed(path), text)
  }
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  t.same(readdirSync(join(path, '..')), ['file'])
  await removeSealed(path)
  t.notOk(existsSync(path))
})

t.test('no byte of it can be changed or cut off, and none added, without an error', async t => {
  const path = join(scratch(t), 'file')
  await writeSealed(path, TEXT)
  const whole = readFileSync(path)
  for (let size = 0; size < whole.length; size++) {
    truncateSync(path, size)
    await t.rejects(readSealed(path), /not what was written/, `cut at ${size}`)
    writeFileSync(path, whole)
  }
  for (let at = 0; at < whole.length; at++) {
    for (const bit of [1, 0x80]) {
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] as number) ^ bit
      writeFileSync(path, flipped)
      await t.rejects(readSealed(path), /not what was written|of version/, `byte ${at}, bit ${bit}`)
    }
  }
  for (const text of [
    `${whole}x`,
    `${whole}\0`,
    `${whole}\n`,
    '\0'.repeat(whole.length),
    'null',
    '{}\n',
    '\n',
    `\n${whole}`,
  ]) {
    writeFileSync(path, text)
    await t.rejects(readSealed(path), /not what was written/, JSON.stringify(text.slice(-40)))
  }
  writeFileSync(path, String(whole).replace('banyan 1', 'banyan 2'))
  await t.rejects(readSealed(path), /version 2, this one reads 1/)
  rmSync(path)
  mkdirSync(path)
  await t.rejects(readSealed(path), { message: 'it is no file' })
  rmdirSync(path)
  execFileSync('mkfifo', [path])
  await t.rejects(readSealed(path), { message: 'it is no file' }, 'a pipe is not waited for')
  rmSync(path)
  symlinkSync('/dev/zero', path)
  await t.rejects(readSealed(path), { message: 'it is no file' }, 'nor read without end')
  rmSync(path)
  writeFileSync(path, '')
  truncateSync(path, 2 ** 28 + 1)
  await t.rejects(readSealed(path), /268435457 bytes, more than was ever written/)
})

t.test('what was left by a crash is nothing, and is in nobody’s way', async t => {
  const path = join(scratch(t), 'file')
  writeFileSync(`${path}.new`, 'banyan 1 sha')
  chmodSync(`${path}.new`, 0o644)
  t.equal(await readSealed(path), null)
  await writeSealed(path, TEXT)
  t.equal(await readSealed(path), TEXT)
  t.equal(statSync(path).mode & 0o777, 0o600, 'also where somebody else had made it readable')
})

t.test('nothing is written through a link that somebody has put there', async t => {
  const directory = scratch(t)
  const path = join(directory, 'file')
  writeFileSync(join(directory, 'other'), 'theirs')
  symlinkSync(join(directory, 'other'), `${path}.new`)
  await writeSealed(path, TEXT)
  t.equal(readFileSync(join(directory, 'other'), 'utf8'), 'theirs')
  t.equal(await readSealed(path), TEXT)
})

t.test('no permission', { skip: process.getuid?.() === 0 ? 'root may do anything' : false }, async t => {
  const path = join(scratch(t), 'file')
  await writeSealed(path, TEXT)
  chmodSync(path, 0)
  await t.rejects(readSealed(path), { code: 'EACCES' })
})

t.test(
  'a full disk: the one of before stays',
  { skip: canMount() ? false : 'nothing may be mounted here' },
  async t => {
    const small = join(scratch(t), 'small')
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small])
    t.teardown(() => execFileSync('umount', [small]))
    const path = join(small, 'file')
    await writeSealed(path, TEXT)
    await t.rejects(writeSealed(path, 'x'.repeat(100_000)), { code: 'ENOSPC' })
    t.equal(await readSealed(path), TEXT)
    await writeSealed(path, 'next')
    t.equal(await readSealed(path), 'next', 'what it left behind takes no space from the next')
  },
)

function canMount(): boolean {
  const at = process.env.TMPDIR ?? '/tmp'
  try {
    mkdirSync(join(at, `banyan-mount-${process.pid}`))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'none', join(at, `banyan-mount-${process.pid}`)], {
      stdio: 'ignore',
    })
    execFileSync('umount', [join(at, `banyan-mount-${process.pid}`)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(join(at, `banyan-mount-${process.pid}`), { recursive: true, force: true })
  }
}
