/** Runs before the first test file: lets helpers put away, at the end of the whole run, what several files share. */
import { afterAll } from "bun:test"

const finalizers: Array<() => Promise<void>> = []

export const atEndOfRun = (finalizer: () => Promise<void>): void => {
  finalizers.push(finalizer)
}

afterAll(async () => {
  for (const finalizer of finalizers.splice(0).reverse()) await finalizer()
})
