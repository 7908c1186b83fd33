/** What a person sees at `/docs`, in a real browser. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Elysia } from "elysia"
import type { Browser, Page } from "playwright-core"
import { docs } from "../../src/routes/docs.ts"
import { findBrowser, launchBrowser, PUBLIC_HOST } from "../support/browser.ts"

/** Starting a browser on a busy machine takes seconds; what hangs longer than this is broken. */
const BROWSER_TIMEOUT = 60_000
const STEP_TIMEOUT = 15_000

const executablePath = findBrowser()
if (executablePath === undefined)
  console.log("skipped: /docs in a browser: no Chromium or Chrome found (set CHROMIUM_PATH)")

const answer = {
  candidates: [{ content: { parts: [{ text: "Bonjour" }], role: "model" }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 6, candidatesTokenCount: 2, totalTokenCount: 8 },
}

interface Call {
  readonly url: string
  readonly key: string | null
  readonly body: unknown
}

const startServer = (calls: Call[]) => {
  const app = new Elysia()
    .use(docs({ version: "1.2.3" }))
    .post(
      "/v1beta/models/*",
      async ({ request }) => {
        const { pathname } = new URL(request.url)
        calls.push({
          url: pathname,
          key: request.headers.get("x-goog-api-key"),
          body: await request.json(),
        })
        return Response.json(answer)
      },
      { parse: "none", detail: { hide: true } },
    )
    .listen({ port: 0, hostname: "127.0.0.1" })
  return { origin: `http://${PUBLIC_HOST}:${app.server?.port}`, stop: () => app.stop() }
}

describe.skipIf(executablePath === undefined)("/docs in a browser", () => {
  const calls: Call[] = []
  const requests: string[] = []
  const complaints: string[] = []
  let server: ReturnType<typeof startServer>
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    server = startServer(calls)
    browser = await launchBrowser(executablePath ?? "")
    page = await browser.newPage({ viewport: { width: 1280, height: 1600 } })
    page.setDefaultTimeout(STEP_TIMEOUT)
    page.on("request", (request) => requests.push(request.url()))
    // A breach of the content security policy is an error on the console.
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(error.message))
  }, BROWSER_TIMEOUT)

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  }, BROWSER_TIMEOUT)

  test(
    "shows the operations under their groups",
    async () => {
      await page.goto(`${server.origin}/docs`)
      await page.getByText("Generate an answer", { exact: true }).waitFor()
      expect(await page.title()).toBe("tokenmeter API")
      expect(await page.locator(".info .title").textContent()).toContain("1.2.3")
      expect(await page.locator("h3.opblock-tag a").allInnerTexts()).toContain("Generation")
      expect(await page.locator(".opblock").count()).toBeGreaterThanOrEqual(10)
    },
    BROWSER_TIMEOUT,
  )

  test(
    "sends the example of generateContent with the key and shows the answer",
    async () => {
      await page.getByRole("button", { name: "Authorize" }).first().click()
      const key = page.locator(".auth-container").filter({ hasText: "x-goog-api-key" })
      await key.locator("input").fill("tm_test_key")
      await key.getByRole("button", { name: "Apply credentials" }).click()
      await key.getByRole("button", { name: "Close" }).click()

      const operation = page.locator(".opblock[id$='-generateContent']")
      await operation.locator(".opblock-summary-control").click()
      await operation.getByRole("button", { name: "Try it out" }).click()
      await operation.getByRole("button", { name: "Execute" }).click()

      const shown = operation.locator(".live-responses-table .response")
      await shown.waitFor()
      expect(await shown.locator(".response-col_status").textContent()).toContain("200")
      const body = await shown.locator(".highlight-code code").first().textContent()
      expect(JSON.parse(body ?? "")).toEqual(answer)
      expect(calls).toEqual([
        {
          url: "/v1beta/models/gemini-2.5-flash:generateContent",
          key: "tm_test_key",
          body: { contents: [{ role: "user", parts: [{ text: "Say hello in one word." }] }] },
        },
      ])
    },
    BROWSER_TIMEOUT,
  )

  test("asked no other host for anything and met no error", () => {
    expect(new Set(requests.map((url) => new URL(url).origin))).toEqual(new Set([server.origin]))
    expect(complaints).toEqual([])
  })
})
