/** The one error of the embedded PostgreSQL: a line that says what is wrong and what to do about it. */
import { Data } from "effect"

export class EmbeddedDatabaseError extends Data.TaggedError("EmbeddedDatabaseError")<{
  readonly message: string
}> {}
