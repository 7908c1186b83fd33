import { describe, expect, test } from "bun:test"
import { clientHeaders, upstreamHeaders } from "../../src/core/headers.ts"

const KEY = "upstream-key"

const sent = (headers: Record<string, string>) => upstreamHeaders(new Headers(headers), KEY)

const same = (url: string) => url

describe("upstreamHeaders()", () => {
  test("passes on what the call is about", () => {
    const headers = {
      accept: "*/*",
      "accept-encoding": "gzip, deflate",
      "content-type": "application/json",
      "user-agent": "google-genai-sdk/3.1.0",
      "x-goog-api-client": "gl-node/24",
      "x-goog-upload-protocol": "resumable",
      "x-goog-upload-command": "start",
      "x-server-timeout": "60",
      "api-revision": "2026-05-20",
      range: "bytes=0-1",
      "x-custom": "1",
    }
    expect(sent(headers)).toEqual({ ...headers, "x-goog-api-key": KEY })
  })

  const dropped = [
    ...["Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection"],
    ...["TE", "Trailer", "Transfer-Encoding", "Upgrade"],
    ...["Authorization", "Cookie", "Host", "Content-Length", "Expect"],
    ...["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "CF-Connecting-IP"],
    ...["Origin", "Referer", "Sec-Fetch-Site", "X-Goog-User-Project", "X-HTTP-Method-Override"],
  ]
  test.each(dropped)("keeps %s from the upstream", (name) => {
    expect(sent({ [name]: "secret", accept: "*/*" })).toEqual({
      accept: "*/*",
      "accept-encoding": "identity",
      "x-goog-api-key": KEY,
    })
  })

  test("puts the upstream's key in the place of the client's", () => {
    expect(sent({ "X-Goog-Api-Key": "tm_client" })["x-goog-api-key"]).toBe(KEY)
  })

  test("drops the headers that Connection names, but never the upstream's key", () => {
    expect(
      sent({
        connection: "close, X-Hop ,x-goog-api-key,accept-encoding,",
        "x-hop": "1",
        "x-end": "2",
        "accept-encoding": "gzip",
      }),
    ).toEqual({
      "x-end": "2",
      "accept-encoding": "identity",
      "x-goog-api-key": KEY,
    })
  })

  test("asks for no compression when the client did not", () => {
    expect(sent({})).toEqual({ "accept-encoding": "identity", "x-goog-api-key": KEY })
    expect(sent({ "accept-encoding": "" })["accept-encoding"]).toBe("")
  })

  test("is not misled by a header named like a property of every object", () => {
    const headers = upstreamHeaders(
      new Headers([
        ["__proto__", "1"],
        ["constructor", "2"],
      ]),
      KEY,
    )
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype)
    expect(headers.constructor as unknown).toBe("2")
  })
})

describe("clientHeaders()", () => {
  test("passes on what the answer is about, its encoding and its length too", () => {
    const headers = {
      "content-type": "application/json; charset=UTF-8",
      "content-encoding": "gzip",
      "content-length": "12",
      "content-disposition": "attachment",
      "server-timing": "gfet4t7; dur=1",
      "x-gemini-service-tier": "standard",
      "x-goog-upload-status": "active",
      "retry-after": "3",
      vary: "Origin, X-Origin",
    }
    expect(Object.fromEntries(clientHeaders(new Headers(headers), same))).toEqual(headers)
  })

  const dropped = [
    ...["Connection", "Keep-Alive", "Proxy-Authenticate", "Trailer", "Transfer-Encoding", "Upgrade"],
    ...["Set-Cookie", "Alt-Svc"],
  ]
  test.each(dropped)("keeps %s from the client", (name) => {
    expect(Object.fromEntries(clientHeaders(new Headers({ [name]: "x", etag: "1" }), same))).toEqual({
      etag: "1",
    })
  })

  test("drops every cookie of several", () => {
    const incoming = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ])
    expect([...clientHeaders(incoming, same)]).toEqual([])
  })

  test("drops the headers that Connection names", () => {
    const incoming = new Headers({ connection: "close, x-hop", "x-hop": "1", "x-end": "2" })
    expect(Object.fromEntries(clientHeaders(incoming, same))).toEqual({ "x-end": "2" })
  })

  test("rewrites the URLs of uploads and redirects, and no other header", () => {
    const url = "https://upstream/upload?id=1"
    const names = ["X-Goog-Upload-URL", "X-Goog-Upload-Control-URL", "Location", "Link", "Content-Location"]
    const incoming = new Headers(names.map((name): [string, string] => [name, url]))
    expect(Object.fromEntries(clientHeaders(incoming, (text) => `seen:${text}`))).toEqual({
      "x-goog-upload-url": `seen:${url}`,
      "x-goog-upload-control-url": `seen:${url}`,
      location: `seen:${url}`,
      link: url,
      "content-location": url,
    })
  })

  test("leaves the answer's own headers alone", () => {
    const incoming = new Headers({ connection: "x-hop", "x-hop": "1", location: "/a" })
    clientHeaders(incoming, () => "/b")
    expect(Object.fromEntries(incoming)).toEqual({ connection: "x-hop", "x-hop": "1", location: "/a" })
  })
})
