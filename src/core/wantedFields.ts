/**
 * Which fields of a message are wanted, prepared once so that keys are matched as bytes, undecoded. Reads no document.
 */
import { BACKSLASH, equals, parseJson } from "./jsonBytes.ts"

/** A tree of keys: a text is a wanted field and the name it is reported by, `*` stands for every element of an array. */
export interface Wanted {
  readonly [key: string]: Wanted | string
}

/** What a value matches: a container that holds wanted fields, a wanted field, or nothing. */
export type Target = Container | string | null

export interface Container {
  readonly members: ReadonlyArray<Member>
  readonly elements: Target
}

export interface Member {
  readonly key: string
  /** The key as it is usually written, in quotes. */
  readonly bytes: Uint8Array
  readonly target: Target
}

/** A document is one message, or an array of them. */
export const documentOf = (message: Wanted): Container => {
  const container = containerOf(message)
  return { members: container.members, elements: container }
}

/** What the value after the key `bytes[from, to)`, quotes included, matches. */
export const memberTarget = (container: Container, bytes: Uint8Array, from: number, to: number): Target => {
  for (const { bytes: key, target } of container.members) if (equals(key, bytes, from, to)) return target
  for (let at = from; at < to; at++)
    if (bytes[at] === BACKSLASH) return escapedTarget(container, bytes.subarray(from, to))
  return null
}

const escapedTarget = (container: Container, json: Uint8Array): Target => {
  const key = parseJson(json)
  return container.members.find((member) => member.key === key)?.target ?? null
}

const containerOf = ({ "*": elements, ...members }: Wanted): Container => ({
  members: Object.entries(members).map(([key, field]) => ({
    key,
    bytes: encoder.encode(`"${key}"`),
    target: targetOf(field),
  })),
  elements: elements === undefined ? null : targetOf(elements),
})

const targetOf = (wanted: Wanted | string): Target =>
  typeof wanted === "string" ? wanted : containerOf(wanted)

const encoder = new TextEncoder()
