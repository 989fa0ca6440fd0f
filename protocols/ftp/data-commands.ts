import { lookup } from 'node:dns/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { isLoopback } from './addresses.ts'
import { connectForData, listenForData, type PassiveSource } from './data.ts'
import type { FtpSession } from './session.ts'

/** PASV: a port of ours for the next data connection (IPv4 only). */
export async function pasv(session: FtpSession): Promise<void> {
  const { control } = session
  if (session.extendedOnly || !isIPv4(session.localAddress)) {
    control.reply(session.extendedOnly ? 503 : 425, 'Use EPSV')
    return
  }
  const shown = await shownAddress(session)
  if (shown === null) {
    control.reply(425, 'The outer address is not known now: use EPSV')
    return
  }
  const source = await startPassive(session)
  if (source === null) return
  control.reply(
    227,
    `Entering Passive Mode (${shown.replaceAll('.', ',')},${source.port >> 8},${source.port & 255})`,
  )
}

/** EPSV (RFC 2428 §3): as PASV, for IPv4 and IPv6. */
export async function epsv(session: FtpSession, argument: string): Promise<void> {
  const wanted = argument.trim().toUpperCase()
  const own = session.localAddress.includes(':') ? '2' : '1'
  if (wanted === 'ALL') {
    session.extendedOnly = true
    session.control.reply(200, 'Only EPSV from here on')
  } else if (wanted !== '' && wanted !== own) {
    session.control.reply(522, `Network protocol not supported, use (${own})`)
  } else {
    const source = await startPassive(session)
    if (source) session.control.reply(229, `Entering Extended Passive Mode (|||${source.port}|)`)
  }
}

/** PORT: the client's own address and port, for us to connect to. */
export function port(session: FtpSession, argument: string): void {
  const parts = argument.trim().split(',')
  const numbers = parts.map(Number)
  const readable = parts.length === 6 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
  const [high = 0, low = 0] = numbers.slice(4)
  agreeOnActive(
    session,
    readable ? { host: parts.slice(0, 4).map(Number).join('.'), port: high * 256 + low } : null,
  )
}

/** EPRT (RFC 2428 §2): as PORT, for IPv4 and IPv6. */
export function eprt(session: FtpSession, argument: string): void {
  const match = /^([!-~])([12])\1([0-9a-fA-F.:]+)\1(\d{1,5})\1$/.exec(argument.trim())
  const [, , family, host = '', portText] = match ?? []
  const readable = family === '1' ? isIPv4(host) : isIPv6(host)
  agreeOnActive(session, readable ? { host, port: Number(portText) } : null)
}

async function startPassive(session: FtpSession): Promise<PassiveSource | null> {
  const { context, control, localAddress, address } = session
  dropSource(session)
  const source = await listenForData(context.ports, {
    local: localAddress,
    peer: address,
    patience: session.patience,
  })
  if (source === null) {
    control.reply(425, 'No port is free for a data connection')
    return null
  }
  if (control.over.aborted) {
    source.close()
    return null
  }
  session.dataSource = source
  return source
}

/** What PASV tells: the configured outer address, except to clients on this machine; null when it has none. */
async function shownAddress(session: FtpSession): Promise<string | null> {
  const told = session.context.settings.externalAddressFor(session.address)
  if (told === null || isLoopback(session.address)) return session.localAddress
  if (isIPv4(told)) return told
  try {
    return (await lookup(told, { family: 4 })).address
  } catch (error) {
    session.context.log.error({ err: error, name: told }, 'ftp: the external address has no IPv4 address')
    return null
  }
}

/** To the client itself only, and to no port of a system service: this server attacks nobody for somebody. */
function agreeOnActive(session: FtpSession, target: { host: string; port: number } | null): void {
  const { context, control } = session
  if (!context.settings.allowActive) {
    control.reply(502, 'Active mode is off here: use EPSV or PASV')
  } else if (session.extendedOnly) {
    control.reply(503, 'Use EPSV')
  } else if (target === null) {
    control.reply(501, 'That is no address and port')
  } else if (target.host !== session.address || target.port < 1024 || target.port > 65_535) {
    control.reply(500, 'Data goes to your own address and a port of at least 1024 only')
  } else {
    dropSource(session)
    session.dataSource = connectForData({
      ...target,
      local: session.localAddress,
      patience: session.patience,
    })
    control.reply(200, 'Noted')
  }
}

function dropSource(session: FtpSession): void {
  session.dataSource?.close()
  session.dataSource = null
}
