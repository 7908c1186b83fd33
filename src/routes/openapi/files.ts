/** File upload: passed through, never recorded. Data only. */
import type { ElysiaSwaggerConfig } from "@elysiajs/swagger"
import { clientKey, failures, json } from "./responses.ts"

type Paths = NonNullable<NonNullable<ElysiaSwaggerConfig["documentation"]>["paths"]>

const binary = { schema: { type: "string" as const, format: "binary" } }

export const filePaths: Paths = {
  "/upload/v1beta/files": {
    post: {
      operationId: "uploadFile",
      tags: ["Files"],
      summary: "Upload a file",
      description:
        "`raw` sends the file as the body of one request. The SDKs use `resumable`: a first request with the headers `X-Goog-Upload-Command: start` and `X-Goog-Upload-Header-Content-Type`, answered with `X-Goog-Upload-URL`, then the bytes to that address.",
      security: clientKey,
      parameters: [
        {
          name: "X-Goog-Upload-Protocol",
          in: "header",
          required: true,
          schema: { type: "string", enum: ["raw", "resumable", "multipart"] },
          example: "raw",
        },
      ],
      requestBody: {
        required: true,
        description: "The file; its type goes into `Content-Type`.",
        content: { "text/plain": binary, "application/pdf": binary, "image/png": binary, "*/*": binary },
      },
      responses: {
        "200": {
          description:
            "The file, once its last byte has arrived; the start of a resumable upload has no body.",
          headers: {
            "X-Goog-Upload-URL": {
              description: "Where a resumable upload goes on: an address of this server.",
              schema: { type: "string" },
            },
          },
          content: json("UploadedFile", {
            file: {
              name: "files/abc-123",
              mimeType: "text/plain",
              sizeBytes: "12",
              uri: "https://generativelanguage.googleapis.com/v1beta/files/abc-123",
              state: "ACTIVE",
            },
          }),
        },
        ...failures,
      },
    },
  },
}
