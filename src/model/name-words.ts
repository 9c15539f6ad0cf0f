// The words of a name that programmers made: `api_key`, `X-Api-Key` and `apiKey` are api and key.

/** Lower case; without a letter or a digit there is none. */
export function wordsOfName(name: string): readonly string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter(word => word !== '')
}
