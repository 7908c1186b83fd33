/**
 * The server process of one cluster: find it, start it, stop it. Callers hold the starting lock, so nobody else
 * starts or stops it meanwhile.
 *
 * It is started directly and not by pg_ctl, which hands every path to a shell unquoted. It leads a session of its
 * own, so a terminal's Ctrl-C reaches us and not it, and it outlives us when we are killed.
 */
import { open, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { EmbeddedDatabaseError } from "./error.ts"
import type { PostgresHome } from "./home.ts"
import { lastLines, serverEnvironment } from "./program.ts"
import {
  answers,
  makeSocketDirectory,
  ownSocketDirectory,
  removeSocketDirectory,
  socketPort,
} from "./socket.ts"

export interface Postmaster {
  readonly pid: number
  readonly socketDirectory: string
}

export type ServerSettings = Readonly<Record<string, string>>

/** A start after a crash replays the write-ahead log first, of which there is at most about a gigabyte. */
const startLimit = 60_000
/** A fast stop writes a checkpoint. */
const stopLimit = 30_000
/** The backends of a killed server, or a server whose socket somebody removed, let go of the cluster within a minute. */
const takeoverLimit = 75_000
const takeoverInterval = 250
/** How often we look whether the server has come up or gone. */
const pollInterval = 10

/**
 * Errors of single statements stay out of the log: they would quote statements and rows, and let the log grow
 * without end. Starts, stops and crashes stay in.
 */
const fixedSettings: ServerSettings = {
  listen_addresses: "",
  port: String(socketPort),
  timezone: "UTC",
  log_timezone: "UTC",
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
  log_checkpoints: "off",
  log_autovacuum_min_duration: "-1",
}

/** The running server, once it has finished starting or stopping. A postmaster.pid without a server is not one. */
export const findPostmaster = async (home: PostgresHome): Promise<Postmaster | undefined> => {
  const deadline = Date.now() + startLimit
  while (Date.now() < deadline) {
    const file = await readPidFile(home)
    if (file === undefined) return undefined
    if (file.status === "ready") return reach(home, file)
    if (!isAlive(file.pid)) return undefined
    await Bun.sleep(pollInterval)
  }
  const file = await readPidFile(home)
  if (file !== undefined && (await reach(home, file)) !== undefined) throw stillBusy(home, file.pid)
  return undefined // a server that died while it started, and whose number another program has now
}

export const startPostmaster = async (
  home: PostgresHome,
  binaries: string,
  settings: ServerSettings,
): Promise<Postmaster> => {
  const deadline = Date.now() + takeoverLimit
  const socketDirectory = await makeSocketDirectory(home)
  const command = serverCommand(home, binaries, { ...fixedSettings, ...settings }, socketDirectory)
  for (;;) {
    // Nobody answers there: see findPostmaster. PostgreSQL itself would believe any living process of that number.
    // Should we be wrong, its lock on the cluster's shared memory still keeps a second server out.
    await rm(pidFilePath(home), { force: true })
    const outcome = await launch(home, command)
    if (typeof outcome !== "string") return outcome
    const isHeld = /shared memory block .* is still in use/.test(outcome)
    if (!isHeld || Date.now() >= deadline) return failStart(home, outcome, socketDirectory)
    await Bun.sleep(takeoverInterval)
  }
}

export const stopPostmaster = async (home: PostgresHome): Promise<void> => {
  const postmaster = await findPostmaster(home)
  if (postmaster === undefined) return
  process.kill(postmaster.pid, "SIGINT") // what PostgreSQL calls a fast stop: it ends its sessions
  const deadline = Date.now() + stopLimit
  while ((await readPidFile(home))?.pid === postmaster.pid) {
    if (Date.now() >= deadline) throw stillBusy(home, postmaster.pid)
    await Bun.sleep(pollInterval)
  }
  await removeSocketDirectory(postmaster.socketDirectory)
}

/** Starts the server and waits for it: the server, or why there is none. */
const launch = async (home: PostgresHome, command: readonly string[]): Promise<Postmaster | string> => {
  const deadline = Date.now() + startLimit
  await rename(logPath(home), `${logPath(home)}.previous`).catch(() => {}) // there is none at the first start
  await using log = await open(logPath(home), "w", 0o600)
  const server = Bun.spawn([...command], {
    cwd: home.directory,
    env: serverEnvironment,
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
    ...home.serverUser,
  })
  server.unref()
  while (server.exitCode === null && server.signalCode === null) {
    const file = await readPidFile(home)
    if (file?.pid === server.pid && file.status === "ready") {
      const postmaster = await reach(home, file)
      if (postmaster !== undefined) return postmaster
    }
    if (Date.now() >= deadline) throw stillBusy(home, server.pid)
    await Bun.sleep(pollInterval)
  }
  return lastLines(await readFile(logPath(home), "utf8"))
}

const failStart = async (home: PostgresHome, reason: string, socketDirectory: string): Promise<never> => {
  await removeSocketDirectory(socketDirectory)
  throw new EmbeddedDatabaseError({
    message: `the embedded PostgreSQL did not start: ${reason}; mend this (its log is ${logPath(home)}), choose another DATA_DIR or set DATABASE_URL`,
  })
}

/** Whatever it is at, a replay for one, it would have to begin again if we killed it. */
const stillBusy = (home: PostgresHome, pid: number): EmbeddedDatabaseError =>
  new EmbeddedDatabaseError({
    message: `the embedded PostgreSQL (pid ${pid}) has been starting or stopping for long and goes on by itself: see its log ${logPath(home)}, and try again later`,
  })

const serverCommand = (
  home: PostgresHome,
  binaries: string,
  settings: ServerSettings,
  socketDirectory: string,
): readonly string[] => {
  const quoted = `"${socketDirectory.replaceAll('"', '""')}"` // the setting is a list, separated by commas
  const all = { ...settings, unix_socket_directories: quoted }
  return [
    join(binaries, "bin/postgres"),
    ...["-D", home.cluster],
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]
}

const logPath = (home: PostgresHome): string => join(home.directory, "postgres.log")
const pidFilePath = (home: PostgresHome): string => join(home.cluster, "postmaster.pid")

interface PidFile extends Postmaster {
  readonly status: string
}

/** Line 1 is the process, 5 the socket's directory, 8 what the server is about: starting, ready or stopping. */
const readPidFile = async (home: PostgresHome): Promise<PidFile | undefined> => {
  const text = await readFile(pidFilePath(home), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error
  })
  if (text === undefined) return undefined
  const lines = text.split("\n").map((line) => line.trim())
  return { pid: Number(lines[0]), socketDirectory: lines[4] ?? "", status: lines[7] ?? "" }
}

/** Two processes may see the same socket under two paths (a bind mount), so ours comes first. */
const reach = async (
  home: PostgresHome,
  { pid, socketDirectory }: PidFile,
): Promise<Postmaster | undefined> => {
  for (const candidate of new Set([ownSocketDirectory(home), socketDirectory])) {
    if (await answers(candidate)) return { pid, socketDirectory: candidate }
  }
  return undefined
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
