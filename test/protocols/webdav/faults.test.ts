import { describe, expect, it } from 'vitest'
import { Fault } from '#faults'
import { parsePath } from '#permissions/path.ts'
import { faultReply } from '#protocols/webdav/faults.ts'

describe('faultReply', () => {
  it('a caller who is held back is told for how long, in whole seconds', () => {
    const reply = faultReply(new Fault('rate_limited', 'too many attempts', { retryAfter: 0.2 }))
    expect(reply).toMatchObject({ status: 429, headers: { 'Retry-After': 1 } })
  })

  it('a lock that is in the way is named by its href', () => {
    const reply = faultReply(new Fault('locked', 'locked'), parsePath('/a & b'))
    expect(reply.status).toBe(423)
    expect(reply.body).toContain(
      '<D:lock-token-submitted><D:href>/a%20&amp;%20b</D:href></D:lock-token-submitted>',
    )
  })

  it('no room is 507 with the condition of RFC 4331', () => {
    expect(faultReply(new Fault('quota', 'full'))).toMatchObject({
      status: 507,
      body: expect.stringContaining('<D:quota-not-exceeded/>'),
    })
  })
})
