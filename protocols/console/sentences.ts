import type { Action } from '#permissions/decide.ts'
import type { Scope } from '#permissions/scopes.ts'

/** What a page says after a change, by the name in its address. */
export const DONE: ReadonlyMap<string, string> = new Map([
  ['saved', 'Saved.'],
  ['key-disabled', 'The key is disabled. Its sessions have ended.'],
  ['key-enabled', 'The key is enabled again.'],
  ['key-deleted', 'The key is deleted for good.'],
  ['session-ended', 'The session has ended.'],
  ['user-made', 'The user is there. Without a grant a member has no access yet.'],
  ['user-disabled', 'The user is disabled. All keys and sessions have stopped.'],
  ['user-enabled', 'The user is enabled again.'],
  ['user-deleted', 'The user is deleted.'],
  ['factor-off', 'The second factor is off.'],
  ['grant-added', 'The grant is added.'],
  ['grant-removed', 'The grant is removed.'],
  ['group-made', 'The group is there.'],
  ['group-deleted', 'The group is deleted.'],
  ['joined', 'The user is a member of the group.'],
  ['left', 'The user is no member any more.'],
  ['site-made', 'The site is there.'],
  ['site-disabled', 'The site is disabled: nobody comes in.'],
  ['site-enabled', 'The site is enabled again.'],
  ['site-deleted', 'The site is deleted. Its files stay on the disk.'],
  ['password', 'Your password is changed. Your other logins in browsers have ended.'],
  ['browsers-ended', 'The other logins have ended.'],
  ['ssh-added', 'The SSH key is added.'],
  ['ssh-removed', 'The SSH key is removed.'],
  ['folder-made', 'The folder is there.'],
  ['renamed', 'Renamed.'],
  ['removed', 'Deleted.'],
  ['restored', 'It is back.'],
  ['purged', 'Deleted for good.'],
])

/** One sentence for each scope. */
export const SCOPE_SENTENCES: Readonly<Record<Scope, string>> = {
  'files.list': 'See what is in folders.',
  'files.read': 'Download files.',
  'files.write': 'Upload and overwrite files, make folders.',
  'files.copy': 'Copy on the server, without a download.',
  'files.rename': 'Rename and move.',
  'files.delete': 'Delete into the trash.',
  'files.purge': 'Delete for good; needs “delete” too.',
  'folders.read': 'See the top-level folders (S3 buckets).',
  'folders.write': 'Make and rename top-level folders; administrators only.',
  'folders.purge': 'Delete top-level folders for good; administrators only.',
  'text.share': 'Share snippets of text.',
  'text.manage': 'Manage own snippets.',
  'file.share': 'Make links to files.',
  'file.manage': 'Manage own links.',
  'webdav.read': 'Come in by WebDAV, to read.',
  'webdav.manage': 'Come in by WebDAV, to change things.',
  sftp: 'Come in by SFTP.',
  ftp: 'Come in by FTP.',
  s3: 'Come in by S3; needs an access key pair.',
  rest: 'Come in by REST.',
  admin: 'Use the admin API, with an administrator’s role.',
}

/** What each preset is for. */
export const PRESET_SENTENCES: ReadonlyMap<string, string> = new Map([
  ['files_only', 'Files through every door, and nothing of administration. The usual choice.'],
  ['read_only', 'See and download only.'],
  ['upload_only', 'Drop files in; see and read nothing.'],
  ['full', 'All that the user may, administration included.'],
  ['none', 'Nothing yet: the key opens no door.'],
])

/** Names of doors as people know them. */
export const DOOR_NAMES = {
  webdav: 'WebDAV',
  sftp: 'SFTP',
  ftp: 'FTP',
  s3: 'S3',
  rest: 'REST and console',
} as const

/** What may be asked about, in words. */
export const ACTION_WORDS: Readonly<Record<Action, string>> = {
  list: 'list a folder',
  stat: 'see that it is there',
  read: 'download',
  write: 'upload or overwrite',
  mkdir: 'make a folder',
  copy_from: 'copy from here',
  copy_to: 'copy to here',
  rename_from: 'move away from here',
  rename_to: 'move to here',
  delete: 'delete into the trash',
  purge: 'delete for good',
  folder_create: 'make a top-level folder',
  folder_rename_from: 'rename a top-level folder from this',
  folder_rename_to: 'rename a top-level folder to this',
  folder_delete: 'delete a top-level folder',
  folder_purge: 'delete a top-level folder for good',
  administer: 'use the admin API',
}

/** Why a use is refused. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['door', 'The key, its user or the site is not for this door.'],
  ['address', 'Not from this address.'],
  ['time', 'Not at this time.'],
  ['not_before', 'It is not valid yet.'],
  ['expired', 'It has expired.'],
  ['door_scope', 'The key has no scope for this door.'],
  ['scope', 'The key lacks the scope for this.'],
  ['role', 'Only administrators may do this.'],
  ['base_path', 'This lies outside of the key’s folder.'],
  ['storage', 'This lies on a storage that the key does not have.'],
  ['grant', 'Neither the user nor a group of theirs has a grant for this.'],
  ['read_only', 'The storage is read-only.'],
  ['not_own', 'An upload-only key replaces nothing that it did not upload.'],
  ['key_disabled', 'The key is disabled.'],
  ['key_expired', 'The key has expired.'],
  ['value_stopped', 'Its value has stopped.'],
  ['site_disabled', 'The site is disabled.'],
  ['user_missing', 'Its user is gone.'],
  ['user_elsewhere', 'Its user belongs to another site now.'],
  ['user_disabled', 'Its user is disabled.'],
  ['user_expired', 'Its user’s time is over.'],
  ['no_scopes', 'The key has no scope at all.'],
  ['no_passwords', 'The site lets nobody in with an own password.'],
  ['second_factor', 'With a second factor the password alone opens no door.'],
  ['wrong_code', 'The second factor’s code was wrong.'],
  ['wrong_value', 'The value or password was wrong.'],
  ['unknown', 'There is no such login.'],
  ['mistyped', 'The value was mistyped or cut.'],
  ['held_back', 'Held back after too many wrong tries.'],
  ['other_site', 'It belongs to another site.'],
  ['other_login', 'The value belongs to another key.'],
  ['no_guest', 'There is no guest key.'],
])

/** A reason in words; the reason itself where there are none. */
export function reasonWords(reason: string): string {
  return REASONS.get(reason) ?? reason
}
