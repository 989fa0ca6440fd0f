/** Numbers of SFTP version 3 (draft-ietf-secsh-filexfer-02) and the extensions this door speaks. */
export const REQUEST = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  extended: 200,
} as const

export const REPLY = {
  version: 2,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 201,
} as const

export const STATUS = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const
export type StatusCode = (typeof STATUS)[keyof typeof STATUS]

/** Flags of OPEN. */
export const OPEN = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const

export const VERSION = 3
/** Bytes behind the length field; what OpenSSH accepts too. */
export const MAX_PACKET = 256 * 1024
/** Bytes in one READ or WRITE, as `limits@openssh.com` tells: room for the other fields is left. */
export const MAX_DATA = MAX_PACKET - 1024
/** Handles open in one session. */
export const MAX_HANDLES = 256
