// The pages. Each comes when it is first asked for; the frame and the first page are all that a start needs.
import { createRouter, createWebHashHistory } from "vue-router";

// Before the router looks at it: what was typed before the "#" means the same behind it: http://HOST/?lang=en.
const typed = new URLSearchParams(location.search);
if (typed.size > 0) {
    const [path, behind = ""] = (location.hash.slice(1) || "/").split("?");
    for (const [name, value] of new URLSearchParams(behind)) typed.set(name, value);
    history.replaceState(history.state, "", `${location.pathname}#${path}?${typed.toString()}`);
}
export const router = createRouter({
    history: createWebHashHistory(),
    routes: [
        { path: "/", redirect: (to) => ({ path: "/now", query: to.query }) },
        { path: "/now", component: () => import("./pages/situation/SituationPage.vue") },
        { path: "/alerts/:id?", component: () => import("./pages/alerts/AlertsPage.vue") },
        { path: "/things/:id?", component: () => import("./pages/things/ThingsPage.vue") },
        { path: "/devices/:link/:device", component: () => import("./pages/things/DevicePage.vue") },
        { path: "/system/:tab?", component: () => import("./pages/system/SystemPage.vue") },
        { path: "/plan", component: () => import("./pages/plan/PlanPage.vue") },
        { path: "/:rest(.*)*", component: () => import("./pages/LostPage.vue") },
    ],
    scrollBehavior: (next, before, saved) => saved ?? (next.path === before.path ? false : { top: 0 }),
});
