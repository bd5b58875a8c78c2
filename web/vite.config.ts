// How the console is built: everything beside the page, nothing from elsewhere, names that say their content's hash.
import vue from "@vitejs/plugin-vue";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { plan } from "./plan.ts";

export default defineConfig({
    root: fileURLToPath(new URL(".", import.meta.url)),
    base: "./",
    plugins: [vue(), plan()],
    define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
    build: {
        outDir: "dist",
        emptyOutDir: true,
        target: "es2022",
        // A strict policy has no place for data: scripts and in-line styles.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        chunkSizeWarningLimit: 1200,
        reportCompressedSize: false,
        rollupOptions: {
            output: {
                hashCharacters: "base36",
                entryFileNames: "assets/[name]-[hash].js",
                chunkFileNames: "assets/[name]-[hash].js",
                assetFileNames: "assets/[name]-[hash][extname]",
                manualChunks: (id) => {
                    if (/node_modules\/maplibre-gl\//.test(id)) return "maplibre";
                    if (/node_modules\/(echarts|zrender|tslib)\//.test(id)) return "echarts";
                    if (/node_modules\/(vue|@vue|vue-router)\//.test(id)) return "vue";
                    return undefined;
                },
            },
        },
    },
});
