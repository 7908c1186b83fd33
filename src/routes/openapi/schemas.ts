/**
 * The shapes of Gemini's messages, as far as they help a reader. Every object is open: what is not named here passes
 * through all the same. Data only.
 */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"

type Components = NonNullable<NonNullable<ElysiaSwaggerConfig["documentation"]>["components"]>
type Schemas = NonNullable<Components["schemas"]>
type Schema = Schemas[string]

const text: Schema = { type: "string" }
const count: Schema = { type: "integer", format: "int32", minimum: 0 }
const object: Schema = { type: "object" }
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const list = (items: Schema): Schema => ({ type: "array", items })
const describe = (schema: Schema, description: string): Schema => ({ ...schema, description })

const message: Schemas = {
  Part: {
    type: "object",
    description: "Text, media or a function call; one of these fields.",
    properties: {
      text,
      inlineData: { type: "object", properties: { mimeType: text, data: describe(text, "Base64.") } },
      fileData: { type: "object", properties: { mimeType: text, fileUri: text } },
      functionCall: object,
      functionResponse: object,
      thought: { type: "boolean" },
    },
  },
  Content: {
    type: "object",
    properties: { role: { type: "string", example: "user" }, parts: list(ref("Part")) },
  },
  ModalityTokenCount: {
    type: "object",
    properties: { modality: { type: "string", example: "TEXT" }, tokenCount: count },
  },
  UsageMetadata: {
    type: "object",
    description:
      "What the call consumed so far. Gemini leaves a count of zero out. In a stream the last one counts, as a whole.",
    properties: {
      promptTokenCount: describe(count, "Includes the cached tokens."),
      candidatesTokenCount: describe(count, "Without the thoughts."),
      totalTokenCount: describe(count, "Prompt + candidates + thoughts + tool use."),
      thoughtsTokenCount: count,
      cachedContentTokenCount: count,
      toolUsePromptTokenCount: count,
      promptTokensDetails: list(ref("ModalityTokenCount")),
      candidatesTokensDetails: list(ref("ModalityTokenCount")),
      cacheTokensDetails: list(ref("ModalityTokenCount")),
      toolUsePromptTokensDetails: list(ref("ModalityTokenCount")),
      serviceTier: { type: "string", example: "standard" },
    },
  },
}

const generation: Schemas = {
  GenerateContentRequest: {
    type: "object",
    required: ["contents"],
    properties: {
      contents: list(ref("Content")),
      systemInstruction: ref("Content"),
      generationConfig: describe(
        object,
        "`temperature`, `maxOutputTokens`, `responseMimeType`, `thinkingConfig`, …",
      ),
      tools: list(object),
      toolConfig: object,
      safetySettings: list(object),
      cachedContent: text,
    },
  },
  GenerateContentResponse: {
    type: "object",
    properties: {
      candidates: list({
        type: "object",
        properties: {
          content: ref("Content"),
          finishReason: { type: "string", example: "STOP" },
          index: count,
        },
      }),
      promptFeedback: { type: "object", properties: { blockReason: text } },
      usageMetadata: ref("UsageMetadata"),
      modelVersion: describe(text, "The model that answered; it may differ from the one asked for."),
      responseId: text,
    },
  },
}

const embedding: Schemas = {
  EmbedContentRequest: {
    type: "object",
    required: ["content"],
    properties: { model: text, content: ref("Content"), outputDimensionality: count, taskType: text },
  },
  BatchEmbedContentsRequest: {
    type: "object",
    required: ["requests"],
    properties: { requests: list(ref("EmbedContentRequest")) },
  },
  Embedding: { type: "object", properties: { values: list({ type: "number" }) } },
  EmbeddingUsageMetadata: {
    type: "object",
    description: "Some models report none.",
    properties: { promptTokenCount: count, promptTokenDetails: list(ref("ModalityTokenCount")) },
  },
  EmbedContentResponse: {
    type: "object",
    properties: { embedding: ref("Embedding"), usageMetadata: ref("EmbeddingUsageMetadata") },
  },
  BatchEmbedContentsResponse: {
    type: "object",
    properties: { embeddings: list(ref("Embedding")), usageMetadata: ref("EmbeddingUsageMetadata") },
  },
}

const models: Schemas = {
  CountTokensRequest: { type: "object", properties: { contents: list(ref("Content")) } },
  CountTokensResponse: {
    type: "object",
    properties: {
      totalTokens: count,
      cachedContentTokenCount: count,
      promptTokensDetails: list(ref("ModalityTokenCount")),
    },
  },
  Model: {
    type: "object",
    properties: {
      name: { type: "string", example: "models/gemini-2.5-flash" },
      displayName: text,
      inputTokenLimit: count,
      outputTokenLimit: count,
      supportedGenerationMethods: list(text),
    },
  },
  ListModelsResponse: { type: "object", properties: { models: list(ref("Model")), nextPageToken: text } },
  UploadedFile: {
    type: "object",
    properties: {
      file: {
        type: "object",
        properties: {
          name: { type: "string", example: "files/abc-123" },
          mimeType: text,
          sizeBytes: describe(text, "A decimal number, as a string."),
          uri: describe(text, "What `fileData.fileUri` of a later prompt names."),
          state: { type: "string", example: "ACTIVE" },
        },
      },
    },
  },
}

const otherSurfaces: Schemas = {
  ChatCompletionRequest: {
    type: "object",
    required: ["model", "messages"],
    properties: { model: text, messages: list(object), stream: { type: "boolean" } },
  },
  ChatCompletion: {
    type: "object",
    properties: {
      id: text,
      model: text,
      choices: list(object),
      usage: {
        type: "object",
        properties: { prompt_tokens: count, completion_tokens: count, total_tokens: count },
      },
    },
  },
  InteractionRequest: {
    type: "object",
    required: ["input"],
    properties: { model: text, agent: text, input: {}, stream: { type: "boolean" } },
  },
  Interaction: {
    type: "object",
    properties: {
      id: text,
      model: text,
      status: { type: "string", example: "completed" },
      usage: {
        type: "object",
        properties: {
          total_input_tokens: count,
          total_output_tokens: count,
          total_thought_tokens: count,
          total_tokens: count,
        },
      },
    },
  },
}

export const schemas: Schemas = {
  Error: {
    type: "object",
    description: "A `google.rpc.Status`, the shape of Gemini's errors and of tokenmeter's own.",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message", "status"],
        properties: {
          code: describe(count, "The HTTP status."),
          message: text,
          status: { type: "string", example: "UNAUTHENTICATED" },
          details: list({ type: "object", properties: { "@type": text } }),
        },
      },
    },
  },
  ...message,
  ...generation,
  ...embedding,
  ...models,
  ...otherSurfaces,
}
