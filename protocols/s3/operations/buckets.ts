import type { Entry } from '#files/types.ts'
import { ROOT } from '#permissions/path.ts'
import { discardBody } from '../body.ts'
import {
  answerEmpty,
  answerXml,
  bucketPath,
  existingBucket,
  isFault,
  type Operation,
  param,
} from '../call.ts'
import { S3Fault } from '../errors.ts'
import { refuseUnkept } from '../given-metadata.ts'
import { countParam } from '../listing.ts'
import { element, group, xmlDocument } from '../markup.ts'
import { ownerXml } from '../objects.ts'

const MOST_BUCKETS = 10_000

/** GET /: the top-level folders. */
export const listBuckets: Operation = async (call) => {
  const prefix = param(call, 'prefix') ?? ''
  const most = countParam(call, 'max-buckets', MOST_BUCKETS)
  const token = param(call, 'continuation-token')
  let after: string | null = token === undefined ? '' : Buffer.from(token, 'base64url').toString()
  const buckets: Entry[] = []
  while (after !== null && buckets.length < most) {
    const page = await call.session.files.list(ROOT, {
      ...(after === '' ? {} : { after }),
      ...(prefix === '' ? {} : { prefix }),
      limit: Math.min(most - buckets.length, 1_000),
    })
    buckets.push(...page.entries.filter(({ kind }) => kind === 'folder'))
    after = page.next
  }
  const inner = buckets.map((entry) => group('Bucket', bucketXml(entry, call.region))).join('')
  const next = after === null ? '' : element('ContinuationToken', Buffer.from(after).toString('base64url'))
  answerXml(
    call,
    xmlDocument('ListAllMyBucketsResult', group('Owner', ownerXml(call)) + group('Buckets', inner) + next),
  )
}

function bucketXml(entry: Entry, region: string): string {
  return (
    element('Name', entry.name) +
    element('CreationDate', new Date(entry.created).toISOString()) +
    element('BucketRegion', region)
  )
}

// No address, and each label between the dots a host name's: not empty, no hyphen at its ends.
const BUCKET_NAME = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*(\.\.|-\.|\.-))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** PUT bucket: makes a top-level folder. Its name must follow S3's rules; folders that exist need not. */
export const createBucket: Operation = async (call) => {
  if (!BUCKET_NAME.test(call.request.bucket)) throw new S3Fault('InvalidBucketName')
  refuseUnkept(call)
  await discardBody(call)
  const path = bucketPath(call)
  try {
    await call.session.files.mkdir(path)
  } catch (error) {
    // rclone makes the bucket before it writes: who may use it but not make it is told that it is there.
    const there = isFault(error, 'exists', 'forbidden', 'not_found') && (await isFolder(call))
    throw there ? new S3Fault('BucketAlreadyOwnedByYou') : error
  }
  answerEmpty(call, 200, { Location: `/${call.request.bucket}` })
}

async function isFolder(call: Parameters<Operation>[0]): Promise<boolean> {
  return existingBucket(call).then(
    () => true,
    () => false,
  )
}

/** HEAD bucket */
export const headBucket: Operation = async (call) => {
  await existingBucket(call)
  answerEmpty(call, 200, { 'x-amz-bucket-region': call.region, 'x-amz-access-point-alias': 'false' })
}

/** DELETE bucket: an empty folder only. */
export const deleteBucket: Operation = async (call) => {
  await call.session.files.remove(await existingBucket(call))
  answerEmpty(call, 204)
}

/** GET bucket?location */
export const getBucketLocation: Operation = async (call) => {
  await existingBucket(call)
  answerXml(call, xmlDocument('LocationConstraint', call.region === 'us-east-1' ? '' : call.region))
}
