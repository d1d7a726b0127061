import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import vue from "@vitejs/plugin-vue";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import Components from "unplugin-vue-components/vite";
import { defineConfig, type Plugin, type ProxyOptions } from "vite";

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

// `vite` and `vite preview` show the pages of this folder with a running station behind them.
const STATION = process.env.MINWANG_STATION ?? "http://127.0.0.1:8080";
const proxied: ProxyOptions = {
  target: STATION,
  ws: true,
  changeOrigin: true,
  configure: (proxy) => {
    // The station refuses requests that come from another site; here it stands behind this address.
    proxy.on("proxyReq", (request) => request.setHeader("origin", STATION));
    proxy.on("proxyReqWs", (request) => request.setHeader("origin", STATION));
  },
};
// Tells the phone's service worker which files of the build are the phone's shell.
const phoneShell: Plugin = {
  name: "phone-shell",
  apply: "build",
  generateBundle(_options, bundle) {
    const shell = new Set<string>();
    const add = (file: string): void => {
      const part = bundle[file];
      if (shell.has(file) || !part) return;
      shell.add(file);
      if (part.type !== "chunk") return;
      for (const css of part.viteMetadata?.importedCss ?? []) shell.add(css);
      for (const next of [...part.imports, ...part.dynamicImports]) add(next);
    };
    const parts = Object.values(bundle).filter((part) => part.type === "chunk");
    add(parts.find((part) => part.isEntry && part.name === "phone")!.fileName);
    const worker = parts.find((part) => part.name === "sw")!;
    worker.code = worker.code.replace(/["'`]SHELL_FILES["'`]/, JSON.stringify([...shell].sort().map((file) => `/${file}`)));
  },
};

// As the server does: the phone's pages are another document than the console's.
const phonePages: Plugin = {
  name: "phone-pages",
  configureServer: ({ middlewares }) =>
    void middlewares.use((request, _answer, next) => {
      if (/^\/m\/[\w/-]*(\?|$)/.test(request.url ?? "")) request.url = "/phone.html";
      next();
    }),
};
const proxy = { "/api": proxied, "/register": proxied, "/report/": proxied };

export default defineConfig({
  plugins: [vue(), phonePages, phoneShell, precompress(), Components({ dts: false, dirs: [], resolvers: [ElementPlusResolver({ importStyle: "css" })] })],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { target: "es2022", chunkSizeWarningLimit: 900, modulePreload: { polyfill: false }, rolldownOptions: { input: { console: "index.html", phone: "phone.html", sw: "src/phone/sw.ts" }, output: { entryFileNames: ({ name }) => (name === "sw" ? "m/sw.js" : "assets/[name]-[hash].js") } } },
  server: { proxy },
  preview: { proxy },
  define: { __VUE_OPTIONS_API__: "false", __VUE_I18N_LEGACY_API__: "false", __INTLIFY_PROD_DEVTOOLS__: "false" },
});
