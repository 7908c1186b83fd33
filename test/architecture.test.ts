/** What the layout of the source promises, read off its imports: which way the arrows point, and what the core keeps out. */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { Glob, Transpiler } from "bun"

const SRC = join(import.meta.dir, "../src")

/** They import nothing of ours. */
const LEAVES = ["config.ts", "lock.ts", "progress.ts", "table.ts", "version.ts"]

/** From the outside in. A file imports from its own layer and from those below; a name with a slash is a folder. */
const LAYERS: ReadonlyArray<ReadonlyArray<string>> = [
  ["main.ts", "build.ts"],
  ["commands/", "demo/"],
  ["server.ts"],
  ["routes/"],
  ["meter.ts", "relay.ts", "keyring.ts", "keys.ts"],
  ["upstream.ts", "contentDecoder.ts"],
  ["recorder/", "db/"],
  LEAVES,
  ["core/"],
]

const ENTRY_POINTS = ["main.ts", "build.ts"]

const LONGEST_FILE = 250

interface Source {
  readonly file: string
  readonly text: string
  /** As written; of our own files, the path below src/. */
  readonly imports: ReadonlyArray<string>
}

const transpiler = new Transpiler({ loader: "ts" })

/** Imports of types are arrows too, but the transpiler drops them. */
const withTypesAsValues = (text: string): string =>
  text.replace(/^(?:import|export)\b[^"]*? from "/gm, (statement) => statement.replaceAll(/\btype /g, ""))

const importsOf = (file: string, text: string): ReadonlyArray<string> =>
  transpiler
    .scanImports(withTypesAsValues(text))
    .map(({ path }) => (path.startsWith(".") ? posix.join(posix.dirname(file), path) : path))

/** In what runs: not in comments or types. */
const found = (pattern: RegExp, text: string): ReadonlyArray<string> =>
  transpiler.transformSync(text).match(pattern) ?? []

const sources: ReadonlyArray<Source> = [...new Glob("**/*.ts").scanSync(SRC)].sort().map((file) => {
  const text = readFileSync(join(SRC, file), "utf8")
  return { file, text, imports: importsOf(file, text) }
})

const layerOf = (file: string): number =>
  LAYERS.findIndex((names) =>
    names.some((name) => (name.endsWith("/") ? file.startsWith(name) : file === name)),
  )

const isOurs = (path: string): boolean => sources.some(({ file }) => file === path)

/** `file: what is wrong with it`, for each thing. */
const faults = (
  inFiles: (file: string) => boolean,
  faultsOf: (source: Source) => ReadonlyArray<string>,
): ReadonlyArray<string> =>
  sources
    .filter(({ file }) => inFiles(file))
    .flatMap((source) => faultsOf(source).map((fault) => `${source.file}: ${fault}`))

const inCore = (file: string): boolean => file.startsWith("core/")
const inAny = (): boolean => true

/** Whatever gives another answer the next time, or leaves a trace. Hashes are the only part of Bun that is a function. */
const IMPURE =
  /\b(?:Date\b|performance\.|Math\.random|process\.|crypto\.|fetch\(|console\.|set(?:Timeout|Interval|Immediate)\(|queueMicrotask\(|globalThis\b|require\(|import\(|import\.meta|Bun\.(?!CryptoHasher\b|hash\b)\w+)/g

const OF_THE_PROCESS =
  /\b(?:process|Bun)\.(?:argv|env|exit\w*|on|once|exec\w+|std\w+)\b|import\.meta\.(?:env|main)\b/g

describe("the source", () => {
  test("has a layer for every file", () => {
    const isSource = (file: string) => !file.endsWith(".d.ts")
    expect(
      faults(isSource, ({ file }) => (layerOf(file) === -1 ? ["is in no layer of this test"] : [])),
    ).toEqual([])
    expect(sources.length).toBeGreaterThan(50)
  })

  test("has arrows that point inwards only", () => {
    const outward = ({ file, imports }: Source) =>
      imports.filter((path) => isOurs(path) && layerOf(path) < layerOf(file))
    expect(faults(inAny, outward)).toEqual([])
  })

  test("has leaves that import nothing of ours", () => {
    expect(
      faults(
        (file) => LEAVES.includes(file),
        ({ imports }) => imports.filter(isOurs),
      ),
    ).toEqual([])
  })

  test("has no default export, and no file that only collects others", () => {
    const faultsOf = ({ file, text }: Source) => [
      ...(transpiler.scan(text).exports.includes("default") ? ["has a default export"] : []),
      ...(posix.basename(file) === "index.ts" ? ["is an index"] : []),
      ...(/^export\b[^;=(]*? from "/m.test(text) ? ["exports what it imports"] : []),
    ]
    expect(faults((file) => !file.endsWith(".d.ts"), faultsOf)).toEqual([])
  })

  test("has no file over 250 lines, and none without a header", () => {
    const faultsOf = ({ text }: Source) => [
      ...(text.split("\n").length - 1 > LONGEST_FILE ? ["is too long"] : []),
      ...(text.startsWith("/**") ? [] : ["does not say what lives in it"]),
    ]
    expect(faults(inAny, faultsOf)).toEqual([])
  })

  test("leaves arguments, environment, signals and exit to the entry points", () => {
    const isInner = (file: string) => !ENTRY_POINTS.includes(file) && !file.endsWith(".d.ts")
    expect(faults(isInner, ({ text }) => found(OF_THE_PROCESS, text))).toEqual([])
    // The embedded PostgreSQL has to know its user and to look for its processes.
    const isOutsideOfEmbedded = (file: string) => !file.startsWith("db/embedded")
    const processImports = ({ imports }: Source) => imports.filter((path) => /^(?:node:)?process$/.test(path))
    expect(faults(isOutsideOfEmbedded, processImports)).toEqual([])
  })
})

describe("the core", () => {
  test("imports effect and itself, and nothing else", () => {
    const foreign = ({ imports }: Source) => imports.filter((path) => path !== "effect" && !inCore(path))
    expect(faults(inCore, foreign)).toEqual([])
  })

  test("does no I/O, and uses no clock, chance or environment", () => {
    expect(faults(inCore, ({ text }) => found(IMPURE, text))).toEqual([])
  })
})

describe("these tests", () => {
  test("see every kind of import", () => {
    const text = `
      // import "./comment.ts"
import type { A } from "../a.ts"
import { type B } from "./b.ts"
import {
  type C,
  d,
} from "./c.ts"
import "./e.ts"
import f from "./f.sql" with { type: "text" }
export type { G } from "./g.ts"
export * from "./h.ts"
const i = await import("./i.ts")
const text = 'import "./text.ts"'`
    expect(importsOf("core/x.ts", text).toSorted()).toEqual([
      ...["a.ts", "core/b.ts", "core/c.ts", "core/e.ts", "core/f.sql", "core/g.ts", "core/h.ts", "core/i.ts"],
    ])
  })

  test("see what is impure, and let hashes pass", () => {
    const impure = [
      ...["new Date()", "Date.now()", "performance.now()", "Math.random()", "crypto.randomUUID()"],
      ...["process.env.A", "import.meta.url", "fetch(a)", "Bun.file(a)", "console.log(a)", "setTimeout(a)"],
    ]
    for (const code of impure) expect(found(IMPURE, `a = ${code}`)).not.toEqual([])
    expect(found(IMPURE, "a = Bun.hash.crc32(b) + Bun.CryptoHasher.hash(c, d) /* Date.now() */")).toEqual([])
    for (const code of ["process.exit(1)", "process.env", "Bun.argv", "process.on(a, b)", "import.meta.main"])
      expect(found(OF_THE_PROCESS, `a = ${code}`)).not.toEqual([])
    expect(found(OF_THE_PROCESS, "a = process.platform + process.getuid()")).toEqual([])
  })
})
