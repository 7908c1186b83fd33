import { describe, expect, test } from "bun:test"
import { safeText, TEXT_LIMIT } from "../../src/core/text.ts"

const texts: ReadonlyArray<readonly [unknown, string | null]> = [
  ["gemini-2.5-flash", "gemini-2.5-flash"],
  ["日本 😀", "日本 😀"],
  ["a\u0000b", "ab"],
  ["\u0000", null],
  ["\ud800", "\ufffd"],
  ["a\udc00b", "a\ufffdb"],
  ["", null],
  [null, null],
  [undefined, null],
  [12, null],
  [["a"], null],
  ["x".repeat(TEXT_LIMIT + 1), "x".repeat(TEXT_LIMIT)],
  [`${"x".repeat(TEXT_LIMIT - 1)}😀`, `${"x".repeat(TEXT_LIMIT - 1)}\ufffd`],
]

describe("safeText()", () => {
  test.each(texts)("makes of %j a text that can be stored", (value, expected) => {
    expect(safeText(value)).toBe(expected)
  })
})
