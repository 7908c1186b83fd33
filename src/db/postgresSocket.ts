/** The directory of the server's unix socket. It lies in the home where its path is short enough, else in a temporary one. */
import { mkdtemp, rm, rmdir } from "node:fs/promises"
import { connect } from "node:net"
import { platform, tmpdir } from "node:os"
import { join } from "node:path"
import { isReachable, makePrivateDirectory, type PostgresHome } from "./postgresHome.ts"

/** Names the socket's file and nothing else. */
export const socketPort = 5432

/** `sun_path` has 108 bytes on Linux and 104 on macOS, the closing zero included. */
const pathLimit = platform() === "darwin" ? 103 : 107

export const socketFile = (directory: string): string => join(directory, `.s.PGSQL.${socketPort}`)

export const ownSocketDirectory = (home: PostgresHome): string => join(home.directory, "postgres-socket")

/** A new, empty directory: the lock file that a killed server leaves beside its socket would stop the next one. */
export const makeSocketDirectory = async (home: PostgresHome): Promise<string> => {
  const own = ownSocketDirectory(home)
  await rm(own, { recursive: true, force: true })
  const directory = fits(own) ? own : await mkdtemp(join(await temporaryDirectory(home), "tokenmeter-"))
  await makePrivateDirectory(directory, home.serverUser)
  return directory
}

/** The server has taken its socket away; a directory that is not empty is not ours to remove. */
export const removeSocketDirectory = (directory: string): Promise<void> => rmdir(directory).catch(() => {})

/** Whether a server listens there. A unix socket answers at once, so there is nothing to time out. */
export const isListening = (directory: string): Promise<boolean> =>
  new Promise((resolve) => {
    if (!fits(directory)) return resolve(false)
    const socket = connect(socketFile(directory))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    // Any other failure, a full backlog for one, is a server's.
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(!absent.has(error.code ?? "")))
  })

const absent: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED", "ENOTDIR"])

const temporaryDirectory = async (home: PostgresHome): Promise<string> => {
  const directory = tmpdir()
  const example = join(directory, "tokenmeter-XXXXXX")
  return fits(example) && (await isReachable(example, home.serverUser)) ? directory : "/tmp"
}

const fits = (directory: string): boolean => Buffer.byteLength(socketFile(directory)) <= pathLimit
