/**
 * The environment, read once and validated: the README's table mirrors this file. A bad value stops the start with one
 * line that names the variable and never shows a secret. Holds no defaults that are secrets and reads nothing else.
 */
import { Config, ConfigProvider, Data, Duration, Effect, Option, Redacted, Schema, SchemaIssue } from "effect"

/** A setting is bad or missing; the message is one line, names the variable and says what it takes. */
export class ConfigError extends Data.TaggedError("ConfigError")<{ readonly message: string }> {}

/** An origin and nothing else: a path, a query or credentials would be dropped or leaked when the target is put on it. */
const Origin = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      isOrigin(text) || "Expected an origin such as https://generativelanguage.googleapis.com",
  ),
)

const isOrigin = (text: string): boolean => {
  const url = URL.parse(text)
  if (url === null) return false
  return (
    (url.protocol === "https:" || url.protocol === "http:") &&
    (text === url.origin || text === `${url.origin}/`)
  )
}

const DatabaseUrl = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      isDatabaseUrl(text) ||
      "Expected postgres://user:password@host:port/database, with special characters percent-encoded",
  ),
)

/** As strict as the driver is when it connects, so that nothing worse than this says what is wrong. */
const isDatabaseUrl = (text: string): boolean => {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") return false
  return text.split("@").length <= 2 && [url.username, url.password, url.pathname].every(isEncoded)
}

const isEncoded = (text: string): boolean => {
  try {
    return decodeURIComponent(text) !== undefined
  } catch {
    return false
  }
}

/** What an HTTP header can carry (RFC 9110, 5.5), without the white space that a paste may bring. */
const HeaderValue = Schema.String.check(
  Schema.makeFilter(
    (text: string) => /^[\x21-\x7e]+$/.test(text) || "Expected an API key: visible ASCII characters",
  ),
)

const positive = (name: string, fallback: number) =>
  Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
    name,
  ).pipe(Config.withDefault(fallback))

/** No wait of ours is meant to be longer; and JavaScript's timers end at 24 days. */
const LONGEST = Duration.days(1)

const duration = (name: string, fallback: Duration.Duration) =>
  Config.schema(
    Schema.String.check(
      Schema.makeFilter(
        (text: string) =>
          Option.isSome(parseDuration(text)) ||
          "Expected a duration up to a day, such as 30 seconds or 200 millis",
      ),
    ),
    name,
  ).pipe(
    Config.map((text) => Option.getOrElse(parseDuration(text), () => fallback)),
    Config.withDefault(fallback),
  )

const parseDuration = (text: string): Option.Option<Duration.Duration> =>
  Option.filter(
    Duration.fromInput(text as Duration.Input),
    (value) => Duration.isLessThanOrEqualTo(value, LONGEST) && !Duration.isNegative(value),
  )

/** What every command needs. */
const Storage = {
  databaseUrl: Config.option(Config.schema(DatabaseUrl, "DATABASE_URL").pipe(Config.map(Redacted.make))),
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".tokenmeter")),
  logLevel: Config.LogLevel("LOG_LEVEL").pipe(Config.withDefault("Info" as const)),
}

export const StorageConfig = Config.all(Storage)
export type StorageConfig = Config.Success<typeof StorageConfig>

export const AppConfig = Config.all({
  ...Storage,
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("127.0.0.1")),
  /** 0 picks a free port. */
  port: Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65_535 })),
    "PORT",
  ).pipe(Config.withDefault(8080)),
  geminiApiKey: Config.schema(HeaderValue, "GEMINI_API_KEY").pipe(Config.map(Redacted.make)),
  upstreamUrl: Config.schema(Origin, "UPSTREAM_URL").pipe(
    Config.withDefault("https://generativelanguage.googleapis.com"),
    Config.map((url) => new URL(url).origin),
  ),
  adminToken: Config.option(Config.Redacted("ADMIN_TOKEN")),
  queueCapacity: positive("QUEUE_CAPACITY", 10_000),
  batchSize: positive("BATCH_SIZE", 500),
  batchWindow: duration("BATCH_WINDOW", Duration.millis(200)),
  upstreamTimeout: duration("UPSTREAM_TIMEOUT", Duration.minutes(15)),
  shutdownGrace: duration("SHUTDOWN_GRACE", Duration.seconds(30)),
})
export type AppConfig = Config.Success<typeof AppConfig>

/** Reads `config` from `env`, where an empty value counts as unset. */
export const readConfig = <A>(
  config: Config.Config<A>,
  env: Readonly<Record<string, string | undefined>>,
): Effect.Effect<A, ConfigError> => {
  const set = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]))
  return Effect.gen(function* () {
    return yield* config
  }).pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: set }))),
    Effect.mapError((error) => new ConfigError({ message: describe(error) })),
  )
}

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

const describe = ({ cause }: Config.ConfigError): string => {
  if (cause._tag !== "SchemaError") return `The environment cannot be read: ${cause.message}`
  return formatIssue(cause.issue)
    .issues.map(
      ({ path, message }) => `${path?.join(".")}: ${message.replace("Expected string", "must be set")}`,
    )
    .join("; ")
}
