/**
 * Where a request goes: its target is taken apart as it came on the wire, cleared of the client's key, and put onto the
 * upstream's one origin. Never resolves a path against a base, which is how `//evil.com/x` becomes another host.
 */
import { Option } from "effect"

export interface RequestTarget {
  /** Begins with one slash; percent-encoding untouched. */
  readonly path: string
  /** Without what only the client may say, with its `?`; or empty. */
  readonly query: string
  /** Credentials found in the query, decoded. */
  readonly keys: ReadonlyArray<string>
}

/**
 * Not for the upstream: credentials, and what would make the request another one than was metered. RFC 3986 leaves it
 * to the server that `k%65y` is `key`: names are compared decoded.
 */
const CLIENT_ONLY: ReadonlySet<string> = new Set(["key", "access_token", "oauth_token", "$httpMethod"])

/** Takes an absolute URL of this server, as `Request.url` is, apart. None: it is not one that may be forwarded. */
export const requestTarget = (url: string): Option.Option<RequestTarget> => {
  const [, path, query] = ABSOLUTE_URL.exec(url) ?? []
  if (path === undefined || path.startsWith("//") || REMOVED_BY_PARSERS.test(url)) return Option.none()
  if (query === undefined) return Option.some({ path, query: "", keys: [] })
  return Option.some({ path, ...withoutCredentials(query) })
}

/** The URL on the upstream's origin; none if it would be on any other. */
export const upstreamUrl = (origin: string, target: RequestTarget): Option.Option<string> => {
  const url = origin + target.path + target.query
  return URL.canParse(url) && new URL(url).origin === origin ? Option.some(url) : Option.none()
}

/** A URL of the upstream as the client must see it, on this server's origin and without credentials; any other URL as it is. */
export const clientUrl = (upstreamOrigin: string, clientOrigin: string, url: string): string => {
  if (!url.startsWith(`${upstreamOrigin}/`)) return url
  return Option.match(requestTarget(url), {
    onNone: () => url,
    onSome: ({ path, query }) => clientOrigin + path + query,
  })
}

/** Its path and its query. With a malformed `Host` header, `Request.url` is not one. */
const ABSOLUTE_URL = /^https?:\/\/[^/?#]+(\/[^?#]*)(?:\?([^#]*))?/

/** WHATWG URL, 4.4: with these in it, a URL that was checked is not the URL that is sent. */
const REMOVED_BY_PARSERS = /[\t\n\r]/

const withoutCredentials = (
  query: string,
): { readonly query: string; readonly keys: ReadonlyArray<string> } => {
  const keys: Array<string> = []
  const kept = query.split("&").filter((pair) => {
    const equals = pair.indexOf("=")
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    if (!CLIENT_ONLY.has(name)) return true
    if (name === "key" && equals !== -1) keys.push(decode(pair.slice(equals + 1)))
    return false
  })
  const rest = kept.join("&")
  return { query: rest === "" ? "" : `?${rest}`, keys }
}

const decode = (text: string): string => {
  if (!text.includes("%") && !text.includes("+")) return text
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return text
  }
}
