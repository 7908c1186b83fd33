/**
 * The Files API of the stand-in for Gemini: resumable uploads, then get, list and delete. It keeps what a file is,
 * never its bytes.
 */
import { type Answer, failure } from "./answer.ts"

/** Of files and of unfinished uploads; the oldest makes room. */
const MAX_KEPT = 100
/** A fixed date, so that the same file gets the same answer. */
const CREATED = "2026-01-01T00:00:00.000000Z"
const CHUNK_GRANULARITY = 8 * 1024 * 1024

interface Upload {
  readonly mimeType: string
  readonly displayName: string | undefined
  readonly hash: Bun.CryptoHasher
  size: number
}

interface StartBody {
  readonly file?: { readonly displayName?: string }
}

export interface FileStore {
  readonly upload: (request: Request, origin: string) => Promise<Response | Answer>
  readonly answer: (method: string, name: string | undefined) => Answer
}

const keep = <V>(map: Map<string, V>, key: string, value: V): void => {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_KEPT && oldest !== undefined) map.delete(oldest)
}

const fileOf = (upload: Upload, origin: string) => {
  const sha256 = upload.hash.digest("hex")
  const name = `files/${sha256.slice(0, 12)}`
  return {
    name,
    displayName: upload.displayName,
    mimeType: upload.mimeType,
    sizeBytes: String(upload.size),
    createTime: CREATED,
    updateTime: CREATED,
    sha256Hash: Buffer.from(sha256).toString("base64"),
    uri: `${origin}/v1beta/${name}`,
    state: "ACTIVE",
    source: "UPLOADED",
  }
}

const notFound = failure(403, "PERMISSION_DENIED", "The file does not exist, or you may not use it.")

export const makeFileStore = (): FileStore => {
  const uploads = new Map<string, Upload>()
  const files = new Map<string, object>()

  const start = async (request: Request, origin: string): Promise<Response> => {
    const body = (await request.json().catch(() => null)) as StartBody | null
    const id = crypto.randomUUID()
    keep(uploads, id, {
      mimeType: request.headers.get("x-goog-upload-header-content-type") ?? "application/octet-stream",
      displayName: body?.file?.displayName,
      hash: new Bun.CryptoHasher("sha256"),
      size: 0,
    })
    const url = `${origin}${new URL(request.url).pathname}?upload_id=${id}&upload_protocol=resumable`
    return new Response(null, {
      headers: {
        "x-goog-upload-url": url,
        "x-goog-upload-control-url": url,
        "x-goog-upload-chunk-granularity": String(CHUNK_GRANULARITY),
        "x-goog-upload-status": "active",
      },
    })
  }

  const append = async (request: Request, id: string, origin: string): Promise<Response | Answer> => {
    const upload = uploads.get(id)
    if (upload === undefined) return failure(404, "NOT_FOUND", "There is no such upload.")
    if (Number(request.headers.get("x-goog-upload-offset") ?? 0) !== upload.size) {
      return failure(400, "INVALID_ARGUMENT", `The upload continues at byte ${upload.size}.`)
    }
    for await (const chunk of request.body ?? []) {
      upload.hash.update(chunk)
      upload.size += chunk.byteLength
    }
    if (!request.headers.get("x-goog-upload-command")?.includes("finalize")) {
      return new Response(null, { headers: { "x-goog-upload-status": "active" } })
    }
    uploads.delete(id)
    const file = fileOf(upload, origin)
    keep(files, file.name, file)
    return Response.json({ file }, { headers: { "x-goog-upload-status": "final" } })
  }

  return {
    upload: (request, origin) => {
      const id = new URL(request.url).searchParams.get("upload_id")
      return id === null ? start(request, origin) : append(request, id, origin)
    },
    answer: (method, name) => {
      if (name === undefined) return { kind: "body", body: { files: [...files.values()] } }
      const file = files.get(name)
      if (file === undefined) return notFound
      if (method !== "DELETE") return { kind: "body", body: file }
      files.delete(name)
      return { kind: "body", body: {} }
    },
  }
}
