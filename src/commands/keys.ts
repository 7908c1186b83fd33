/** `tokenmeter keys`: make, list and revoke client keys, also while a server runs on the same database. */
import { Console, Data, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { type ApiKeyRecord, listApiKeys, revokeApiKey } from "../db/apiKeys.ts"
import { createKey } from "../keys.ts"
import { type Column, formatTable, plain } from "../table.ts"
import { type Environment, migratedDatabase } from "./environment.ts"

class KeyError extends Data.TaggedError("KeyError")<{ readonly message: string }> {}

const MAX_NAME = 200

const create = (environment: Environment) =>
  Command.make(
    "create",
    { name: Argument.String("name").pipe(Argument.withDescription("Whose key it is")) },
    ({ name }) =>
      Effect.gen(function* () {
        if (name.length > MAX_NAME || name.trim() === "" || /\p{C}/u.test(name))
          return yield* new KeyError({ message: `A key's name has 1 to ${MAX_NAME} visible characters.` })
        const { database } = yield* migratedDatabase(environment)
        const key = yield* createKey(database.admin, name)
        yield* Console.error(`Key of "${name}". It is shown this once; only its hash is stored.`)
        yield* Console.log(key)
      }).pipe(Effect.scoped),
  ).pipe(Command.withDescription("Make a key and print it, alone, on stdout."))

const columns: ReadonlyArray<Column<ApiKeyRecord>> = [
  { title: "id", align: "left", cell: (key) => key.publicId },
  { title: "name", align: "left", cell: (key) => key.name },
  { title: "created", align: "left", cell: (key) => key.createdAt.toISOString() },
  { title: "revoked", align: "left", cell: (key) => key.revokedAt?.toISOString() ?? "–" },
]

const list = (environment: Environment) =>
  Command.make("list", {}, () =>
    Effect.gen(function* () {
      const { database } = yield* migratedDatabase(environment)
      const keys = yield* listApiKeys(database.admin)
      if (keys.length === 0)
        return yield* Console.error("There are no keys. Make one: tokenmeter keys create NAME")
      yield* Console.log(formatTable(columns, keys, plain))
    }).pipe(Effect.scoped),
  ).pipe(Command.withDescription("List all keys, oldest first. Shows ids, never keys."))

const revoke = (environment: Environment) =>
  Command.make(
    "revoke",
    { id: Argument.String("id").pipe(Argument.withDescription("The id that `keys list` shows")) },
    ({ id }) =>
      Effect.gen(function* () {
        const { database } = yield* migratedDatabase(environment)
        const name = yield* revokeApiKey(database.admin, id)
        if (Option.isNone(name))
          return yield* new KeyError({ message: "There is no key of that id. See: tokenmeter keys list" })
        yield* Console.error(
          `Key ${id} of "${name.value}" is revoked. Running servers refuse it within 5 seconds.`,
        )
      }).pipe(Effect.scoped),
  ).pipe(Command.withDescription("Revoke a key, for good."))

export const keysCommand = (environment: Environment) =>
  Command.make("keys").pipe(
    Command.withDescription("Make, list and revoke client keys."),
    Command.withSubcommands([create(environment), list(environment), revoke(environment)]),
  )
