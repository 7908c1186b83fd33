/**
 * Makes foreign text safe to store: what PostgreSQL would refuse, or what would make a row large, is repaired here,
 * before a row exists. Never decides what a text means.
 */

/** Longest identifier kept, in UTF-16 units. Gemini's own are under 100; a longer one is not an identifier. */
export const TEXT_LIMIT = 256

/**
 * A string that every PostgreSQL `text` column accepts: no NUL (SQLSTATE 22021), no lone surrogate (22P02 in jsonb),
 * at most `TEXT_LIMIT` long. Anything else, and what leaves nothing, is null.
 */
export const safeText = (value: unknown): string | null => {
  if (typeof value !== "string") return null
  const text = value.slice(0, TEXT_LIMIT).replaceAll("\u0000", "").toWellFormed()
  return text === "" ? null : text
}
