/** Runs before the first test file: lets helpers put away, at the end of the whole run, what several files share. */
import { afterAll } from "bun:test"

const finalizers: Array<() => Promise<void>> = []

export const atEndOfRun = (finalizer: () => Promise<void>): void => {
  finalizers.push(finalizer)
}

/** Stopping PostgreSQL on a busy machine takes longer than Bun's default of 5 seconds. */
const PUT_AWAY_WITHIN = 60_000

afterAll(async () => {
  for (const finalizer of finalizers.splice(0).reverse()) await finalizer()
}, PUT_AWAY_WITHIN)
