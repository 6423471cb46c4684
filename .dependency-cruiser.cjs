/** The layers of src, from the inside out. A layer may import itself and what stands before it in its own row here. */
const LAYERS = {
  core: [],
  store: ["core"],
  archive: ["core", "store"],
  sweep: ["core", "store", "archive"],
  ingest: ["core", "store", "archive"],
  alert: ["core", "store", "archive", "sweep"],
  server: ["core", "store", "archive", "sweep", "ingest", "alert"],
  cli: ["core", "store", "archive", "sweep", "ingest", "alert"],
  console: ["core"],
};

/** The only files of core that know Node, each behind an `imports` condition, with the one module that it may know. */
const NODE_VARIANTS = ["^src/core/sha256/node\\.ts$", "^src/core/ed25519/node\\.ts$"];
const FROM_NPM = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-bundled", "npm-no-pkg", "npm-unknown"];

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).map(([layer, below]) => ({
      name: `layer-${layer}`,
      comment: `${layer} may import ${below.length === 0 ? "no other layer" : below.join(", ")}`,
      severity: "error",
      from: { path: `^src/${layer}/` },
      to: { path: "^src/", pathNot: [layer, ...below].map((name) => `^src/${name}/`) },
    })),
    {
      name: "known-layer",
      comment: "a folder of src is one of the layers",
      severity: "error",
      from: {},
      to: { path: "^src/[^/]+/", pathNot: Object.keys(LAYERS).map((name) => `^src/${name}/`) },
    },
    {
      name: "core-packages",
      comment: "core runs in a browser: of packages it may import only zod, @noble/* and @scure/base",
      severity: "error",
      from: { path: "^src/core/" },
      to: { dependencyTypes: FROM_NPM, pathNot: "(^|/)node_modules/(zod|@noble/(hashes|curves)|@scure/base)/" },
    },
    {
      name: "core-without-node",
      comment: "core does no I/O and knows no Node",
      severity: "error",
      from: { path: "^src/core/", pathNot: NODE_VARIANTS },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "core-node-variants",
      comment: "core's Node variants may import node:crypto, and nothing else of Node",
      severity: "error",
      from: { path: NODE_VARIANTS },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?crypto$" },
    },
    {
      name: "console-without-node",
      comment: "the console runs in a browser",
      severity: "error",
      from: { path: "^src/console/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "nobody-imports-cli",
      comment: "the command line is the outermost layer",
      severity: "error",
      from: { pathNot: "^src/cli/" },
      to: { path: "^src/cli/" },
    },
    {
      name: "src-alone",
      comment: "what is published does not need what is not",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|scripts|infra|dist)/" },
    },
    {
      name: "no-dev-dependency",
      comment: "whoever installs the package does not have these",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["npm", "npm-optional", "npm-peer"] },
    },
    {
      name: "undeclared-package",
      comment: "a package that package.json does not name may be gone after the next install",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    { name: "no-cycle", comment: "modules form no cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "only-index-re-exports",
      comment: "a name is imported from the file that makes it; src/index.ts is the one door for others",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/index\\.ts$" },
      to: { dependencyTypes: ["export"] },
    },
    {
      name: "resolvable",
      comment: "an import that leads nowhere is not checked by any rule",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Type imports count too. This needs the TypeScript 6 beside the native compiler, which offers no interface for it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      // `#sha256` leads to its Node variant here; the other one is a module of its own, cruised as any.
      conditionNames: ["stele-source", "node", "import", "types", "default"],
      exportsFields: ["exports"],
      extensions: [".ts", ".js", ".json", ".d.ts"],
    },
  },
};
