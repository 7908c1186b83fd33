/** Makes the cluster, once: a kill in the middle leaves a draft that the next start throws away, never half a cluster. */
import { mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { syncDirectory } from "./durability.ts"
import { EmbeddedDatabaseError } from "./error.ts"
import { exists, makePrivateDirectory, type PostgresHome } from "./home.ts"
import { runProgram } from "./program.ts"

/** The superuser, who also owns everything. Whoever gets through the 0700 socket directory is trusted. */
export const superuser = "tokenmeter"

/** initdb takes about a second; a slow disk may take it to ten times that. */
const initdbLimit = 60_000

const draftPrefix = "postgres-initdb-"

export const ensureCluster = async (home: PostgresHome, binaries: string): Promise<void> => {
  await removeDrafts(home.directory)
  if (await exists(home.cluster)) return
  const draft = await mkdtemp(join(home.directory, draftPrefix))
  await makePrivateDirectory(draft, home.serverUser)
  const result = await runProgram(
    home,
    [join(binaries, "bin/initdb"), ...initdbArguments(draft)],
    initdbLimit,
  )
  if (!result.succeeded) {
    await rm(draft, { recursive: true, force: true })
    throw new EmbeddedDatabaseError({
      message: `the embedded PostgreSQL could not be set up in ${home.directory}: ${result.complaint}; mend this, choose another DATA_DIR or set DATABASE_URL`,
    })
  }
  await rename(draft, home.cluster)
  await syncDirectory(dirname(home.cluster))
}

const initdbArguments = (directory: string): readonly string[] => [
  ...["-D", directory, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--locale=C"],
  "--no-instructions",
]

/** An initdb whose parent was killed may still be writing into its draft: what resists is left for the next start. */
const removeDrafts = async (directory: string): Promise<void> => {
  const drafts = (await readdir(directory)).filter((name) => name.startsWith(draftPrefix))
  await Promise.allSettled(drafts.map((name) => rm(join(directory, name), { recursive: true })))
}
