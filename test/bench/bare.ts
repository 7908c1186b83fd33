/** The yardstick, a process of its own: what `Bun.serve` and `fetch` do when nothing else is asked of them. */

const upstream = Bun.argv[2]

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch: async (request) => {
    const { status, headers, body } = await fetch(upstream + request.url.slice(request.url.indexOf("/", 8)), {
      method: request.method,
      headers: request.headers,
      // Reading a small body costs less than streaming it: the yardstick is not to be a straw man.
      body: await request.arrayBuffer(),
      signal: request.signal,
      redirect: "manual",
      decompress: false,
    })
    return new Response(body, { status, headers })
  },
})

console.log(`http://127.0.0.1:${server.port}`)
