/** Models and token counting: passed through, never recorded. Data only. */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"
import { clientKey, failures, json, modelParameter } from "./responses.ts"

type Paths = NonNullable<NonNullable<ElysiaSwaggerConfig["documentation"]>["paths"]>

const MODEL = "gemini-2.5-flash"

const model = {
  name: `models/${MODEL}`,
  displayName: "Gemini 2.5 Flash",
  inputTokenLimit: 1_048_576,
  outputTokenLimit: 65_536,
  supportedGenerationMethods: ["generateContent", "countTokens"],
}

export const modelPaths: Paths = {
  "/v1beta/models": {
    get: {
      operationId: "listModels",
      tags: ["Models"],
      summary: "List the models",
      security: clientKey,
      parameters: [
        { name: "pageSize", in: "query", schema: { type: "integer", minimum: 1, maximum: 1000 } },
        {
          name: "pageToken",
          in: "query",
          description: "`nextPageToken` of the page before.",
          schema: { type: "string" },
        },
      ],
      responses: {
        "200": {
          description: "One page of models.",
          content: json("ListModelsResponse", { models: [model] }),
        },
        ...failures,
      },
    },
  },
  "/v1beta/models/{model}": {
    get: {
      operationId: "getModel",
      tags: ["Models"],
      summary: "Describe a model",
      security: clientKey,
      parameters: [modelParameter(MODEL)],
      responses: {
        "200": { description: "The model.", content: json("Model", model) },
        ...failures,
      },
    },
  },
  "/v1beta/models/{model}:countTokens": {
    post: {
      operationId: "countTokens",
      tags: ["Models"],
      summary: "Count the tokens of a prompt",
      description: "Consumes nothing, so it is not recorded.",
      security: clientKey,
      parameters: [modelParameter(MODEL)],
      requestBody: {
        required: true,
        content: json("CountTokensRequest", {
          contents: [{ role: "user", parts: [{ text: "Say hello in one word." }] }],
        }),
      },
      responses: {
        "200": {
          description: "The count.",
          content: json("CountTokensResponse", {
            totalTokens: 6,
            promptTokensDetails: [{ modality: "TEXT", tokenCount: 6 }],
          }),
        },
        ...failures,
      },
    },
  },
}
