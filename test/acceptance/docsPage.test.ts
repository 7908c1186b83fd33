/** What a person sees at `/docs`, in a real browser. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import type { Browser, Page } from "playwright-core"
import { expectedTokens } from "../../src/demo/gemini/tokens.ts"
import { version } from "../../src/version.ts"
import { findBrowser, launchBrowser, PUBLIC_HOST } from "../support/browser.ts"
import { type Gateway, startGateway } from "../support/gateway.ts"

/** Starting a browser on a busy machine takes seconds; what hangs longer than this is broken. */
const BROWSER_TIMEOUT = 60_000
const STEP_TIMEOUT = 15_000

const executablePath = findBrowser()
if (executablePath === undefined)
  console.log("skipped: /docs in a browser: no Chromium or Chrome found (set CHROMIUM_PATH)")

const PROMPT = "Say hello in one word."

describe.skipIf(executablePath === undefined)("/docs in a browser", () => {
  const requests: string[] = []
  const complaints: string[] = []
  let gateway: Gateway
  let origin: string
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    gateway = await startGateway()
    origin = `http://${PUBLIC_HOST}:${new URL(gateway.url).port}`
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
    await gateway?.stop()
  }, BROWSER_TIMEOUT)

  test(
    "shows the operations under their groups",
    async () => {
      await page.goto(`${origin}/docs`)
      await page.getByText("Generate an answer", { exact: true }).waitFor()
      expect(await page.title()).toBe("tokenmeter API")
      expect(await page.locator(".info .title").textContent()).toContain(version)
      expect(await page.locator("h3.opblock-tag a").allInnerTexts()).toContain("Generation")
      expect(await page.locator(".opblock").count()).toBeGreaterThanOrEqual(10)
    },
    BROWSER_TIMEOUT,
  )

  test(
    "sends the example of generateContent with the key, shows the answer, and the call leaves its row",
    async () => {
      await page.getByRole("button", { name: "Authorize" }).first().click()
      const key = page.locator(".auth-container").filter({ hasText: "x-goog-api-key" })
      await key.locator("input").fill(gateway.key)
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
      const truth = expectedTokens("gemini-2.5-flash", { contents: [{ parts: [{ text: PROMPT }] }] })
      expect(JSON.parse(body ?? "").usageMetadata.totalTokenCount).toBe(truth.total)
      expect(await gateway.rows(1)).toMatchObject([
        { endpoint: "generateContent", model: "gemini-2.5-flash", status: 200, total_tokens: truth.total },
      ])
    },
    BROWSER_TIMEOUT,
  )

  test("asked no other host for anything and met no error", () => {
    expect(new Set(requests.map((url) => new URL(url).origin))).toEqual(new Set([origin]))
    expect(complaints).toEqual([])
  })
})
