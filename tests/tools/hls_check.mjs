// Reads playlists (JSON: a list of texts on standard input) with hls-parser (strict) and with hls.js's own parser.
// Prints, as JSON, what each found, or why it refused. Run with the folder of web/console as the only argument.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.argv[2]}/package.json`);
const strict = require("hls-parser");
const { M3U8Parser } = await import(pathToFileURL(`${process.argv[2]}/node_modules/hls.js/dist/hls.mjs`));

function check(text) {
  try {
    strict.setOptions({ strictMode: true });
    const parsed = strict.parse(text);
    const level = M3U8Parser.parseLevelPlaylist(text, "http://127.0.0.1/index.m3u8", 0, "main", 0, null);
    if (level.playlistParsingError) throw level.playlistParsingError;
    return {
      segments: parsed.segments.length,
      maps: parsed.segments.filter((s, i) => s.map && s.map !== parsed.segments[i - 1]?.map).length,
      fragments: level.fragments.map((f) => ({ gap: Boolean(f.gap), start: f.programDateTime, duration: f.duration, cc: f.cc, init: f.initSegment?.url })),
    };
  } catch (e) {
    return { error: String(e) };
  }
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
console.log(JSON.stringify(JSON.parse(input).map(check)));
