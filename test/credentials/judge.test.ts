import { describe, expect, test } from 'vitest'
import { type Facts, judge, type RefusalReason } from '#credentials/judge.ts'
import { SCOPE_BITS } from '#permissions/scopes.ts'
import { type AccountChanges, account, NOW } from './accounts.ts'

const FACTS: Facts = { door: 'sftp', address: '10.0.0.7', now: NOW, siteId: null, valueStopsAt: null }

describe('judge(): a row for each refusal', () => {
  test.each<[string, AccountChanges, Partial<Facts>, RefusalReason | null]>([
    ['a sound key is let in', {}, {}, null],
    ['at its own site’s address', {}, { siteId: 's1' }, null],
    ['U5: at another site’s address', {}, { siteId: 's2' }, 'other_site'],
    ['a disabled site', { site: { enabled: false } }, {}, 'site_disabled'],
    ['K7: a disabled key', { key: { enabled: false } }, {}, 'key_disabled'],
    ['K6: expired on the dot is refused', { key: { expiresAt: NOW } }, {}, 'key_expired'],
    ['K6: a moment before it expires', { key: { expiresAt: NOW + 1 } }, {}, null],
    ['K9: a value that stopped on the dot', {}, { valueStopsAt: NOW }, 'value_stopped'],
    ['K9: a value that has not stopped yet', {}, { valueStopsAt: NOW + 1 }, null],
    ['a user that is gone', { user: null }, {}, 'user_missing'],
    ['U3: a user that moved away', { user: { siteId: 's2' } }, {}, 'user_elsewhere'],
    ['U6: a disabled user', { user: { enabled: false } }, {}, 'user_disabled'],
    ['an expired user', { user: { expiresAt: NOW } }, {}, 'user_expired'],
    ['K7: scopes set to none', { key: { scopes: 0 } }, {}, 'no_scopes'],
    ['no scope for this door', { key: { scopes: SCOPE_BITS.ftp } }, {}, 'door_scope'],
    ['K11: key not for this door', { key: { conditions: { doors: ['ftp'] } } }, {}, 'door'],
    ['K11: user not from this address', { user: { conditions: { deny: ['10.0.0.0/8'] } } }, {}, 'address'],
    ['K11: site not at this time', { site: { conditions: { windows: [] } } }, {}, 'time'],
    ['K11: not before', { key: { conditions: { notBefore: NOW + 1 } } }, {}, 'not_before'],
    ['K1: a site key needs no scopes', { key: { type: 'site', scopes: 0 }, user: null }, {}, null],
    [
      'K1: a site key is bound by its expiry',
      { key: { type: 'site', expiresAt: NOW }, user: null },
      {},
      'key_expired',
    ],
    [
      'K1: a site key is bound by its site',
      { key: { type: 'site' }, user: null },
      { siteId: 's2' },
      'other_site',
    ],
  ])('%s', (_, changes, facts, reason) => {
    expect(judge(account(changes), { ...FACTS, ...facts })).toBe(reason)
  })
})
