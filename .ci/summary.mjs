// Reads vitest's JSON reports and prints what failed, by name and first lines, and the sum: the end of a log is what
// is read when it is cut.
import { readFileSync } from 'node:fs'

const LINES_OF_A_FAILURE = 12

const runs = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')))
for (const file of runs.flatMap((run) => run.testResults)) {
  const failed = file.assertionResults.filter((test) => test.status === 'failed')
  for (const test of failed) report(`${file.name}: ${test.fullName}`, test.failureMessages.join('\n'))
  if (failed.length === 0 && file.status === 'failed') report(file.name, file.message)
}
const sum = (name) => runs.reduce((all, run) => all + run[name], 0)
console.log(
  `${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed, ${sum('numPendingTests')} skipped`,
)

function report(name, message) {
  console.log(`FAILED ${name}`)
  console.log(message.split('\n').slice(0, LINES_OF_A_FAILURE).join('\n'))
}
