/**
 * The contract at `/openapi.json` and Swagger UI at `/docs`, all of it served from here: the page asks no other host for
 * anything. What the contract says lives in `openapi.ts` and in the routes' own `detail`, never here.
 */
import { swagger } from "@elysiajs/swagger"
import { Elysia } from "elysia"
import stylesFile from "../../node_modules/swagger-ui-dist/swagger-ui.css" with { type: "file" }
import bundleFile from "../../node_modules/swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" }
import { documentation } from "./openapi.ts"

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>tokenmeter API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

const START = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
})
`

/** All that Swagger UI needs: its stylesheet draws icons from `data:` URLs, and it inserts no inline style or script. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

/** `no-cache` keeps a copy but asks whether it still holds: an upgrade shows at once, a reload costs a 304. */
const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const

const entityTag = async (content: Blob): Promise<string> =>
  `"${Bun.hash(await content.arrayBuffer()).toString(36)}"`

const serve = (content: Blob, contentType: string) => {
  let tag: Promise<string> | undefined
  return async ({ request }: { readonly request: Request }): Promise<Response> => {
    tag ??= entityTag(content)
    const etag = await tag
    // The quotes make the substring test exact, in a list and behind a proxy's `W/` too.
    if (request.headers.get("if-none-match")?.includes(etag) === true)
      return new Response(null, { status: 304, headers: { ...HEADERS, etag } })
    return new Response(content, { headers: { ...HEADERS, etag, "content-type": contentType } })
  }
}

const HIDDEN = { detail: { hide: true } } as const

export const docs = (options: { readonly version: string }) =>
  new Elysia({ name: "docs" })
    // The plugin puts a page of its own, which loads scripts from a CDN, at `path`; the later route replaces it.
    .use(swagger({ path: "/docs", specPath: "/openapi.json", documentation: documentation(options.version) }))
    .get("/docs", serve(new Blob([PAGE]), "text/html; charset=utf-8"), HIDDEN)
    .get("/docs/start.js", serve(new Blob([START]), "text/javascript; charset=utf-8"), HIDDEN)
    .get("/docs/swagger-ui-bundle.js", serve(Bun.file(bundleFile), "text/javascript; charset=utf-8"), HIDDEN)
    .get("/docs/swagger-ui.css", serve(Bun.file(stylesFile), "text/css; charset=utf-8"), HIDDEN)
    .get("/", () => new Response(null, { status: 302, headers: { location: "/docs" } }), HIDDEN)
