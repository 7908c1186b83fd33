/** The single binary, built as a release is, alone in an empty directory. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Compiling takes 3 s, and starting PostgreSQL twice as long on a busy machine. */
const TIMEOUT = 60_000

let directory: string
let binary: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenmeter-binary-"))
  // As root, PostgreSQL runs as another user, and a directory closed to that one is kept elsewhere.
  await chmod(directory, 0o755)
  binary = join(directory, "tokenmeter")
  const build = Bun.spawn([process.execPath, "src/build.ts", `--outfile=${binary}`], {
    cwd: join(import.meta.dir, "../.."),
    stdout: "ignore",
  })
  expect(await build.exited).toBe(0)
}, TIMEOUT)

afterAll(() => rm(directory, { recursive: true, force: true }))

/** With nothing of the environment but a place for temporary files. */
const run = async (args: ReadonlyArray<string>, cwd: string) => {
  const child = Bun.spawn([binary, ...args], {
    cwd,
    env: { TMPDIR: directory },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, stdout, stderr }
}

test(
  "dist/tokenmeter demo --once shows the recorded calls, exits 0, and leaves nothing behind",
  async () => {
    const cwd = join(directory, "empty")
    await mkdir(cwd)
    const { code, stdout, stderr } = await run(["demo", "--once"], cwd)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toContain("The built-in stand-in answers here, not Gemini.")
    expect(stdout).toMatch(/streamGenerateContent +gemini-2\.5-pro +200 +complete/)
    expect(await readdir(cwd)).toEqual([])
    expect((await readdir(directory)).sort()).toEqual(["empty", "tokenmeter"])
  },
  TIMEOUT,
)

test(
  "dist/tokenmeter keys works in a directory of its own, and its second run unpacks nothing again",
  async () => {
    const cwd = join(directory, "own")
    await mkdir(cwd)
    const made = await run(["keys", "create", "somebody"], cwd)
    expect(made.stdout).toMatch(/^tm_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}\n$/)
    const unpacked = join(cwd, ".tokenmeter/postgres-binaries")
    const inode = async () =>
      (await Bun.file(join(unpacked, (await readdir(unpacked))[0] ?? "", "bin/postgres")).stat()).ino
    const before = await inode()
    const listed = await run(["keys", "list"], cwd)
    expect(listed.stdout).toContain(`${made.stdout.slice(3, 11)}  somebody`)
    expect(await inode()).toBe(before)
  },
  TIMEOUT,
)
