/**
 * Builds the single binary, dist/tokenmeter: the program and, as one archive, the PostgreSQL of its platform.
 *
 *   bun src/build.ts [--target=bun-darwin-arm64] [--outfile=dist/tokenmeter]
 *
 * Another platform needs its PostgreSQL package too: bun install --os=darwin --cpu=arm64
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { arch, platform, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { archiveDirectory, archiveExtension } from "./db/embedded/binaries.ts"
import { platformPackage, serverFiles } from "./db/embedded/package.ts"

const root = join(import.meta.dir, "..")

/** 17 MB in 2 s; the highest levels save 2 MB more and take half a minute. */
const compressionLevel = 12

const build = async (target: string, outfile: string): Promise<void> => {
  const scratch = await mkdtemp(join(tmpdir(), "tokenmeter-build-"))
  try {
    const assets = join(scratch, archiveDirectory)
    await archivePostgres(assets, target)
    await compile(target, outfile, assets)
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/**
 * Writes `<version>-<digest>.tar.zst`, whose name is also that of the directory it is extracted to. The digest is over
 * names and contents, because the archive itself holds the time.
 */
const archivePostgres = async (directory: string, target: string): Promise<void> => {
  const { native, version } = await platformPackage(target)
  const files: Record<string, Uint8Array> = {}
  const hasher = new Bun.CryptoHasher("sha256")
  for (const file of await serverFiles(native)) {
    files[file] = await Bun.file(join(native, file)).bytes()
    hasher.update(file).update(files[file])
  }
  const name = `${version}-${hasher.digest("hex").slice(0, 8)}${archiveExtension}`
  const archive = await new Bun.Archive(files).bytes()
  await mkdir(directory)
  await Bun.write(join(directory, name), await Bun.zstdCompress(archive, { level: compressionLevel }))
}

const compile = async (target: string, outfile: string, assets: string): Promise<void> => {
  await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    target: "bun",
    minify: true,
    bytecode: true,
    format: "esm", // without it, bytecode has no top-level await
    sourcemap: "none",
    compile: {
      target: `bun-${target}` as Bun.Build.CompileTarget,
      outfile,
      assets: [assets],
      autoloadBunfig: false,
    },
  })
}

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    target: { type: "string", default: `bun-${platform()}-${arch()}` },
    outfile: { type: "string", default: join(root, "dist/tokenmeter") },
  },
})
await build(values.target.replace(/^bun-/, ""), values.outfile)
console.log(`${values.outfile}  ${Math.round(Bun.file(values.outfile).size / 1e6)} MB`)
