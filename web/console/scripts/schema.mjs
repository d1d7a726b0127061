// Writes src/api/schema.ts from src/api/openapi.json; with --check it only says whether the file is up to date.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const SOURCE = new URL("../src/api/openapi.json", import.meta.url);
const TARGET = new URL("../src/api/schema.ts", import.meta.url);

/** The client's types make arrays of tuples, so the schema has arrays from the start: a corner of an area is number[]. */
function withoutTuples(node) {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node.prefixItems)) {
    node.items = node.prefixItems[0];
    delete node.prefixItems;
  }
  for (const child of Object.values(node)) withoutTuples(child);
}

const description = JSON.parse(readFileSync(SOURCE, "utf8"));
for (const operations of Object.values(description.paths)) {
  for (const operation of Object.values(operations)) {
    // The client sends the header that no foreign page can set with every request; callers do not name it.
    operation.parameters = operation.parameters.filter((parameter) => parameter.in !== "header");
  }
}
withoutTuples(description);
const ast = await openapiTS(description, { alphabetize: true, rootTypes: true, rootTypesNoSchemaPrefix: true, defaultNonNullable: false });
const text = `// Generated from openapi.json by scripts/schema.mjs; do not edit.\n${astToString(ast)}`;
if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, "utf8") !== text) {
  console.error("src/api/schema.ts is older than src/api/openapi.json: run `npm run schema` in web/console");
  process.exit(1);
}
