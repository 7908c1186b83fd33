/** Gemini's other ways to generate: the OpenAI-compatible one and Interactions. Passed through. Data only. */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"
import { clientKey, failures, json } from "./responses.ts"

type Paths = NonNullable<NonNullable<ElysiaSwaggerConfig["documentation"]>["paths"]>

const MODEL = "gemini-2.5-flash"
const PROMPT = "Say hello in one word."

export const otherSurfacePaths: Paths = {
  "/v1beta/openai/chat/completions": {
    post: {
      operationId: "createChatCompletion",
      tags: ["OpenAI and Interactions"],
      summary: "Generate an answer, OpenAI style",
      description: "For the OpenAI SDKs, with `/v1beta/openai/` of this server as their base URL.",
      security: clientKey,
      requestBody: {
        required: true,
        content: json("ChatCompletionRequest", {
          model: MODEL,
          messages: [{ role: "user", content: PROMPT }],
        }),
      },
      responses: {
        "200": {
          description: "The completion; with `stream: true`, server-sent events.",
          content: json("ChatCompletion", {
            id: "q1UhaZ3fDpWdkdUPo7Wz2Ak",
            object: "chat.completion",
            created: 1_763_780_000,
            model: MODEL,
            choices: [{ index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" }],
            usage: { prompt_tokens: 6, completion_tokens: 2, total_tokens: 31 },
          }),
        },
        ...failures,
      },
    },
  },
  "/v1beta/interactions": {
    post: {
      operationId: "createInteraction",
      tags: ["OpenAI and Interactions"],
      summary: "Create an interaction",
      description: "Gemini's own errors have a string as their `code` here, and no `status`.",
      security: clientKey,
      requestBody: {
        required: true,
        content: json("InteractionRequest", { model: MODEL, input: PROMPT }),
      },
      responses: {
        "200": {
          description: "The interaction; with `stream: true`, server-sent events.",
          content: json("Interaction", {
            id: "v1_ChdxMVVoYVozZkRwV2RrZFVQbzdXejJBaxI",
            model: MODEL,
            status: "completed",
            steps: [{ type: "model_output", content: [{ type: "text", text: "Hello!" }] }],
            usage: {
              total_input_tokens: 6,
              total_output_tokens: 2,
              total_thought_tokens: 23,
              total_tokens: 31,
            },
          }),
        },
        ...failures,
      },
    },
  },
}
