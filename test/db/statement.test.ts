/**
 * The counterpart of SQL that is checked at compile time: every statement of src/db is prepared against the migrated
 * schema, and what PostgreSQL says of its parameters and columns must be what the statement promises to TypeScript.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import type { Sql } from "postgres"
import { pg, run, type Statement, statement } from "../../src/db/statement.ts"
import { connectTo, createDatabase } from "../support/postgres.ts"

const DB = join(import.meta.dir, "../../src/db")

const isStatement = (value: unknown): value is Statement =>
  typeof value === "object" && value !== null && "text" in value && "parameters" in value && "row" in value

const statements: Array<readonly [name: string, statement: Statement]> = []
for (const file of await readdir(DB)) {
  if (!file.endsWith(".ts") || file.endsWith(".d.ts")) continue
  const exports: Readonly<Record<string, unknown>> = await import(join(DB, file))
  for (const [name, value] of Object.entries(exports)) if (isStatement(value)) statements.push([name, value])
}

let sql: Sql
beforeAll(async () => {
  sql = connectTo(await createDatabase())
})
afterAll(() => sql.end())

/** What PostgreSQL makes of a statement, in the form in which the statement promises it. */
const prepared = async ({ text }: Statement) => {
  const { types, columns } = await sql.unsafe(text).describe()
  return { parameters: types, row: columns.map(({ name, type }) => [name, type]) }
}

const promised = ({ parameters, row }: Statement) => ({
  parameters: Object.values(parameters).map(({ oid }) => oid),
  row: Object.entries(row).map(([name, { oid }]) => [name, oid]),
})

describe("every statement is prepared against the migrated schema", () => {
  test("there are statements to check", () => {
    expect(statements.map(([name]) => name)).toContain("insertRequestLogsStatement")
  })

  for (const [name, checked] of statements)
    test(`${name} has the parameters and columns that it promises`, async () => {
      expect(promised(checked)).toEqual(await prepared(checked))
    })

  test("a renamed column fails the check", async () => {
    const renamed = statement({
      parameters: {},
      row: { nom: pg.text },
      text: () => "select nom from api_keys",
    })
    expect(await prepared(renamed).catch(({ code }) => code)).toBe("42703")
  })

  test("a column of another type fails the check", async () => {
    const mistyped = statement({
      parameters: {},
      row: { name: pg.int4 },
      text: () => "select name from api_keys",
    })
    expect(promised(mistyped)).not.toEqual(await prepared(mistyped))
  })
})

test("run() carries arrays of any text, of booleans and of nulls over unchanged", async () => {
  const texts = [
    "plain",
    'qu"ote',
    "back\\slash",
    "com,ma",
    "{brace}",
    "",
    "NULL",
    "null",
    " space ",
    "€😀\n",
    null,
  ]
  const echo = statement({
    parameters: { texts: pg.texts, bools: pg.bools, numbers: pg.int4s },
    row: { texts: pg.text, bools: pg.text, numbers: pg.text },
    text: (p) =>
      `select to_json(${p.texts}::text[])::text as texts, to_json(${p.bools}::bool[])::text as bools,
        to_json(${p.numbers}::int4[])::text as numbers`,
  })
  const [row] = await run(sql, echo, { texts, bools: [true, null, false], numbers: [0, null, -7] })
  expect(JSON.parse(row?.texts ?? "")).toEqual(texts)
  expect(JSON.parse(row?.bools ?? "")).toEqual([true, null, false])
  expect(JSON.parse(row?.numbers ?? "")).toEqual([0, null, -7])
})
