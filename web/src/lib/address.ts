// The address is the state: what a page shows stands in its query, so a copied address shows the same to a colleague.
import { computed, type ComputedRef } from "vue";
import type { LocationQueryRaw, RouteLocationRaw } from "vue-router";
import { router } from "../router.ts";

export type Query = Record<string, string | undefined>;

/** These go with one from page to page; all else belongs to the page. */
const sticky = ["lang", "at", "span", "wall", "theme"];

export const query = (name: string): string | undefined => {
    const value = router.currentRoute.value.query[name];
    return typeof value === "string" && value !== "" ? value : undefined;
};

/** One member of the query, as it is now and whenever it changes. */
export const useQuery = (name: string): ComputedRef<string | undefined> => computed(() => query(name));

function merged(base: LocationQueryRaw, changes: Query): LocationQueryRaw {
    const next: LocationQueryRaw = { ...base };
    for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === "") delete next[name];
        else next[name] = value;
    }
    return next;
}

/** Changes the query where one is. `push`: a step that "back" undoes (another object); not: typing in a filter. */
export function setQuery(changes: Query, push = false): void {
    const { path, query: now } = router.currentRoute.value;
    const next: RouteLocationRaw = { path, query: merged(now, changes) };
    void (push ? router.push(next) : router.replace(next));
}

/** Another page, with what goes along. */
export function to(path: string, changes: Query = {}): RouteLocationRaw {
    const now = router.currentRoute.value.query;
    const along = Object.fromEntries(sticky.flatMap((name) => (now[name] ? [[name, now[name]]] : [])));
    return { path, query: merged(along, changes) };
}

/** The same page with other members of the query, as a link. */
export function here(changes: Query): RouteLocationRaw {
    const { path, query: now } = router.currentRoute.value;
    return { path, query: merged(now, changes) };
}
