/**
 * Where the embedded PostgreSQL lives on disk and which user its programs run as.
 *
 *   <home>/postgres            the cluster                 <home>/postgres.log       the server's log, this start
 *   <home>/postgres-socket     its unix socket, 0700       <home>/postgres-binaries  copied or extracted programs
 *   <data dir>/postgres-starting.lock  <data dir>/postgres-users.lock                see embedded.ts
 *
 * Home is the data directory itself, unless we are root and the server's user cannot get there (say /root is 0700):
 * then it is a directory under /var/lib/tokenmeter, named after the data directory's path, and <data dir>/postgres is
 * a link into it. It stays when the data directory is removed: nothing here ever deletes a cluster.
 */
import { createHash } from "node:crypto"
import type { Stats } from "node:fs"
import { chmod, chown, mkdir, readdir, readlink, realpath, stat, symlink, writeFile } from "node:fs/promises"
import { platform } from "node:os"
import { dirname, join, resolve } from "node:path"
import process from "node:process"
import { EmbeddedDatabaseError } from "./error.ts"

export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

export interface PostgresHome {
  readonly directory: string
  readonly cluster: string
  readonly startingLock: string
  readonly usersLock: string
  /** Set when we are root: PostgreSQL refuses to run as root. */
  readonly serverUser: ServerUser | undefined
}

/** `nobody` on Linux; macOS keeps `_postgres` for this, and has no user 65534. */
const unprivileged: ServerUser = platform() === "darwin" ? { uid: 216, gid: 216 } : { uid: 65534, gid: 65534 }

const systemHomes = "/var/lib/tokenmeter"

export const preparePostgresHome = async (dataDir: string): Promise<PostgresHome> => {
  const path = resolve(dataDir)
  await mkdir(dirname(path), { recursive: true })
  await mkdir(path, { mode: 0o700 }).catch(unlessExists)
  const dataDirectory = await realpath(path)
  const serverUser = process.getuid?.() === 0 ? await openToServer(dataDirectory) : undefined
  const directory = await chooseHome(dataDirectory, serverUser)
  const [startingLock, usersLock] = await Promise.all([
    makeLockFile(join(dataDirectory, "postgres-starting.lock"), serverUser),
    makeLockFile(join(dataDirectory, "postgres-users.lock"), serverUser),
  ])
  return { directory, cluster: join(directory, "postgres"), startingLock, usersLock, serverUser }
}

/** Makes a directory that only the server's user may enter. */
export const makePrivateDirectory = async (path: string, user: ServerUser | undefined): Promise<void> => {
  await mkdir(path, { mode: 0o700 }).catch(unlessExists)
  if (user !== undefined) await chown(path, user.uid, user.gid)
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Whether `user` can get to `path`, judged by the permission bits of the directories above it. */
export const isReachable = async (path: string, user: ServerUser | undefined): Promise<boolean> => {
  if (user === undefined) return true
  const parent = dirname(path)
  if (!isPassable(await stat(parent), user)) return false
  return parent === path || isReachable(parent, user)
}

/** Picks the server's user, and lets it pass through a data directory that is root's. */
const openToServer = async (dataDirectory: string): Promise<ServerUser> => {
  const found = await stat(dataDirectory)
  if (found.uid !== 0) return { uid: found.uid, gid: found.gid } // whose directory it is, their server it is
  if (isPassable(found, unprivileged)) return unprivileged
  if ((await readdir(dataDirectory)).length === 0) {
    await chown(dataDirectory, unprivileged.uid, unprivileged.gid)
    return unprivileged
  }
  // It may be anything, /root for one: give nothing away but the way through.
  await chown(dataDirectory, 0, unprivileged.gid)
  await chmod(dataDirectory, (found.mode & 0o700) | 0o010)
  return unprivileged
}

const chooseHome = async (dataDirectory: string, user: ServerUser | undefined): Promise<string> => {
  if (await isReachable(dataDirectory, user)) return dataDirectory
  const link = join(dataDirectory, "postgres")
  const name = createHash("sha256").update(dataDirectory).digest("hex").slice(0, 12)
  await mkdir(systemHomes, { recursive: true })
  await chmod(systemHomes, 0o755) // whatever our umask
  await symlink(join(systemHomes, name, "postgres"), link).catch(unlessExists)
  // An earlier link leads the way: the data directory may have been moved since.
  const cluster = await readlink(link).catch(() => {
    throw new EmbeddedDatabaseError({
      message: `${link} cannot be reached by uid ${user?.uid}, as which PostgreSQL runs when we are root: move DATA_DIR to a place like ${systemHomes}, or set DATABASE_URL`,
    })
  })
  await makePrivateDirectory(dirname(cluster), user)
  return dirname(cluster)
}

/** Made here, so that it belongs to the server's user. Never opened again but by SQLite: see lock.ts. */
const makeLockFile = async (path: string, user: ServerUser | undefined): Promise<string> => {
  await writeFile(path, "", { flag: "wx", mode: 0o600 }).catch(unlessExists)
  if (user !== undefined) await chown(path, user.uid, user.gid)
  return path
}

const isPassable = (directory: Stats, user: ServerUser): boolean => {
  if (directory.uid === user.uid) return (directory.mode & 0o100) !== 0
  if (directory.gid === user.gid) return (directory.mode & 0o010) !== 0
  return (directory.mode & 0o001) !== 0
}

const unlessExists = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EEXIST") throw error
}
