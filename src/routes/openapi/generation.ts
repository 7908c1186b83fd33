/** The metered operations of Gemini: generation and embeddings. Data only. */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"
import { clientKey, failures, json, modelParameter } from "./responses.ts"

type Paths = NonNullable<NonNullable<ElysiaSwaggerConfig["documentation"]>["paths"]>

const GENERATION = "gemini-2.5-flash"
const EMBEDDING = "gemini-embedding-2"

const user = (text: string) => ({ role: "user", parts: [{ text }] })

const prompts = {
  hello: {
    summary: "One word",
    value: { contents: [user("Say hello in one word.")] },
  },
  limited: {
    summary: "System instruction, a limit, no thinking",
    value: {
      systemInstruction: { parts: [{ text: "Answer in French." }] },
      contents: [user("Say hello in one word.")],
      generationConfig: { temperature: 0, maxOutputTokens: 64, thinkingConfig: { thinkingBudget: 0 } },
    },
  },
  structured: {
    summary: "An answer in JSON",
    value: {
      contents: [user("Name three colours.")],
      generationConfig: {
        responseMimeType: "application/json",
        responseSchema: { type: "ARRAY", items: { type: "STRING" } },
      },
    },
  },
}

const prompt = {
  required: true,
  content: {
    "application/json": {
      schema: { $ref: "#/components/schemas/GenerateContentRequest" },
      examples: prompts,
    },
  },
}

const answer = {
  candidates: [{ content: { parts: [{ text: "Hello!" }], role: "model" }, finishReason: "STOP", index: 0 }],
  usageMetadata: {
    promptTokenCount: 6,
    candidatesTokenCount: 2,
    totalTokenCount: 31,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: 6 }],
    thoughtsTokenCount: 23,
  },
  modelVersion: GENERATION,
  responseId: "q1UhaZ3fDpWdkdUPo7Wz2Ak",
}

const embedded = { values: [-0.0123, 0.0456, 0.0789] }
const embeddingUsage = {
  promptTokenCount: 4,
  promptTokenDetails: [{ modality: "TEXT", tokenCount: 4 }],
}

export const generationPaths: Paths = {
  "/v1beta/models/{model}:generateContent": {
    post: {
      operationId: "generateContent",
      tags: ["Generation"],
      summary: "Generate an answer",
      description:
        "Recorded: model, status, latency and the counts of `usageMetadata`. A blocked prompt is recorded too; an error leaves a row without counts.",
      security: clientKey,
      parameters: [modelParameter(GENERATION)],
      requestBody: prompt,
      responses: {
        "200": {
          description: "Gemini's answer, unchanged.",
          content: json("GenerateContentResponse", answer),
        },
        ...failures,
      },
    },
  },
  "/v1beta/models/{model}:streamGenerateContent": {
    post: {
      operationId: "streamGenerateContent",
      tags: ["Generation"],
      summary: "Generate an answer as a stream",
      description:
        "Each chunk goes out as it comes in. Recorded at the end of the stream: the last `usageMetadata`, and the time to the first byte. Gemini marks its event streams as attachments, so this page offers the answer as a file.",
      security: clientKey,
      parameters: [
        modelParameter(GENERATION),
        {
          name: "alt",
          in: "query",
          description: "`sse` for server-sent events; without it, a JSON array that grows.",
          schema: { type: "string", enum: ["sse", "json"] },
          example: "sse",
        },
      ],
      requestBody: prompt,
      responses: {
        "200": {
          description: "Gemini's stream, unchanged.",
          content: {
            "text/event-stream": {
              schema: { type: "string", description: "`data: {GenerateContentResponse}` events." },
              example: `data: ${JSON.stringify(answer)}\r\n\r\n`,
            },
            "application/json": {
              schema: { type: "array", items: { $ref: "#/components/schemas/GenerateContentResponse" } },
              example: [answer],
            },
          },
        },
        ...failures,
      },
    },
  },
  "/v1beta/models/{model}:embedContent": {
    post: {
      operationId: "embedContent",
      tags: ["Embeddings"],
      summary: "Embed one text",
      description: "Recorded: `promptTokenCount`, where the model reports it.",
      security: clientKey,
      parameters: [modelParameter(EMBEDDING)],
      requestBody: {
        required: true,
        content: json("EmbedContentRequest", { content: { parts: [{ text: "Hello, world" }] } }),
      },
      responses: {
        "200": {
          description: "The embedding.",
          content: json("EmbedContentResponse", { embedding: embedded, usageMetadata: embeddingUsage }),
        },
        ...failures,
      },
    },
  },
  "/v1beta/models/{model}:batchEmbedContents": {
    post: {
      operationId: "batchEmbedContents",
      tags: ["Embeddings"],
      summary: "Embed several texts",
      description: "One row for the whole call. Each request names the model again, with `models/`.",
      security: clientKey,
      parameters: [modelParameter(EMBEDDING)],
      requestBody: {
        required: true,
        content: json("BatchEmbedContentsRequest", {
          requests: ["Hello, world", "Goodbye"].map((text) => ({
            model: `models/${EMBEDDING}`,
            content: { parts: [{ text }] },
          })),
        }),
      },
      responses: {
        "200": {
          description: "One embedding for each text, in order.",
          content: json("BatchEmbedContentsResponse", {
            embeddings: [embedded, embedded],
            usageMetadata: embeddingUsage,
          }),
        },
        ...failures,
      },
    },
  },
}
