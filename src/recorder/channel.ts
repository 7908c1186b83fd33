/**
 * The way of a request log from the response path to the writer: a bounded queue and one fiber that takes batches.
 * `offer` is synchronous and total. Knows no SQL.
 *
 * open     offers are queued; the fiber takes up to `batchSize`, or what `batchWindow` brings, and writes until it succeeds
 * closing  the scope is closing: offers are refused; the fiber writes what is queued, within `drainWithin`
 * closed   what was not written by then is counted as lost, and said
 */
import { Cause, type Duration, Effect, Fiber, Latch, Option, Queue, type Scope } from "effect"

export interface ChannelOptions<A> {
  readonly capacity: number
  readonly batchSize: number
  readonly batchWindow: Duration.Duration
  /** Bound on the final drain. */
  readonly drainWithin: Duration.Duration
  /** Retries as it sees fit, and succeeds once nothing more can be done for any of the batch. */
  readonly write: (batch: ReadonlyArray<A>) => Effect.Effect<WriteResult>
}

export interface WriteResult {
  readonly written: number
  readonly failed: number
}

export interface ChannelCounts {
  readonly offered: number
  readonly written: number
  /** Given up by the writer. */
  readonly failed: number
  /** Refused because the queue was full or closed. */
  readonly refused: number
}

export interface Channel<A> {
  readonly offer: (item: A) => void
  readonly counts: () => ChannelCounts
  /** Waits until everything offered so far has been dealt with. */
  readonly settled: Effect.Effect<void>
}

export const makeChannel = Effect.fnUntraced(function* <A>(
  options: ChannelOptions<A>,
): Effect.fn.Return<Channel<A>, never, Scope.Scope> {
  const queue = yield* Queue.bounded<A, Cause.Done>(options.capacity)
  const settled = yield* Latch.make(true)
  /** Open while a whole batch is queued, and when no more will come. */
  const full = yield* Latch.make()
  let isClosing = false
  let offered = 0
  let written = 0
  let failed = 0
  let refused = 0

  const isSettled = () => offered === written + failed + refused
  const settle = () => {
    if (isSettled()) Latch.openUnsafe(settled)
  }

  const batchSize = Math.min(options.batchSize, options.capacity)
  const isFull = () => Queue.sizeUnsafe(queue) >= batchSize

  // peek parks the fiber while nothing comes. Waiting at the latch, and not for so many in the queue, keeps offers cheap.
  const nextBatch = Queue.peek(queue).pipe(
    Effect.andThen(Effect.timeoutOption(full.await, options.batchWindow)),
    Effect.andThen(Queue.takeBetween(queue, 1, batchSize)),
    Effect.tap(() =>
      Effect.sync(() => {
        if (!isFull() && !isClosing) Latch.closeUnsafe(full)
      }),
    ),
  )

  /** Said once, and again only after the queue has had room: a full queue must not fill the log. */
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  let isRefusing = false
  const refuse = () => {
    refused++
    settle()
    if (!isRefusing) runFork(Effect.logError("the queue is full or closed: request logs are dropped"))
    isRefusing = true
  }

  const writeBatch = (batch: ReadonlyArray<A>) =>
    options.write(batch).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.interrupt
          : Effect.logError("a defect in the writer lost a batch").pipe(
              Effect.annotateLogs({ rows: batch.length }),
              Effect.as({ written: 0, failed: batch.length }),
            ),
      ),
      Effect.flatMap((result) =>
        Effect.sync(() => {
          written += result.written
          failed += result.failed
          settle()
        }),
      ),
    )

  const fiber = yield* nextBatch.pipe(
    Effect.flatMap(writeBatch),
    Effect.forever,
    Effect.catchTag("Done", () => Effect.void),
    Effect.forkScoped,
  )

  // Finalizers run last in, first out: the door closes and the fiber drains before the scope interrupts it.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosing = true
      Queue.endUnsafe(queue)
      Latch.openUnsafe(full)
    }).pipe(
      Effect.andThen(Fiber.await(fiber)),
      Effect.interruptible,
      Effect.timeoutOption(options.drainWithin),
      Effect.flatMap((drained) =>
        Option.isSome(drained) && isSettled() && refused === 0
          ? Effect.void
          : Effect.logError("request logs were lost").pipe(Effect.annotateLogs({ rows: offered - written })),
      ),
    ),
  )

  return {
    offer: (item) => {
      if (isSettled()) Latch.closeUnsafe(settled)
      offered++
      if (!Queue.offerUnsafe(queue, item)) return refuse()
      isRefusing = false
      if (isFull()) Latch.openUnsafe(full)
    },
    counts: () => ({ offered, written, failed, refused }),
    settled: settled.await,
  }
})
