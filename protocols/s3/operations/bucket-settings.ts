import { answerXml, existingBucket, type Operation } from '../call.ts'
import { type S3Code, S3Fault } from '../errors.ts'
import { xmlDocument } from '../markup.ts'

/** What buckets never have here: S3's own word for its absence. */
function absent(code: S3Code): Operation {
  return async (call) => {
    await existingBucket(call)
    throw new S3Fault(code)
  }
}

/** A setting that always has this value. */
function fixed(root: string, inner = ''): Operation {
  return async (call) => {
    await existingBucket(call)
    answerXml(call, xmlDocument(root, inner))
  }
}

/** GET bucket?<name> for settings that this server does not keep. */
export const BUCKET_SETTINGS: ReadonlyMap<string, Operation> = new Map([
  ['versioning', fixed('VersioningConfiguration')],
  ['requestPayment', fixed('RequestPaymentConfiguration', '<Payer>BucketOwner</Payer>')],
  ['logging', fixed('BucketLoggingStatus')],
  ['notification', fixed('NotificationConfiguration')],
  ['accelerate', fixed('AccelerateConfiguration')],
  ['policy', absent('NoSuchBucketPolicy')],
  ['policyStatus', absent('NoSuchBucketPolicy')],
  ['cors', absent('NoSuchCORSConfiguration')],
  ['lifecycle', absent('NoSuchLifecycleConfiguration')],
  ['website', absent('NoSuchWebsiteConfiguration')],
  ['encryption', absent('ServerSideEncryptionConfigurationNotFoundError')],
  ['object-lock', absent('ObjectLockConfigurationNotFoundError')],
  ['replication', absent('ReplicationConfigurationNotFoundError')],
  ['publicAccessBlock', absent('NoSuchPublicAccessBlockConfiguration')],
  ['ownershipControls', absent('OwnershipControlsNotFoundError')],
])
