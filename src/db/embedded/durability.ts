/** What makes a file and a rename survive a power cut. */
import { open } from "node:fs/promises"

export const syncFile = async (path: string): Promise<void> => {
  await using file = await open(path, "r")
  await file.sync()
}

/** To be called on the parent directory after a rename. */
export const syncDirectory = syncFile
