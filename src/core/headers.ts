/**
 * Which headers cross the gateway, each way. Everything does, except what HTTP itself makes a matter of one connection,
 * what identifies or authenticates the client, and what the two legs must each say for themselves.
 */

/** RFC 9110, 7.6.1: meant for the next hop only, with those that `Connection` names. Keep-Alive, Proxy-*: RFC 9110, 11.7 and 7.6.1. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/** The client's own: credentials of the first leg, and what tells the upstream about the client rather than the call. */
const CLIENT_ONLY: ReadonlySet<string> = new Set([
  "x-goog-api-key",
  "authorization",
  "cookie",
  "host",
  // Counted anew on the second leg; a wrong one would desynchronise it (RFC 9112, 6.3).
  "content-length",
  // Answered by this server already (RFC 9110, 10.1.1).
  "expect",
  "forwarded",
  "origin",
  "referer",
  "via",
  "x-goog-user-project",
  // The upstream would take the request for another one than was metered.
  "x-http-method-override",
  "x-real-ip",
])

const isClientOnly = (name: string): boolean =>
  CLIENT_ONLY.has(name) ||
  name.startsWith("x-forwarded-") ||
  name.startsWith("sec-") ||
  name.startsWith("cf-")

/** About the upstream's connection and origin, not the answer: cookies and alternative services (RFC 7838) of another host. */
const UPSTREAM_ONLY: ReadonlySet<string> = new Set(["set-cookie", "alt-svc"])

type Pairs = Iterable<readonly [string, string]>

/** The request's headers for the upstream, with the upstream's key, which is set last so that nothing can undo it. */
export const upstreamHeaders = (incoming: Headers, upstreamKey: string): Record<string, string> => {
  const nominated = nominatedBy(incoming.get("connection"))
  const headers: Record<string, string> = {}
  for (const [name, value] of incoming as Pairs) {
    if (!HOP_BY_HOP.has(name) && !isClientOnly(name) && !nominated?.has(name)) headers[name] = value
  }
  // Bun adds an accept-encoding of its own where there is none; an answer must not be compressed that nobody asked to be.
  headers["accept-encoding"] ??= "identity"
  headers["x-goog-api-key"] = upstreamKey
  return headers
}

/** The answer's headers for the client. `rewrite` maps URLs of the upstream in the headers that carry one. */
export const clientHeaders = (incoming: Headers, rewrite: (url: string) => string): Headers => {
  const nominated = nominatedBy(incoming.get("connection"))
  const headers = new Headers(incoming)
  for (const name of HOP_BY_HOP) headers.delete(name)
  for (const name of UPSTREAM_ONLY) headers.delete(name)
  if (nominated !== null) for (const name of nominated) headers.delete(name)
  for (const name of URL_HEADERS) {
    const url = headers.get(name)
    if (url !== null) headers.set(name, rewrite(url))
  }
  return headers
}

/** The second leg of a resumable upload, and redirects of downloads: they name the upstream, where the client's key is worth nothing. */
const URL_HEADERS = ["x-goog-upload-url", "x-goog-upload-control-url", "location"] as const

/** RFC 9110, 7.6.1: `Connection` names further headers of the hop. */
const nominatedBy = (connection: string | null): ReadonlySet<string> | null => {
  const names = connection?.toLowerCase()
  if (names === undefined || names === "keep-alive" || names === "close") return null
  return new Set(names.split(",").map((name) => name.trim()))
}
