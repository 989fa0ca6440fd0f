/**
 * True when less than `span` milliseconds have passed since `at`. What is said to be of the future is not young: the
 * clock was put back, and nothing may last until it has caught up.
 */
export function isYoung(at: number, span: number, now: number): boolean {
  return at <= now && now - at < span
}
