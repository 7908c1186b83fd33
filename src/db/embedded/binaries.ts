/**
 * Where PostgreSQL's programs come from: the package of this platform, used in place where the server's user can run
 * it and copied next to the cluster where not; in a compiled binary the archive inside it, extracted on first use.
 */
import { chmod, copyFile, lchown, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { syncDirectory, syncFile } from "./durability.ts"
import { EmbeddedDatabaseError } from "./error.ts"
import { exists, makePrivateDirectory, type PostgresHome, type ServerUser } from "./home.ts"
import { linkLibraries, platformPackage, serverFiles } from "./package.ts"
import { runProgram } from "./program.ts"

/** In the compiled binary: a directory beside the code that holds `<version>.tar.zst`. */
export const archiveDirectory = "postgres"
export const archiveExtension = ".tar.zst"

/** `postgres --version` takes some 20 ms. */
const probeLimit = 10_000

/** The directory that holds bin, lib and share. */
export const postgresBinaries = (home: PostgresHome): Promise<string> =>
  Bun.isStandaloneExecutable ? extractArchive(home) : packagedBinaries(home)

const packagedBinaries = async (home: PostgresHome): Promise<string> => {
  const { native, version } = await platformPackage()
  const isLinked = await linkLibraries(native).then(
    () => true,
    () => false, // a read-only install
  )
  if (isLinked && (await probe(home, native)).succeeded) return native
  return install(home, version, async (draft) => {
    for (const file of await serverFiles(native)) {
      await mkdir(dirname(join(draft, file)), { recursive: true })
      await copyFile(join(native, file), join(draft, file))
    }
  })
}

const extractArchive = async (home: PostgresHome): Promise<string> => {
  const directory = join(import.meta.dir, archiveDirectory)
  const [name = ""] = await readdir(directory)
  return install(home, name.replace(archiveExtension, ""), async (draft) => {
    const compressed = await Bun.file(join(directory, name)).bytes()
    await new Bun.Archive(await Bun.zstdDecompress(compressed)).extract(draft)
  })
}

/** Fills a draft and renames it, so that what is there is whole. Removes other versions: no server runs now. */
const install = async (
  home: PostgresHome,
  version: string,
  fill: (draft: string) => Promise<void>,
): Promise<string> => {
  const shelf = join(home.directory, "postgres-binaries")
  const installed = join(shelf, version)
  if (await exists(installed)) return installed
  await rm(shelf, { recursive: true, force: true })
  await makePrivateDirectory(shelf, home.serverUser)
  const draft = await mkdtemp(join(shelf, "draft-"))
  await fill(draft)
  await linkLibraries(draft)
  for (const program of ["initdb", "postgres"]) await chmod(join(draft, "bin", program), 0o755)
  await finishTree(draft, home.serverUser)
  const { succeeded, complaint } = await probe(home, draft)
  if (!succeeded) {
    throw new EmbeddedDatabaseError({
      message: `the embedded PostgreSQL does not run here: ${complaint}; it needs glibc and libstdc++ on Linux, and a DATA_DIR (${home.directory}) whose file system allows programs; mend this or set DATABASE_URL`,
    })
  }
  await rename(draft, installed)
  await syncDirectory(shelf)
  return installed
}

/** The files belong to the server's user, whatever our umask, and are on the disk before the rename. */
const finishTree = async (directory: string, user: ServerUser | undefined): Promise<void> => {
  await makePrivateDirectory(directory, user)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (user !== undefined) await lchown(path, user.uid, user.gid)
    if (entry.isFile()) await syncFile(path)
  }
}

const probe = (home: PostgresHome, directory: string) =>
  runProgram(home, [join(directory, "bin/postgres"), "--version"], probeLimit)
