/** A real Chromium for tests, where the machine has one. Every name resolves to loopback or not at all. */
import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

/** Not `localhost`: there Swagger UI's validator badge, a request to another host, would stay away by itself. */
export const PUBLIC_HOST = "tokenmeter.test"

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
]

export const findBrowser = (): string | undefined =>
  [Bun.env.CHROMIUM_PATH, ...PLACES].find((path) => path !== undefined && existsSync(path))

export const launchBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--host-resolver-rules=MAP ${PUBLIC_HOST} 127.0.0.1, MAP * ~NOTFOUND`,
    ],
  })
