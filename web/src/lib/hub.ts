// Everything that is live comes through one stream: a browser opens few connections to one place, and tabs share them.
// Views say which types they want; the hub asks once for all of them, loads each view behind the stream's
// beginning, and
// tells what changed a few times a second. At another moment than now (clock.ts) it loads how things were and stays
// still.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { at, iso } from "./clock.ts";
import { heard, isAbort, lost } from "./http.ts";
import { contextUrl, findAll, findThen, typeOf, type Entity } from "./ngsi.ts";

export interface Want {
    types: string[];
    /** Loaded by this question; what the stream brings is kept where `keep` says so. */
    q?: string;
    keep?: (entity: Entity) => boolean;
    /** This one alone. */
    id?: string;
    /** Only these attributes, to be quick with many; all when absent. */
    attrs?: string[];
}
export type State = "loading" | "ready" | "failed";
type Listener = (changed: ReadonlySet<string>, whole: boolean) => void;

export interface View {
    readonly entities: ReadonlyMap<string, Entity>;
    /** Counts up whenever entities changed: what reads them reads this first. */
    readonly version: Readonly<ShallowRef<number>>;
    readonly state: Readonly<Ref<State>>;
    readonly error: Readonly<Ref<unknown>>;
    onChange(listener: Listener): void;
    list(): Entity[];
    /** Once more, where it failed. */
    reload(): void;
}

const tellEveryMs = 250;
/** A question with more names than this would be too long an address (--target-max): then all attributes come. */
const attrsCharacters = 3000;
function attrsOf(names: readonly string[] | undefined): string | undefined {
    // Views may show these too; they are no attributes to ask for.
    const attributes = (names ?? []).filter((name) => !["id", "type", "scope"].includes(name));
    const text = [...new Set(attributes)].sort().join(",");
    return text === "" || text.length > attrsCharacters ? undefined : text;
}
const nothing = "urn:ngsi-ld:null";

class LiveView implements View {
    entities = new Map<string, Entity>();
    version = shallowRef(0);
    state = ref<State>("loading");
    error = ref<unknown>(undefined);
    /** What the stream tells while the state is being loaded; it is newer than what the load brings. */
    early: MessageEvent<string>[] | undefined;
    private changed = new Set<string>();
    private listeners: Listener[] = [];
    private timer: ReturnType<typeof setTimeout> | undefined;
    private loading: AbortController | undefined;
    want: Want;
    /** Nothing is loaded yet, and nothing is under way. */
    get waits(): boolean {
        return this.early !== undefined && this.loading === undefined;
    }
    constructor(want: Want) {
        this.want = want;
    }

    list(): Entity[] {
        void this.version.value;
        return [...this.entities.values()];
    }
    reload = (): void => void this.load(at.value);
    onChange(listener: Listener): void {
        this.listeners.push(listener);
    }

    async load(time: number | undefined): Promise<void> {
        this.loading?.abort();
        const mine = (this.loading = new AbortController());
        const early = (this.early = [] as MessageEvent<string>[]);
        const { types, q, attrs, keep, id } = this.want;
        const parameters = { type: types.join(","), id, q, attrs: attrsOf(attrs) };
        try {
            const all =
                types.length === 0
                    ? []
                    : time === undefined
                      ? await findAll(parameters, 50_000, mine.signal)
                      : await findThen(parameters, iso(time), mine.signal);
            if (this.loading !== mine) return;
            this.entities = new Map(all.filter((one) => !keep || keep(one)).map((one) => [one.id, one]));
            this.loading = undefined;
            this.early = undefined;
            early.forEach((event) => this.apply(event));
            this.state.value = "ready";
            this.error.value = undefined;
            this.tell(true);
        } catch (error) {
            if (this.loading !== mine || isAbort(error)) return;
            this.error.value = error;
            this.state.value = "failed";
            setTimeout(() => this.loading === mine && void this.load(time), 3000);
        }
    }
    await(): void {
        this.loading?.abort();
        this.loading = undefined;
        this.early = [];
        this.state.value = "loading";
    }
    stop(): void {
        this.loading?.abort();
        this.loading = undefined;
        clearTimeout(this.timer);
    }

    apply(event: MessageEvent<string>): void {
        if (this.early) {
            this.early.push(event);
            return;
        }
        const change = JSON.parse(event.data) as Entity;
        if (!this.want.types.includes(typeOf(change))) return;
        if (this.want.id !== undefined && this.want.id !== change.id) return;
        const before = this.entities.get(change.id);
        if (event.type === "entity") {
            const next: Entity = { ...before, ...change };
            for (const name in next) if (next[name] === nothing) delete next[name];
            if (!this.want.keep || this.want.keep(next)) this.entities.set(next.id, next);
            else if (!this.entities.delete(next.id)) return;
        } else if (!this.entities.delete(change.id)) return;
        this.changed.add(change.id);
        this.timer ??= setTimeout(() => this.tell(false), tellEveryMs);
    }
    private tell(whole: boolean): void {
        clearTimeout(this.timer);
        this.timer = undefined;
        const changed = this.changed;
        this.changed = new Set();
        this.version.value++;
        for (const listener of this.listeners) listener(changed, whole);
    }
}

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
        for (const view of views) if (view.waits) void view.load(undefined);
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
        for (const view of views) view.apply(event);
    };
    mine.addEventListener("hello", (event: MessageEvent<string>) => {
        heard();
        const { resumed } = JSON.parse(event.data) as { resumed: boolean };
        for (const view of views) if (!resumed || view.state.value !== "ready") void view.load(undefined);
    });
    mine.addEventListener("reset", () => views.forEach((view) => void view.load(undefined)));
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
        for (const view of views) void view.load(time);
    } else {
        // The stream's beginning loads them; a view that shows another moment must not take its events before that.
        for (const view of views) view.await();
        soon();
    }
});

/** What matches, now and as it changes, until the component goes. `want` is followed when it changes. */
export function useView(want: () => Want): View {
    const view = new LiveView(want());
    views.add(view);
    if (at.value === undefined) view.await();
    else void view.load(at.value);
    soon();
    watch(
        want,
        (next, before) => {
            if (JSON.stringify(next) === JSON.stringify(before)) return;
            view.want = next;
            void view.load(at.value);
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
