import { ACCOUNT_ROUTES } from './pages/account.ts'
import { AUDIT_ROUTES } from './pages/audit.ts'
import { FILE_ROUTES } from './pages/files.ts'
import { GRANT_ROUTES } from './pages/grants.ts'
import { GROUP_ROUTES } from './pages/groups.ts'
import { KEY_ROUTES } from './pages/keys.ts'
import { LOGIN_ROUTES } from './pages/login.ts'
import { OVERVIEW_ROUTES } from './pages/overview.ts'
import { SECOND_FACTOR_ROUTES } from './pages/second-factor.ts'
import { SETTINGS_ROUTES } from './pages/settings.ts'
import { SITE_ROUTES } from './pages/sites.ts'
import { TRASH_ROUTES } from './pages/trash.ts'
import { USER_ROUTES } from './pages/users.ts'
import type { Route } from './route.ts'

/** Every address of the console, with who may use it. */
export const ROUTES: readonly Route[] = [
  ...LOGIN_ROUTES,
  ...OVERVIEW_ROUTES,
  ...KEY_ROUTES,
  ...FILE_ROUTES,
  ...TRASH_ROUTES,
  ...USER_ROUTES,
  ...GRANT_ROUTES,
  ...GROUP_ROUTES,
  ...SITE_ROUTES,
  ...AUDIT_ROUTES,
  ...SETTINGS_ROUTES,
  ...ACCOUNT_ROUTES,
  ...SECOND_FACTOR_ROUTES,
]
