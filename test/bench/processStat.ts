/** What the system says of a running process. Linux tells; elsewhere the answers are undefined. */
import { readFile } from "node:fs/promises"

/** Linux counts processor time in these; it is 100 a second wherever Bun runs. */
const TICK_MICROS = 10_000

/** User and system time so far; undefined where there is no /proc. */
export const cpuMicros = async (pid: number): Promise<number | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined)
  // The name, in parentheses, may hold spaces; the fields after it are counted from the third on.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * TICK_MICROS
}

export const residentBytes = async (pid: number): Promise<number | undefined> => {
  const status = await readFile(`/proc/${pid}/status`, "latin1").catch(() => undefined)
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status ?? "")?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}
