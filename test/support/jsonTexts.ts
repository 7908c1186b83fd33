/** Arbitrary JSON texts for property tests, spelled in every way that JSON allows, and full of what misleads a reader. */
import fc from "fast-check"

export interface JsonTextOptions {
  /** Keys that objects have more often than others. */
  readonly keys: ReadonlyArray<string>
  /** Keys that an object has at most once; of the others the last one wins. */
  readonly once: ReadonlyArray<string>
}

const space = fc.constantFrom("", "", "", " ", "\n", "\r\n", "\t\t")

const fragment = fc.oneof(
  fc.string({ unit: "binary", maxLength: 6 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.constantFrom(
    '\\"',
    "\\\\",
    "\\/",
    "\\n",
    "\\u0022",
    "\\u005c",
    "\\uD83D\\uDE00",
    "\\ud800",
    "é",
    "日",
    "😀",
  ),
  fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "data: ",
    "\u2028",
    '\\"usageMetadata\\":{}',
    '{\\"error\\":1}',
  ),
  fc.nat({ max: 6 }).map((pairs) => "\\\\".repeat(pairs)),
  fc.nat({ max: 90 }).map((length) => "A".repeat(length)),
)

const stringText = fc.array(fragment, { maxLength: 5 }).map((fragments) => `"${fragments.join("")}"`)

const numberText = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
  fc.constantFrom("0", "-0", "1e3", "1E+2", "1e309", "-1.5e-7", "2147483648", "12345678901234567890"),
)

const scalarText = fc.oneof(stringText, numberText, fc.constantFrom("true", "false", "null"))

/** A key in quotes, now and then in `\u` escapes: the same key to any JSON parser. */
const spelled = (key: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(JSON.stringify(key)) },
    {
      weight: 1,
      arbitrary: fc.nat({ max: key.length - 1 }).map((at) => `"${key.slice(0, at)}${escapedAt(key, at)}"`),
    },
  )

/** The rest of the key, its first character escaped. */
const escapedAt = (key: string, at: number): string =>
  `\\u${key.charCodeAt(at).toString(16).padStart(4, "0")}${key.slice(at + 1)}`

/** Objects and arrays of objects more often than other values. */
export const jsonText = ({ keys, once }: JsonTextOptions): fc.Arbitrary<string> => {
  const key = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...keys).chain(spelled) },
    { weight: 1, arbitrary: stringText },
  )
  const { document } = fc.letrec<Record<"document" | "value" | "array" | "object" | "objects", string>>(
    (tie) => ({
      document: fc.oneof(tie("object"), tie("objects"), tie("value")),
      value: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        scalarText,
        tie("objects"),
        tie("object"),
        tie("array"),
      ),
      array: listOf(tie("value")),
      objects: listOf(tie("object")),
      object: fc
        .array(fc.tuple(space, key, space, space, tie("value"), space), { maxLength: 5 })
        .map((members) => `{${withoutRepeats(members, once).join(",")}}`),
    }),
  )
  return fc.tuple(space, document, space).map((parts) => parts.join(""))
}

const listOf = (element: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(space, element, space), { maxLength: 3 })
    .map((elements) => `[${elements.map((parts) => parts.join("")).join(",")}]`)

type MemberParts = readonly [string, string, string, string, string, string]

/** A null after a value of the same key is left out too: which of them counts is a matter of taste. */
const withoutRepeats = (members: ReadonlyArray<MemberParts>, once: ReadonlyArray<string>): Array<string> => {
  const seen = new Set<string>()
  return members.flatMap(([before, key, afterKey, beforeValue, value, after]) => {
    const name: string = JSON.parse(key)
    if (seen.has(name) && (once.includes(name) || value === "null")) return []
    seen.add(name)
    return [`${before}${key}${afterKey}:${beforeValue}${value}${after}`]
  })
}
