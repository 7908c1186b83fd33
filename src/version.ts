/** The version of this build, from package.json. */
import { version as packageVersion } from "../package.json" with { type: "json" }

export const version: string = packageVersion
