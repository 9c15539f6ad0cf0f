// Why a file that somebody named cannot be read, in words.
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'it may not be read',
  EPERM: 'it may not be read',
}

export function unreadable({ code, message }: NodeJS.ErrnoException): string {
  return REASONS[code ?? ''] ?? message
}
