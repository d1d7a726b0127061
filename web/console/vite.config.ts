import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";

const MIN_BYTES = 1000; // as web/http/compression.py

// Writes file.br and file.gz beside each text file of the build; the server sends the one that the browser accepts.
function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    writeBundle({ dir }) {
      for (const name of readdirSync(dir ?? "dist", { recursive: true, encoding: "utf8" })) {
        const path = join(dir ?? "dist", name);
        if (!/\.(js|css|html|svg|json|webmanifest)$/.test(name) || statSync(path).size <= MIN_BYTES) continue;
        const content = readFileSync(path);
        writeFileSync(`${path}.br`, brotliCompressSync(content));
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [vue(), precompress()],
  build: { target: "es2022", chunkSizeWarningLimit: 900 },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8080", ws: true } } },
});
