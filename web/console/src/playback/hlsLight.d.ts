/** The build of hls.js without subtitles, DRM and alternative audio has no types of its own. */
declare module "hls.js/light" {
  export { default } from "hls.js";
}
