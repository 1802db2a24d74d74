// What the build puts in (web/build.mjs).
declare const VERSION: string;
