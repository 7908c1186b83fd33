/** The contract and the files of its page, over a real socket. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Effect } from "effect"
import { makeKeyring } from "../../src/keyring.ts"
import { makeMeter } from "../../src/meter.ts"
import { makeApp } from "../../src/routes/app.ts"

// biome-ignore lint/suspicious/noExplicitAny: a JSON document, walked by name
type Json = any

/** The whole app, of which no route that needs its dependencies is called here. */
const app = makeApp({
  keyring: makeKeyring(() => Effect.succeedNone),
  upstream: { origin: "http://127.0.0.1:9", apiKey: "unused", silenceLimit: 1_000 },
  meter: makeMeter(() => {}),
  isReady: () => true,
  onDefect: () => {},
  version: "1.2.3",
})

let origin = ""
let contract: Json

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(origin + path, { headers, redirect: "manual" })

beforeAll(async () => {
  app.listen({ port: 0, hostname: "127.0.0.1" })
  origin = `http://127.0.0.1:${app.server?.port}`
  contract = await (await get("/openapi.json")).json()
})

afterAll(async () => {
  await app.stop()
})

const resolve = (node: Json): Json =>
  node.$ref === undefined
    ? node
    : node.$ref
        .slice(2)
        .split("/")
        .reduce((parent: Json, name: string) => parent[name], contract)

const operations = (): ReadonlyArray<{ readonly at: string; readonly operation: Json }> =>
  Object.entries<Json>(contract.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]) => ({ at: `${method} ${path}`, operation })),
  )

const KEYWORDS = new Set(
  "type format description example properties required items enum minimum maximum".split(" "),
)

const isOfType: Readonly<Record<string, (value: Json) => boolean>> = {
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  number: (value) => typeof value === "number",
  integer: Number.isInteger,
}

/** The few keywords that the contract uses; any other one is a misfit, so that none goes unchecked. */
const misfits = (value: Json, node: Json, at: string): string[] => {
  const schema = resolve(node)
  const found = Object.keys(schema)
    .filter((keyword) => !KEYWORDS.has(keyword))
    .map((keyword) => `${at}: unknown keyword ${keyword}`)
  if (schema.type !== undefined && isOfType[schema.type]?.(value) !== true)
    return [...found, `${at}: not of type ${schema.type}`]
  if (schema.enum?.includes(value) === false) found.push(`${at}: not in the enum`)
  if (value < schema.minimum || value > schema.maximum) found.push(`${at}: out of range`)
  for (const name of schema.required ?? [])
    if (!Object.hasOwn(value, name)) found.push(`${at}: lacks ${name}`)
  if (schema.type === "array")
    return found.concat(value.flatMap((item: Json, i: number) => misfits(item, schema.items, `${at}[${i}]`)))
  return Object.entries<Json>(schema.properties ?? {}).reduce(
    (all, [name, property]) =>
      value[name] === undefined ? all : all.concat(misfits(value[name], property, `${at}.${name}`)),
    found,
  )
}

/** Every example of an operation, with the schema that it stands for. */
const examplesOf = ({ at, operation }: { readonly at: string; readonly operation: Json }) => {
  const bodies = [operation.requestBody ?? {}, ...Object.values<Json>(operation.responses).map(resolve)]
  const media = bodies.flatMap((body) => Object.values<Json>(body.content ?? {}))
  return [...(operation.parameters ?? []), ...media].flatMap(({ schema, example, examples }) => [
    ...(example === undefined ? [] : [{ at, schema, example }]),
    ...Object.values<Json>(examples ?? {}).map(({ value }) => ({ at, schema, example: value })),
  ])
}

