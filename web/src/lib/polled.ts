// What the program tells about itself is asked for again every few seconds, while the page is seen. It is always now:
// the program keeps no past of its own counters.
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { isAbort, Problem } from "./http.ts";
import type { State } from "./hub.ts";

export interface Polled<T> {
    value: ShallowRef<T | undefined>;
    /** Milliseconds at which it came. */
    at: Ref<number>;
    state: Ref<State>;
    error: Ref<unknown>;
    reload: () => Promise<void>;
}

export function usePolled<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number): Polled<T> {
    const value = shallowRef<T>();
    const at = ref(0);
    const state = ref<State>("loading");
    const error = ref<unknown>();
    let asking: AbortController | undefined;
    async function reload(): Promise<void> {
        asking?.abort();
        const mine = (asking = new AbortController());
        try {
            const found = await load(mine.signal);
            if (asking !== mine) return;
            value.value = found;
            at.value = Date.now();
            state.value = "ready";
            error.value = undefined;
        } catch (problem) {
            if (asking !== mine || isAbort(problem)) return;
            error.value = problem;
            // A line that is lost leaves what was known; the frame says that it is old.
            if (problem instanceof Problem || value.value === undefined) state.value = "failed";
        } finally {
            if (asking === mine) asking = undefined;
        }
    }
    void reload();
    // One that is under way is not begun again: a slow answer would never come.
    const timer = setInterval(() => !document.hidden && !asking && void reload(), everyMs);
    onScopeDispose(() => {
        clearInterval(timer);
        asking?.abort();
        asking = undefined;
    });
    return { value, at, state, error, reload };
}
