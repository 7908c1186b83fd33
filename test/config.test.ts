import { describe, expect, test } from "bun:test"
import { Duration, Effect, Option, Redacted } from "effect"
import { AppConfig, readConfig, StorageConfig } from "../src/config.ts"

const read = (env: Readonly<Record<string, string>>) =>
  Effect.runPromise(readConfig(AppConfig, { GEMINI_API_KEY: "secret-key", ...env }))
const messageOf = async (env: Readonly<Record<string, string>>) =>
  (await Effect.runPromise(Effect.flip(readConfig(AppConfig, env)))).message

describe("readConfig()", () => {
  test("needs nothing but the upstream key, and has the defaults of the README", async () => {
    const config = await read({})
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      upstreamUrl: "https://generativelanguage.googleapis.com",
      dataDir: ".tokenmeter",
      queueCapacity: 10_000,
      batchSize: 500,
      logLevel: "Info",
    })
    expect(Redacted.value(config.geminiApiKey)).toBe("secret-key")
    expect(Duration.toMillis(config.batchWindow)).toBe(200)
    expect(Duration.toMillis(config.shutdownGrace)).toBe(30_000)
    expect([config.databaseUrl, config.adminToken].every(Option.isNone)).toBe(true)
  })

  test("takes an empty value for an unset one", async () => {
    expect((await read({ PORT: "", DATABASE_URL: "" })).port).toBe(8080)
    expect(await messageOf({ GEMINI_API_KEY: "" })).toBe("GEMINI_API_KEY: must be set")
  })

  test("takes port 0, and an origin with its slash", async () => {
    expect(await read({ PORT: "0", UPSTREAM_URL: "http://127.0.0.1:9/" })).toMatchObject({
      port: 0,
      upstreamUrl: "http://127.0.0.1:9",
    })
  })

  const bad: ReadonlyArray<readonly [name: string, value: string]> = [
    ["PORT", "65536"],
    ["PORT", "eighty"],
    ["UPSTREAM_URL", "https://example.com/v1beta"],
    ["UPSTREAM_URL", "https://user@example.com"],
    ["UPSTREAM_URL", "https://example.com?x=1"],
    ["UPSTREAM_URL", "ftp://example.com"],
    ["UPSTREAM_URL", "example.com"],
    ["DATABASE_URL", "mysql://localhost/x"],
    ["DATABASE_URL", "localhost:5432"],
    ["DATABASE_URL", "postgres://u:pass@word@h/d"],
    ["DATABASE_URL", "postgres://u:pa#ss@h/d"],
    ["DATABASE_URL", "postgres://u:100%@h/d"],
    ["DATABASE_URL", "postgres://u@h:99999/d"],
    ["GEMINI_API_KEY", "AIza…"],
    ["SHUTDOWN_GRACE", "-5 seconds"],
    ["SHUTDOWN_GRACE", "Infinity"],
    ["BATCH_WINDOW", "10 days"],
    ["QUEUE_CAPACITY", "0"],
    ["BATCH_SIZE", "1.5"],
    ["BATCH_WINDOW", "soon"],
    ["SHUTDOWN_GRACE", "30"],
    ["LOG_LEVEL", "loud"],
  ]
  for (const [name, value] of bad)
    test(`names ${name} and says what it takes when it is "${value}"`, async () => {
      const message = await messageOf({ GEMINI_API_KEY: "secret-key", [name]: value })
      expect(message).toStartWith(`${name}: `)
      expect(message).toMatch(/Expected/)
      expect(message).not.toContain("\n")
    })

  test("shows no secret, in an error or when printed", async () => {
    const secrets = {
      GEMINI_API_KEY: "secret-key",
      DATABASE_URL: "postgres://u:secret@h/d",
      ADMIN_TOKEN: "secret-t",
    }
    const config = await read(secrets)
    expect(JSON.stringify(config) + Bun.inspect(config)).not.toContain("secret")
    expect(await messageOf({ ...secrets, DATABASE_URL: "secret", PORT: "x" })).not.toContain("secret")
  })

  test("asks commands that only store for no upstream key", async () => {
    expect(await Effect.runPromise(readConfig(StorageConfig, {}))).toMatchObject({ dataDir: ".tokenmeter" })
  })
})
