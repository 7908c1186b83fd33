/** Liveness and readiness, for orchestrators: alive means that the process answers, ready that it can check keys and record. */
import { Elysia } from "elysia"

export const health = (options: { readonly isReady: () => boolean }) =>
  new Elysia({ name: "health" })
    .get("/health/live", () => ({ status: "ok" }), {
      detail: {
        tags: ["Health"],
        summary: "The process is alive",
        security: [],
        responses: { 200: { description: "Always, while the process answers." } },
      },
    })
    .get(
      "/health/ready",
      () =>
        options.isReady()
          ? Response.json({ status: "ready" })
          : Response.json({ status: "waiting for the database" }, { status: 503 }),
      {
        detail: {
          tags: ["Health"],
          summary: "Keys can be checked and usage recorded",
          security: [],
          responses: {
            200: { description: "The database is migrated, and was reached within the last seconds." },
            503: { description: "The database cannot be reached, or has not been since the start." },
          },
        },
      },
    )
