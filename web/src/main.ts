import { createApp, watch } from "vue";
import App from "./App.vue";
import { query } from "./lib/address.ts";
import { loadCity } from "./lib/city.ts";
import { startPulse } from "./lib/http.ts";
import { language } from "./lib/words.ts";
import { router } from "./router.ts";
import "./style/tokens.css";
import "./style/base.css";

watch(
    () => query("lang"),
    (wanted) => {
        language.value = wanted === "en" ? "en" : "zh";
        document.documentElement.lang = wanted === "en" ? "en" : "zh-CN";
    },
    { immediate: true, flush: "sync" },
);
// Light is for desks; the wall is dark. A person may say otherwise.
watch(
    () => [query("wall"), query("theme")],
    ([wall, theme]) => {
        document.documentElement.dataset["theme"] = theme ?? (wall === undefined ? "light" : "dark");
        document.documentElement.classList.toggle("wall", wall !== undefined);
    },
    { immediate: true, flush: "sync" },
);
startPulse();
void loadCity();
createApp(App).use(router).mount("#app");