describe("/openapi.json", () => {
  test("is valid OpenAPI", async () => {
    const result = await new Validator().validate(structuredClone(contract))
    expect(result).toEqual({ valid: true })
    expect(contract.info.version).toBe("1.2.3")
    expect(contract.servers).toEqual([{ url: "/", description: "This server" }])
  })

  test("covers the Gemini operations and our own routes, and nothing else", () => {
    expect(operations().map(({ at }) => at)).toEqual([
      "get /health/live",
      "get /health/ready",
      "post /v1beta/models/{model}:generateContent",
      "post /v1beta/models/{model}:streamGenerateContent",
      "post /v1beta/models/{model}:embedContent",
      "post /v1beta/models/{model}:batchEmbedContents",
      "get /v1beta/models",
      "get /v1beta/models/{model}",
      "post /v1beta/models/{model}:countTokens",
      "post /upload/v1beta/files",
      "post /v1beta/openai/chat/completions",
      "post /v1beta/interactions",
    ])
  })

  test("asks for a client key on every Gemini operation, in any of three forms", () => {
    const gemini = operations().filter(({ at }) => at.includes("/v1beta"))
    expect(gemini).toHaveLength(10)
    for (const { operation } of gemini)
      expect(operation.security).toEqual([{ apiKey: [] }, { apiKeyQuery: [] }, { apiKeyBearer: [] }])
    expect(Object.keys(contract.components.securitySchemes)).toEqual([
      "apiKey",
      "apiKeyQuery",
      "apiKeyBearer",
    ])
  })

  test("names, sums up and groups every operation", () => {
    const groups = contract.tags.map(({ name }: Json) => name)
    const names = operations().map(({ operation }) => operation.operationId)
    expect(new Set(names).size).toBe(names.length)
    for (const { operation } of operations()) {
      expect(operation.summary).toBeString()
      expect(groups).toContain(operation.tags[0])
    }
  })

  test("gives only examples that fit their schemas", () => {
    const examples = operations().flatMap(examplesOf)
    expect(examples.length).toBeGreaterThan(60)
    expect(examples.flatMap(({ at, schema, example }) => misfits(example, schema, at))).toEqual([])
  })

  test("describes no schema or response that nothing refers to", () => {
    const text = JSON.stringify(contract)
    for (const kind of ["schemas", "responses"])
      for (const name of Object.keys(contract.components[kind]))
        expect(text).toContain(`"#/components/${kind}/${name}"`)
  })
})

describe("/docs", () => {
  test("is a page that may load nothing from elsewhere and run no inline script", async () => {
    const response = await get("/docs")
    const page = await response.text()
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8")
    expect(response.headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    expect(response.headers.get("x-content-type-options")).toBe("nosniff")
    expect(response.headers.get("referrer-policy")).toBe("no-referrer")
    expect(page).toContain('<div id="swagger-ui">')
    expect(page).not.toContain("//")
  })

  test("brings the files of swagger-ui-dist, unchanged", async () => {
    for (const [name, type] of [
      ["swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
      ["swagger-ui.css", "text/css; charset=utf-8"],
    ] as const) {
      const response = await get(`/docs/${name}`)
      expect(response.headers.get("content-type")).toBe(type)
      expect(response.headers.get("x-content-type-options")).toBe("nosniff")
      const file = Bun.file(new URL(`../../node_modules/swagger-ui-dist/${name}`, import.meta.url))
      expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(await file.arrayBuffer()))).toBe(
        true,
      )
    }
  })

  test("answers 304 to a browser that has the file, and the file to one that has another", async () => {
    const path = "/docs/swagger-ui.css"
    const etag = (await get(path)).headers.get("etag") ?? ""
    expect(etag).toMatch(/^"[0-9a-z]+"$/)
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await get(path, { "if-none-match": tags })
      expect(again.status).toBe(304)
      expect(again.headers.get("etag")).toBe(etag)
      expect(again.headers.get("cache-control")).toBe("no-cache")
      expect(await again.text()).toBe("")
    }
    expect((await get(path, { "if-none-match": '"other"' })).status).toBe(200)
  })

  test("is where / leads", async () => {
    const response = await get("/")
    expect(response.status).toBe(302)
    expect(response.headers.get("location")).toBe("/docs")
  })
})
