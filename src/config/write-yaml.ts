// Data as YAML in the words of routes.yaml, with remarks: what it says loads again.
import { Document, isMap, isScalar, isSeq, type Node, visit } from 'yaml'
import { pathOf } from './positions.ts'

/**
 * @param value plain JSON
 * @param remarks by JSON Pointer: behind a value, or above a list or mapping
 * @param head lines at the top
 */
export function writeYaml(value: unknown, remarks: ReadonlyMap<string, string>, head: readonly string[] = []): string {
  const document = new Document(value, { version: '1.2', schema: 'core', aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_, node) {
      // Texts of ours have no variables.
      if (typeof node.value === 'string') node.value = node.value.replaceAll('${', '$${')
    },
    Pair(_, pair) {
      if (isScalar(pair.key) && isShort(pair.value)) (pair.value as { flow?: boolean }).flow = true
    },
  })
  for (const [pointer, remark] of remarks) {
    const node = document.getIn(pathOf(pointer), true) as Node | undefined
    const text = ` ${oneLine(remark)}`
    if (isScalar(node)) node.comment = text
    else if (isMap(node) || isSeq(node)) node.commentBefore = text
  }
  if (head.length > 0) document.commentBefore = head.map(line => ` ${oneLine(line)}`).join('\n')
  return document.toString({ lineWidth: 0 })
}

/** A list of a few words fits in a line. */
function isShort(node: unknown): boolean {
  if (isSeq(node))
    return node.items.every(item => isScalar(item) && String(item.value).length < 40) && node.items.length <= 8
  return isMap(node) && node.items.length === 0
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{C}]+/gu, ' ')
}
