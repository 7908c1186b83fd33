/** Files imported `with { type: … }`, which travel inside the compiled binary. */

/** `type: "text"`: the file's text. */
declare module "*.sql" {
  const text: string

  export = text
}

/** `type: "file"`: the path under which the file, embedded or not, can be read. */
declare module "*/swagger-ui-bundle.js" {
  const path: string

  export = path
}

declare module "*/swagger-ui.css" {
  const path: string

  export = path
}
