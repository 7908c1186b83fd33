/** The directory of the server's unix socket. It lies in the home where its path is short enough, else in a temporary one. */
import { mkdtemp, rm, rmdir } from "node:fs/promises"
import { connect } from "node:net"
import { platform, tmpdir } from "node:os"
import { join } from "node:path"
import { isReachable, makePrivateDirectory, type PostgresHome } from "./home.ts"

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

/**
 * Whether a server answers there. A connection alone proves nothing: one that was just killed may still get it. So we
 * ask whether TLS is spoken, which needs no login and leaves nothing in the log, and any answer will do.
 */
export const answers = (directory: string): Promise<boolean> =>
  new Promise((resolve) => {
    if (!fits(directory)) return resolve(false)
    const socket = connect(socketFile(directory), () => socket.write(tlsRequest))
    const settle = (isServer: boolean) => {
      socket.destroy()
      resolve(isServer)
    }
    socket.once("data", () => settle(true))
    socket.once("end", () => settle(false))
    socket.once("error", ({ code }: NodeJS.ErrnoException) => settle(!gone.has(code ?? "")))
    socket.setTimeout(answerLimit, () => settle(true))
  })

/** Any other failure, a full backlog for one, is that of a server that lives. */
const gone: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ECONNREFUSED", "ECONNRESET", "EPIPE"])

/** A server that is this slow is still a server. */
const answerLimit = 5_000

/** Length 8 and the request code 80877103, as the protocol has it. */
const tlsRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

const temporaryDirectory = async (home: PostgresHome): Promise<string> => {
  const directory = tmpdir()
  const example = join(directory, "tokenmeter-XXXXXX")
  return fits(example) && (await isReachable(example, home.serverUser)) ? directory : "/tmp"
}

const fits = (directory: string): boolean => Buffer.byteLength(socketFile(directory)) <= pathLimit
