/** A client on a raw socket: sends exactly the bytes that a test says, and reads the answer chunk by chunk. */
import { type Connection, connect, soon } from "./connection.ts"
import { type Message, readMessage } from "./message.ts"

export interface RawCall {
  readonly connection: Connection
  /** Waits for the head of the answer. */
  readonly answer: () => Promise<Message>
}

/** Opens a connection and writes `bytes` on it. */
export const send = async (origin: string, bytes: Uint8Array | string): Promise<RawCall> => {
  const connection = await connect(origin)
  await connection.write(bytes)
  const isBodiless = typeof bytes === "string" && bytes.startsWith("HEAD ")
  return {
    connection,
    answer: () => soon("the head of an answer", readMessage(connection, { isBodiless })),
  }
}
