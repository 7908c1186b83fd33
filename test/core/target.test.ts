import { describe, expect, test } from "bun:test"
import { Option } from "effect"
import fc from "fast-check"
import { clientUrl, requestTarget, upstreamUrl } from "../../src/core/target.ts"

const ORIGIN = "https://generativelanguage.googleapis.com"

const taken: ReadonlyArray<readonly [string, string, string, ReadonlyArray<string>]> = [
  ["http://h/v1beta/models", "/v1beta/models", "", []],
  ["http://h:8080/v1beta/models/m:generateContent", "/v1beta/models/m:generateContent", "", []],
  ["https://[::1]:8080/v1?alt=sse", "/v1", "?alt=sse", []],
  ["http://e@h/v1", "/v1", "", []],
  ["http://h/", "/", "", []],
  ["http://h/a//b", "/a//b", "", []],
  ["http://h/a%2F%2fb%20c", "/a%2F%2fb%20c", "", []],
  ["http://h/a?", "/a", "", []],
  ["http://h/a?b=c?d/e", "/a", "?b=c?d/e", []],
  ["http://h/a#b?key=c", "/a", "", []],
  ["http://h/a?b#c?d", "/a", "?b", []],
  ["http://h/a?u=http://x//y", "/a", "?u=http://x//y", []],
  ["http://h/a?b=1&&c&=d&b=2", "/a", "?b=1&&c&=d&b=2", []],
  ["http://h/a?key=k", "/a", "", ["k"]],
  ["http://h/a?alt=sse&key=k&x=1", "/a", "?alt=sse&x=1", ["k"]],
  ["http://h/a?key=k&key=l&key=", "/a", "", ["k", "l", ""]],
  ["http://h/a?key", "/a", "", []],
  ["http://h/a?key=k=l", "/a", "", ["k=l"]],
  ["http://h/a?key=a%2Bb+c", "/a", "", ["a+b c"]],
  ["http://h/a?key=%zz", "/a", "", ["%zz"]],
  ["http://h/a?k%65y=k&%6B%65%79=l", "/a", "", ["k", "l"]],
  ["http://h/a?access_token=t&oauth_token=u&oauth%5ftoken=v", "/a", "", []],
  ["http://h/a?$httpMethod=GET&%24httpMethod=PUT", "/a", "", []],
  ["http://h/a?Key=k&keys=l&xkey=m&quotaUser=u", "/a", "?Key=k&keys=l&xkey=m&quotaUser=u", []],
  [
    "http://h/a?$alt=json;enum-encoding=int&%24.xgafv=2",
    "/a",
    "?$alt=json;enum-encoding=int&%24.xgafv=2",
    [],
  ],
]

const refused: ReadonlyArray<readonly [string, string]> = [
  ["begins with two slashes", "http://h//evil.com/x"],
  ["is nothing but two slashes", "http://h//"],
  ["is not there", "http://h"],
  ["is not there before the query", "http://h?a=/b"],
  ["is not there before the fragment", "http://h#/b"],
  ["has no host before it", "http:///a"],
  ["stands alone", "/v1beta/models"],
  ["stands alone and is long", "/v1beta-and-more/models"],
  ["stands alone with a URL in its query", "/v1beta?u=http://h/x"],
  ["is of another scheme", "ftp://h/v1"],
  ["has a line feed in it", "http://h/v1\nbeta"],
  ["is followed by a parameter with a tab in its name", "http://h/v1?ke\ty=k"],
  ["is empty", ""],
]

describe("requestTarget()", () => {
  test.each(taken)("takes %s apart", (url, path, query, keys) => {
    expect(requestTarget(url)).toEqual(Option.some({ path, query, keys }))
  })

  test.each(refused)("refuses a path that %s", (_, url) => {
    expect(requestTarget(url)).toEqual(Option.none())
  })
})

describe("upstreamUrl()", () => {
  const target = (path: string, query = "") => ({ path, query, keys: [] })

  test("puts path and query onto the origin as they are", () => {
    expect(upstreamUrl(ORIGIN, target("/v1beta/a%2Fb:c", "?x=%20y"))).toEqual(
      Option.some(`${ORIGIN}/v1beta/a%2Fb:c?x=%20y`),
    )
  })

  test.each([[".evil.com/x"], ["@evil.com/x"], [":1234/x"], [":x@evil.com/x"], ["x/y"]])(
    "refuses %s, which would be on another origin",
    (path) => {
      expect(upstreamUrl(ORIGIN, target(path))).toEqual(Option.none())
    },
  )

  test("leaves the upstream's origin for no request, whatever its URL", () => {
    const part = fc.constantFrom(
      ..."/\\@:?#.%&=;[] \t\n\r".split(""),
      "evil.com",
      "//",
      "%2f",
      "%5c",
      "..",
      "é",
      "\u0000",
      "key=k",
    )
    const url = fc.array(part, { maxLength: 12 }).map((parts) => `http://h/${parts.join("")}`)
    let forwarded = 0
    fc.assert(
      fc.property(url, (text) => {
        const forward = Option.flatMap(requestTarget(text), (found) => upstreamUrl(ORIGIN, found))
        if (Option.isNone(forward)) return
        forwarded++
        expect(new URL(forward.value).origin).toBe(ORIGIN)
        expect(new URL(forward.value).searchParams.has("key")).toBe(false)
      }),
      { numRuns: 3000, seed: 20261121 },
    )
    expect(forwarded).toBeGreaterThan(1000)
  })
})

describe("clientUrl()", () => {
  const seen: ReadonlyArray<readonly [string, string, string]> = [
    [
      "an upload",
      `${ORIGIN}/upload/v1beta/files?upload_id=1&upload_protocol=resumable`,
      "http://me:1/upload/v1beta/files?upload_id=1&upload_protocol=resumable",
    ],
    [
      "a URL with the upstream's key in it",
      `${ORIGIN}/upload?key=upstream&upload_id=1`,
      "http://me:1/upload?upload_id=1",
    ],
    [
      "a download",
      `${ORIGIN}/download/v1beta/files/x:download?alt=media`,
      "http://me:1/download/v1beta/files/x:download?alt=media",
    ],
    ["a relative URL", "/v1beta/x", "/v1beta/x"],
    [
      "a URL of another host",
      "https://storage.googleapis.com/x?key=1",
      "https://storage.googleapis.com/x?key=1",
    ],
    ["a host that begins like the upstream", `${ORIGIN}.evil.com/x`, `${ORIGIN}.evil.com/x`],
    ["a user name that is the upstream", `${ORIGIN}@evil.com/x`, `${ORIGIN}@evil.com/x`],
    ["no URL", "nonsense", "nonsense"],
  ]
  test.each(seen)("shows the client %s as it may follow it", (_, url, expected) => {
    expect(clientUrl(ORIGIN, "http://me:1", url)).toBe(expected)
  })
})
