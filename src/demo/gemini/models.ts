/** The models that the stand-in for Gemini knows, and how its API lists them. */
export interface Model {
  readonly name: string
  /** What answers call the model; an alias answers with the name of what it stands for. */
  readonly version: string
  readonly kind: "text" | "embedding"
  readonly thinks: boolean
  /** The older embedding model answers without a usage object. */
  readonly reportsUsage: boolean
}

const text = (name: string, options: { readonly thinks: boolean; readonly version?: string }): Model => ({
  name,
  version: options.version ?? name,
  kind: "text",
  thinks: options.thinks,
  reportsUsage: true,
})

const embedding = (name: string, reportsUsage: boolean): Model => ({
  name,
  version: name,
  kind: "embedding",
  thinks: false,
  reportsUsage,
})

/** A model that always answers 503, as an overloaded one does. */
export const UNAVAILABLE_MODEL = "gemini-unavailable"

const models: ReadonlyArray<Model> = [
  text("gemini-2.5-flash", { thinks: false }),
  text("gemini-2.5-pro", { thinks: true }),
  text("gemini-3.5-flash", { thinks: true }),
  text("gemini-flash-latest", { thinks: true, version: "gemini-3.5-flash" }),
  text(UNAVAILABLE_MODEL, { thinks: false }),
  embedding("gemini-embedding-001", false),
  embedding("gemini-embedding-2", true),
]

const methods = {
  text: ["generateContent", "streamGenerateContent", "countTokens"],
  embedding: ["embedContent", "batchEmbedContents", "countTokens"],
} as const

export const findModel = (name: string): Model | undefined => models.find((model) => model.name === name)

export const supports = (model: Model, method: string): boolean =>
  (methods[model.kind] as ReadonlyArray<string>).includes(method)

export const describeModel = (model: Model) => ({
  name: `models/${model.name}`,
  version: "001",
  displayName: model.name,
  description: "A model of the built-in stand-in, not of Gemini.",
  inputTokenLimit: 1_048_576,
  outputTokenLimit: 65_536,
  supportedGenerationMethods: methods[model.kind],
  thinking: model.thinks || undefined,
})

export const describeModels = () => ({ models: models.map(describeModel) })
