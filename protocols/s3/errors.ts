import { Fault, type FaultCode } from '#faults'

type CodeRow = readonly [status: number, fault: FaultCode, message: string]

/** Every S3 error code that this door answers, its HTTP status, and what is said when there is no better text. */
const CODES = {
  AccessDenied: [403, 'forbidden', 'Access Denied'],
  AccessForbidden: [403, 'forbidden', 'CORS is not enabled for this bucket.'],
  AuthorizationHeaderMalformed: [400, 'invalid', 'The authorization header is malformed.'],
  AuthorizationQueryParametersError: [400, 'invalid', 'The authorization query parameters are malformed.'],
  BadRequest: [400, 'invalid', 'Bad Request'],
  BadDigest: [400, 'invalid', 'The checksum that you sent does not match what was received.'],
  BucketAlreadyOwnedByYou: [409, 'exists', 'The bucket exists already and is yours.'],
  BucketNotEmpty: [409, 'not_empty', 'The bucket that you tried to delete is not empty.'],
  ConditionalRequestConflict: [
    409,
    'precondition',
    'Another change of this object took place during this one. Please retry.',
  ],
  EntityTooLarge: [400, 'too_large', 'The upload is larger than allowed.'],
  EntityTooSmall: [400, 'invalid', 'Each part but the last must hold at least 5 MiB.'],
  ExistingObjectIsDirectory: [
    409,
    'exists',
    'A folder of that name exists: its objects begin with this key.',
  ],
  IncompleteBody: [400, 'invalid', 'The body is shorter or longer than the request says.'],
  InternalError: [500, 'internal', 'We encountered an internal error. Please try again.'],
  InvalidArgument: [400, 'invalid', 'Invalid Argument'],
  InvalidBucketName: [400, 'invalid', 'The specified bucket is not valid.'],
  InvalidDigest: [400, 'invalid', 'The Content-MD5 that you sent is not valid.'],
  InvalidPolicyDocument: [400, 'invalid', 'The content of the form does not meet its policy document.'],
  InvalidPart: [400, 'invalid', 'One or more of the parts could not be found, or its ETag does not match.'],
  InvalidPartNumber: [416, 'range', 'The requested part does not exist.'],
  InvalidPartOrder: [400, 'invalid', 'The list of parts was not in ascending order.'],
  InvalidRange: [416, 'range', 'The requested range is not satisfiable'],
  InvalidRequest: [400, 'invalid', 'Invalid Request'],
  InvalidTag: [400, 'invalid', 'The tag provided was not a valid tag.'],
  InvalidURI: [400, 'invalid', 'The URI could not be parsed.'],
  KeyTooLongError: [400, 'invalid', 'Your key is too long'],
  MalformedPOSTRequest: [400, 'invalid', 'The body of your POST is not well-formed multipart/form-data.'],
  MalformedTrailerError: [400, 'invalid', 'The request contained trailing data that was not well-formed.'],
  MalformedXML: [400, 'invalid', 'The XML you provided was not well-formed or did not match our schema.'],
  MaxPostPreDataLengthExceededError: [
    400,
    'too_large',
    'Your POST request fields preceding the upload file were too large.',
  ],
  MetadataTooLarge: [400, 'too_large', 'Your metadata headers exceed 2,048 bytes.'],
  MethodNotAllowed: [405, 'unsupported', 'The specified method is not allowed against this resource.'],
  NoSuchBucket: [404, 'not_found', 'The specified bucket does not exist'],
  NoSuchBucketPolicy: [404, 'not_found', 'The bucket policy does not exist'],
  NoSuchCORSConfiguration: [404, 'not_found', 'The CORS configuration does not exist'],
  NoSuchKey: [404, 'not_found', 'The specified key does not exist.'],
  NoSuchLifecycleConfiguration: [404, 'not_found', 'The lifecycle configuration does not exist'],
  NoSuchTagSet: [404, 'not_found', 'The TagSet does not exist'],
  NoSuchUpload: [404, 'not_found', 'The specified multipart upload does not exist.'],
  NoSuchVersion: [404, 'not_found', 'The specified version does not exist.'],
  NoSuchWebsiteConfiguration: [404, 'not_found', 'The website configuration does not exist'],
  NotImplemented: [501, 'unsupported', 'This server does not offer that S3 function.'],
  ObjectLockConfigurationNotFoundError: [404, 'not_found', 'Object Lock is not configured for this bucket'],
  ObjectParentIsFile: [409, 'exists', 'An object has the name of one of the folders in this key.'],
  OperationAborted: [409, 'locked', 'The object is locked, or another change to it is in progress.'],
  OwnershipControlsNotFoundError: [404, 'not_found', 'The bucket ownership controls were not found'],
  PreconditionFailed: [412, 'precondition', 'At least one of the preconditions you specified did not hold'],
  NoSuchPublicAccessBlockConfiguration: [404, 'not_found', 'The public access block does not exist'],
  QuotaExceeded: [403, 'quota', 'There is no room left for this upload.'],
  ReplicationConfigurationNotFoundError: [404, 'not_found', 'The replication configuration was not found'],
  RequestTimeTooSkewed: [403, 'unauthenticated', 'The request time differs too much from the server time.'],
  ServerSideEncryptionConfigurationNotFoundError: [
    404,
    'not_found',
    'No server side encryption is configured',
  ],
  ServiceUnavailable: [503, 'unavailable', 'Please try again later.'],
  SignatureDoesNotMatch: [
    403,
    'unauthenticated',
    'The request signature does not match. Check your access key id, secret access key and signing method.',
  ],
  SlowDown: [503, 'rate_limited', 'Please reduce your request rate.'],
  XAmzContentSHA256Mismatch: [400, 'invalid', "The 'x-amz-content-sha256' header does not match the body."],
} as const satisfies Record<string, CodeRow>

export type S3Code = keyof typeof CODES

/** A Fault for which S3 has a word of its own. `details` become further elements of the error XML. */
export class S3Fault extends Fault {
  readonly s3Code: S3Code
  readonly details: Readonly<Record<string, string>>

  constructor(s3Code: S3Code, message?: string, details: Readonly<Record<string, string>> = {}) {
    super(CODES[s3Code][1], message ?? CODES[s3Code][2])
    this.s3Code = s3Code
    this.details = details
  }
}

export function statusOf(code: S3Code): number {
  return CODES[code][0]
}

export function defaultMessage(code: S3Code): string {
  return CODES[code][2]
}
