/** The whole HTTP surface, put together from one plugin per feature. */
import { Elysia } from "elysia"
import { docs } from "./docs.ts"
import { type Defect, errors } from "./errors.ts"
import { health } from "./health.ts"
import { type ProxyOptions, proxy } from "./proxy.ts"

export interface AppOptions extends ProxyOptions {
  readonly isReady: () => boolean
  readonly onDefect: (defect: Defect) => void
  readonly version: string
}

export const makeApp = (options: AppOptions) =>
  // Or Elysia takes a host name of less than four characters for a part of the path.
  new Elysia({ handler: { standardHostname: false } })
    .use(errors(options.onDefect))
    .use(health(options))
    .use(proxy(options))
    .use(docs(options))
