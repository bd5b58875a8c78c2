// One entity, now or then: asked for again every few seconds while the page is live and seen.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { at, iso } from "./clock.ts";
import { isAbort, Problem } from "./http.ts";
import type { State } from "./hub.ts";
import { retrieve, retrieveThen, type Entity } from "./ngsi.ts";

const everyMs = 3000;

export function useEntity(id: () => string | undefined): {
    entity: ShallowRef<Entity | undefined>;
    state: Ref<State>;
    error: Ref<unknown>;
    reload: () => Promise<void>;
} {
    const entity = shallowRef<Entity>();
    const state = ref<State>("loading");
    const error = ref<unknown>();
    let asking: AbortController | undefined;
    async function reload(): Promise<void> {
        asking?.abort();
        const wanted = id();
        if (wanted === undefined) return;
        const mine = (asking = new AbortController());
        try {
            const found =
                at.value === undefined
                    ? await retrieve(wanted, mine.signal)
                    : await retrieveThen(wanted, iso(at.value), mine.signal);
            if (asking !== mine) return;
            entity.value = found;
            state.value = "ready";
        } catch (problem) {
            if (asking !== mine || isAbort(problem)) return;
            error.value = problem;
            // A line that is lost leaves what was known; the frame says that it is old.
            if (problem instanceof Problem || entity.value === undefined) state.value = "failed";
        }
    }
    watch(
        [id, at],
        ([next], [before]) => {
            if (next !== before) {
                entity.value = undefined;
                state.value = "loading";
            }
            void reload();
        },
        { immediate: true },
    );
    const timer = setInterval(() => at.value === undefined && !document.hidden && void reload(), everyMs);
    onScopeDispose(() => {
        clearInterval(timer);
        asking?.abort();
    });
    return { entity, state, error, reload };
}
