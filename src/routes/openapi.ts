/**
 * The hand-written part of the contract: what no route definition can say, because those paths are passed through. Our own
 * paths describe themselves in their routes' `detail`. Data only; it serves nothing.
 */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"
import { filePaths } from "./openapi/files.ts"
import { generationPaths } from "./openapi/generation.ts"
import { modelPaths } from "./openapi/models.ts"
import { otherSurfacePaths } from "./openapi/otherSurfaces.ts"
import { responses } from "./openapi/responses.ts"
import { schemas } from "./openapi/schemas.ts"

type Documentation = NonNullable<ElysiaSwaggerConfig["documentation"]>

const DESCRIPTION = `Call the Gemini API through tokenmeter as you would call \`generativelanguage.googleapis.com\`, with a key
that tokenmeter issued. The answer is Gemini's, byte for byte; what a metered call consumed becomes one row in PostgreSQL.

1. Create a key: \`tokenmeter keys create NAME\`.
2. Press **Authorize** and paste it under *apiKey*.
3. Open an operation, press **Try it out**, then **Execute**.

Every path under \`/v1beta/\`, \`/v1/\`, \`/v1alpha/\`, \`/upload/\` and \`/download/\` is passed through; the operations most used are
listed here. No prompt, answer, header or key is stored.`

export const documentation = (version: string): Documentation => ({
  info: { title: "tokenmeter", version, description: DESCRIPTION },
  servers: [{ url: "/", description: "This server" }],
  tags: [
    { name: "Generation", description: "Metered: each call with a valid key leaves one row." },
    { name: "Embeddings", description: "Metered: each call with a valid key leaves one row." },
    { name: "Models", description: "Passed through, not recorded." },
    { name: "Files", description: "Passed through, not recorded." },
    { name: "OpenAI and Interactions", description: "Passed through, not recorded." },
    { name: "Health", description: "Open: no key needed." },
  ],
  paths: { ...generationPaths, ...modelPaths, ...filePaths, ...otherSurfacePaths },
  components: {
    schemas,
    responses,
    securitySchemes: {
      apiKey: {
        type: "apiKey",
        in: "header",
        name: "x-goog-api-key",
        description: "A key that tokenmeter issued. It is checked here and never reaches Gemini.",
      },
      apiKeyQuery: {
        type: "apiKey",
        in: "query",
        name: "key",
        description: "The same key in the query, where access logs may keep it. Prefer the header.",
      },
      apiKeyBearer: {
        type: "http",
        scheme: "bearer",
        description: "The same key as a bearer token, as the OpenAI SDKs send it.",
      },
    },
  },
})
