import { describe } from 'vitest'
import { credentialSuite } from './records/credentials.ts'
import { feedSuite } from './records/feed.ts'
import type { MakeDatabase } from './records/fixtures.ts'
import { identitySuite } from './records/identity.ts'
import { journalSuite } from './records/journals.ts'
import { keySuite } from './records/keys.ts'
import { lockSuite } from './records/locks.ts'
import { lostSuite } from './records/lost-uploads.ts'
import { metadataSuite } from './records/metadata.ts'
import { mountSuite } from './records/mounts.ts'
import { peopleSuite } from './records/people.ts'
import { propertySuite } from './records/properties.ts'
import { siteSuite } from './records/sites.ts'
import { sshKeySuite } from './records/ssh-keys.ts'
import { throttleSuite } from './records/throttle.ts'
import { trashSuite } from './records/trash.ts'
import { uploadSuite } from './records/uploads.ts'

/** What every database engine must do. */
export function recordsSuite(engine: string, make: MakeDatabase): void {
  describe(`records on ${engine}`, () => {
    identitySuite(make)
    siteSuite(make)
    peopleSuite(make)
    sshKeySuite(make)
    mountSuite(make)
    keySuite(make)
    credentialSuite(make)
    feedSuite(make)
    lockSuite(make)
    lostSuite(make)
    metadataSuite(make)
    propertySuite(make)
    uploadSuite(make)
    trashSuite(make)
    journalSuite(make)
    throttleSuite(make)
  })
}
