/**
 * The counterpart of SQL that is checked at compile time: every statement of src/db is prepared against the migrated
 * schema, and what PostgreSQL says of its parameters and columns must be what the statement promises to TypeScript.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import type { Sql } from "postgres"
import { nullable, pg, run, type Statement, statement } from "../../src/db/statement.ts"
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
  const row = columns.map(async (column) => {
    const { name, type, table, number } = column as Column
    return [name, type, await isNullable(table, number)] as const
  })
  return { parameters: types, row: await Promise.all(row) }
}

/** What the driver gives beyond its own types: the column of a table that a column of the row comes from. */
interface Column {
  readonly name: string
  readonly type: number
  readonly table: number
  readonly number: number
}

/** Undefined for a column that is computed: PostgreSQL does not say. */
const isNullable = async (table: number, number: number): Promise<boolean | undefined> => {
  const [column] =
    await sql`select attnotnull from pg_attribute where attrelid = ${table} and attnum = ${number}`
  return column === undefined ? undefined : !column.attnotnull
}

const promised = ({ parameters, row }: Statement) => ({
  parameters: Object.values(parameters).map(({ oid }) => oid),
  row: Object.entries(row).map(([name, { oid, isNullable }]) => [name, oid, isNullable] as const),
})

/** A computed column is nullable or not as its statement says. */
const expectKept = async (checked: Statement) => {
  const { parameters, row } = await prepared(checked)
  const told = row.map(([name, oid, nullable], index) => [
    name,
    oid,
    nullable ?? promised(checked).row[index]?.[2],
  ])
  expect({ parameters, row: told }).toEqual(promised(checked) as never)
}

describe("every statement is prepared against the migrated schema", () => {
  test("there are statements to check", () => {
    expect(statements.map(([name]) => name)).toContain("insertRequestLogsStatement")
  })

  for (const [name, checked] of statements)
    test(`${name} has the parameters and columns that it promises`, async () => {
      await expectKept(checked)
    })

  test("a renamed column fails the check", async () => {
    const renamed = statement({
      parameters: {},
      row: { nom: pg.text },
      text: () => "select nom from api_keys",
    })
    expect(await prepared(renamed).catch(({ code }) => code)).toBe("42703")
  })

  const wrong = {
    "a column of another type": { name: pg.int4 },
    "a column that may be null and is not said to be": { revoked_at: pg.timestamptz },
    "a column that is never null and is said to be": { name: nullable(pg.text) },
  }
  for (const [what, row] of Object.entries(wrong))
    test(`${what} fails the check`, async () => {
      const text = () => `select ${Object.keys(row).join(", ")} from api_keys`
      const kept = await expectKept(statement({ parameters: {}, row, text })).then(
        () => true,
        () => false,
      )
      expect(kept).toBe(false)
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
