/**
 * Where a request goes: its target is taken apart as it came on the wire, cleared of the client's key, and put onto the
 * upstream's one origin. Never resolves a path against a base, which is how `//evil.com/x` becomes another host.
 */
import { Option } from "effect"

export interface RequestTarget {
  /** Begins with one slash; percent-encoding untouched. */
  readonly path: string
  /** Without the credentials, with its `?`; or empty. */
  readonly query: string
  /** Credentials found in the query, decoded. */
  readonly keys: ReadonlyArray<string>
}

/** RFC 3986 leaves it to the server that `k%65y` is `key`: names are compared decoded. */
const CREDENTIALS: ReadonlySet<string> = new Set(["key", "access_token", "oauth_token"])

/** Takes an absolute URL of this server, as `Request.url` is, apart. None: it is not one that may be forwarded. */
export const requestTarget = (url: string): Option.Option<RequestTarget> => {
  const start = url.indexOf("/", url.indexOf("://") + 3)
  if (start < 8 || url.charCodeAt(start + 1) === SLASH) return Option.none()
  const hash = url.indexOf("#", start)
  const end = hash === -1 ? url.length : hash
  const mark = url.indexOf("?", start)
  if (mark === -1 || mark > end) return Option.some({ path: url.slice(start, end), query: "", keys: [] })
  return Option.some({ path: url.slice(start, mark), ...withoutCredentials(url.slice(mark + 1, end)) })
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

const SLASH = 0x2f

const withoutCredentials = (
  query: string,
): { readonly query: string; readonly keys: ReadonlyArray<string> } => {
  const keys: Array<string> = []
  const kept = query.split("&").filter((pair) => {
    const equals = pair.indexOf("=")
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    if (!CREDENTIALS.has(name)) return true
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
