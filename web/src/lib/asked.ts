// A question to the program as a page asks it: again when it becomes another one, again every few seconds. The newest
// answer counts; one that comes late, or after the page has gone, changes nothing.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { isAbort, Problem } from "./http.ts";
import type { State } from "./view.ts";

export interface Asked<T> {
    value: ShallowRef<T | undefined>;
    /** Milliseconds at which it came. */
    at: Ref<number>;
    state: Ref<State>;
    error: Ref<unknown>;
    busy: Ref<boolean>;
    reload: () => Promise<void>;
}
export interface Ways {
    /** Another one is another question: what is known of the one before goes at once. */
    of?: () => unknown;
    /** Another one is the same question anew: what is known stays until the answer is there. */
    when?: () => unknown;
    /** For a `when` that changes many times a second: so long is rested between two questions. */
    restMs?: number;
    /** Asked again so often, while the page is seen and `goesOn`. */
    everyMs?: number;
    goesOn?: () => boolean;
}

/** `load` gives undefined where there is nothing to ask. */
export function useAsked<T>(load: (signal: AbortSignal) => Promise<T> | undefined, ways: Ways = {}): Asked<T> {
    const { of, when, restMs = 0, everyMs, goesOn } = ways;
    const value = shallowRef<T>();
    const at = ref(0);
    const state = ref<State>("loading");
    const error = ref<unknown>();
    const busy = ref(false);
    let asking: AbortController | undefined;
    let begun = 0;
    let resting: ReturnType<typeof setTimeout> | undefined;
    /** What is known answers a question that is not asked any more. */
    let isOld = false;
    let isDue = false;

    function forget(): void {
        value.value = undefined;
        error.value = undefined;
        state.value = "loading";
    }
    async function reload(): Promise<void> {
        asking?.abort();
        const mine = (asking = new AbortController());
        begun = Date.now();
        isDue = false;
        const answer = load(mine.signal);
        busy.value = answer !== undefined;
        if (!answer) {
            asking = undefined;
            forget();
            return;
        }
        try {
            const found = await answer;
            if (asking !== mine) return;
            value.value = found;
            at.value = Date.now();
            error.value = undefined;
            state.value = "ready";
            isOld = false;
        } catch (problem) {
            if (asking !== mine || isAbort(problem)) return;
            error.value = problem;
            // A line that is lost leaves what was known; the frame says that it is old.
            if (isOld || problem instanceof Problem || value.value === undefined) state.value = "failed";
        } finally {
            if (asking === mine) {
                asking = undefined;
                busy.value = false;
                if (isDue) rest();
            }
        }
    }
    // One that is under way is not begun again: in a storm an answer would never come.
    function rest(): void {
        resting ??= setTimeout(
            () => {
                resting = undefined;
                if (asking) isDue = true;
                else void reload();
            },
            Math.max(0, begun + restMs - Date.now()),
        );
    }
    watch([() => JSON.stringify(of?.()), () => JSON.stringify(when?.())], ([next], [before]) => {
        isOld = true;
        if (next !== before) forget();
        if (restMs > 0 && next === before) rest();
        else void reload();
    });
    void reload();
    const timer =
        everyMs === undefined
            ? undefined
            : setInterval(() => !document.hidden && !asking && goesOn?.() !== false && void reload(), everyMs);
    onScopeDispose(() => {
        clearInterval(timer);
        clearTimeout(resting);
        asking?.abort();
        asking = undefined;
    });
    return { value, at, state, error, busy, reload };
}
