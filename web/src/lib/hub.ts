// Everything that is live comes through one stream: a browser opens few connections to one place, and tabs share them.
// Views say which types they want; the hub asks once for all of them, loads each view behind the stream's beginning,
// and tells what changed a few times a second. At another moment than now (clock.ts) it loads how things were and
// stays still.
import { onScopeDispose, watch } from "vue";
import { at, iso } from "./clock.ts";
import { heard, lost } from "./http.ts";
import { contextUrl, type Entity } from "./ngsi.ts";
import { attrsOf, LiveView, type Change, type View, type Want } from "./view.ts";

export type { State, View } from "./view.ts";

const views = new Set<LiveView>();
let stream: EventSource | undefined;
let asked = "";
let place = "";
let again: ReturnType<typeof setTimeout> | undefined;

function question(): string {
    const types = [...new Set([...views].flatMap(({ want }) => want.types))].sort();
    if (types.length === 0) return "";
    const whole = [...views].some(({ want }) => !want.attrs);
    const attrs = whole ? undefined : attrsOf([...views].flatMap(({ want }) => want.attrs ?? []));
    return new URLSearchParams({
        type: types.join(","),
        ...(attrs === undefined ? {} : { attrs }),
        options: "concise",
        every: "1000",
        context: contextUrl(),
    }).toString();
}

function close(): void {
    stream?.close();
    stream = undefined;
    asked = "";
}

function open(): void {
    const next = at.value === undefined && !document.hidden ? question() : "";
    if (next !== "" && next === asked && stream && stream.readyState !== EventSource.CLOSED) {
        // The stream tells what a new view wants already: it only has to be loaded.
        for (const view of views) if (view.waits) void view.load();
        return;
    }
    close();
    if (next === "") return;
    asked = next;
    const mine = (stream = new EventSource(`api/live?${next}${place ? `&lastEventId=${place}` : ""}`));
    const all = (event: MessageEvent<string>): void => {
        if (stream !== mine) return;
        if (event.lastEventId) place = event.lastEventId;
        heard();
        const change: Change = { kind: event.type as Change["kind"], entity: JSON.parse(event.data) as Entity };
        for (const view of views) view.apply(change);
    };
    mine.addEventListener("hello", (event: MessageEvent<string>) => {
        heard();
        const { resumed } = JSON.parse(event.data) as { resumed: boolean };
        for (const view of views) if (!resumed || view.state.value !== "ready") void view.load();
    });
    mine.addEventListener("reset", () => views.forEach((view) => void view.load()));
    for (const kind of ["entity", "left", "gone"]) mine.addEventListener(kind, all as (event: Event) => void);
    mine.addEventListener("error", () => {
        if (stream !== mine) return;
        lost();
        if (mine.readyState !== EventSource.CLOSED) return;
        clearTimeout(again);
        again = setTimeout(open, 2000);
    });
}

let queued = false;
function soon(): void {
    if (queued) return;
    queued = true;
    setTimeout(() => {
        queued = false;
        open();
    }, 20);
}
document.addEventListener("visibilitychange", () => (document.hidden ? close() : soon()));
watch(at, (time) => {
    if (time !== undefined) {
        close();
        place = "";
        for (const view of views) void view.load();
    } else {
        // The stream's beginning loads them; a view that shows another moment must not take its events before that.
        for (const view of views) view.await();
        soon();
    }
});

/** What matches, now and as it changes, until the component goes. `want` is followed when it changes. */
export function useView(want: () => Want): View {
    const view = new LiveView(want(), () => (at.value === undefined ? undefined : iso(at.value)));
    views.add(view);
    if (at.value === undefined) view.await();
    else void view.load();
    soon();
    watch(
        want,
        (next, before) => {
            if (JSON.stringify(next) === JSON.stringify(before)) return;
            view.want = next;
            void view.load();
            soon();
        },
        { deep: true },
    );
    onScopeDispose(() => {
        view.stop();
        views.delete(view);
        soon();
    });
    return view;
}
