import { makeSqlite } from '#test/records/database.ts'
import { recordsSuite } from '#test/suites/records.ts'

recordsSuite('SQLite', makeSqlite)
