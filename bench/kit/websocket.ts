// As much of WebSocket as a tunnel shows: the handshake of RFC 6455 and short text frames.
import { createHash } from 'node:crypto'

/** Of the RFC: what is hashed behind the client's key. */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${MAGIC}`).digest('base64')
}

/** A client's key: 16 bytes, others for every `i`. */
export function keyOf(i: number): string {
  return Buffer.from(String(i).padStart(16, '0')).toString('base64')
}

export function handshakeOf(path: string, user: number, key: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: shop.example.com',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    `X-User-Id: user-${String(user).padStart(4, '0')}`,
    '',
    '',
  ].join('\r\n')
}

/** A whole text frame as clients send it; masked with zeros, so that the text stays readable. */
export function frameOf(text: string): Buffer {
  const payload = Buffer.from(text)
  if (payload.length > 125) throw new Error('longer texts have another frame')
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}
