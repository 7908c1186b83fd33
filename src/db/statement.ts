/**
 * An SQL statement with the types that it promises: its parameters and the columns of its rows, each with PostgreSQL's
 * type and TypeScript's. The compiler holds callers to them; a test prepares every statement against the migrated
 * schema and holds PostgreSQL to them. All statements are written through here; only migrations, which make the schema, are not.
 */
import type { Sql, TransactionSql } from "postgres"

/** A PostgreSQL type by its fixed object id (pg_type.dat), and the TypeScript type that the driver gives for it. */
export interface PgType<A> {
  readonly oid: number
  readonly isNullable: boolean
  readonly encode: (value: A) => Parameter
  /** Never read: carries `A`. */
  readonly _value?: A
}

type Parameter = string | number | boolean | Date | Uint8Array | null

const scalar = <A extends Parameter>(oid: number): PgType<A> => ({
  oid,
  isNullable: false,
  encode: (value) => value,
})

/** Arrays go over as literals (`{"a",NULL}`): the driver's own encoding costs twice as much, and fails for booleans. */
const array = <A extends string | number | boolean>(oid: number): PgType<ReadonlyArray<A | null>> => ({
  oid,
  isNullable: false,
  encode: (values) => `{${values.map(arrayElement).join(",")}}`,
})

const arrayElement = (value: string | number | boolean | null): string => {
  if (value === null) return "NULL"
  return typeof value === "string" ? `"${value.replace(/["\\]/g, "\\$&")}"` : String(value)
}

export const pg = {
  bool: scalar<boolean>(16),
  bytea: scalar<Uint8Array>(17),
  int4: scalar<number>(23),
  text: scalar<string>(25),
  timestamptz: scalar<Date>(1184),
  uuid: scalar<string>(2950),
  bools: array<boolean>(1000),
  int2s: array<number>(1005),
  int4s: array<number>(1007),
  texts: array<string>(1009),
  /** As ISO 8601 text. */
  timestamptzs: array<string>(1185),
  uuids: array<string>(2951),
} as const

export const nullable = <A>({ oid, encode }: PgType<A>): PgType<A | null> => ({
  oid,
  isNullable: true,
  encode: (value) => (value === null ? null : encode(value)),
})

// biome-ignore lint/suspicious/noExplicitAny: a record of types of any values.
type Shape = Readonly<Record<string, PgType<any>>>
type Values<S extends Shape> = { readonly [K in keyof S]: S[K] extends PgType<infer A> ? A : never }

/** One row that a statement gives. */
export type Row<S extends Statement> = Values<S["row"]>

export interface Statement<P extends Shape = Shape, R extends Shape = Shape> {
  readonly text: string
  /** In the order of their numbers. */
  readonly parameters: P
  readonly row: R
}

/** `text` is given the placeholder of each parameter by name. */
export const statement = <const P extends Shape, const R extends Shape>(definition: {
  readonly parameters: P
  readonly row: R
  readonly text: (placeholders: { readonly [K in keyof P]: string }) => string
}): Statement<P, R> => {
  const { parameters, row, text } = definition
  const placeholders = Object.fromEntries(
    Object.keys(parameters).map((name, index) => [name, `$${index + 1}`]),
  )
  return { text: text(placeholders as { readonly [K in keyof P]: string }), parameters, row }
}

/** Runs a statement, prepared once per connection. */
export const run = async <P extends Shape, R extends Shape>(
  sql: Sql | TransactionSql,
  { text, parameters }: Statement<P, R>,
  values: Values<P>,
): Promise<ReadonlyArray<Values<R>>> => {
  const encoded = Object.entries(parameters).map(([name, type]) => type.encode(values[name]))
  return sql.unsafe<Array<Values<R>>>(text, encoded, { prepare: true })
}
