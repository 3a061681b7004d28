// Reads Mermaid drawings with Mermaid's own parser: node scripts/mermaid.mjs FILE...
//
// It needs the packages mermaid and jsdom from the npm registry, in a folder that is no part of this repository:
//   cd "$(mktemp -d)" && npm install mermaid jsdom
//   cp .../scripts/mermaid.mjs . && fsdcf graph .../examples/hello.yml -o hello.mmd && node mermaid.mjs hello.mmd
// It prints a line for each file, and exits with 1 where one is refused.
import fs from "node:fs";
import { JSDOM } from "jsdom";

const page = new JSDOM("<!DOCTYPE html><body></body>");
globalThis.window = page.window;
globalThis.document = page.window.document;
const { default: mermaid } = await import("mermaid");
mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });

let refused = 0;
for (const file of process.argv.slice(2)) {
  try {
    const { diagramType } = await mermaid.parse(fs.readFileSync(file, "utf8"));
    console.log(`${file}: ${diagramType}`);
  } catch (error) {
    refused += 1;
    console.log(`${file}: refused: ${error.message}`);
  }
}
process.exit(refused ? 1 : 0);
