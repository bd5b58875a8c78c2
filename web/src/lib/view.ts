// What matches a question, as it was loaded and as the stream's events change it. Stands without a stream and a clock
// of its own (hub.ts has both), so that it can be tried without a browser.
import { ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { isAbort } from "./http.ts";
import { findAll, findThen, typeOf, type Entity } from "./ngsi.ts";

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
export function attrsOf(names: readonly string[] | undefined): string | undefined {
    // Views may show these too; they are no attributes to ask for.
    const attributes = (names ?? []).filter((name) => !["id", "type", "scope"].includes(name));
    const text = [...new Set(attributes)].sort().join(",");
    return text === "" || text.length > attrsCharacters ? undefined : text;
}
const nothing = "urn:ngsi-ld:null";
/** So many entities of a view at most, and so many asked for by their ids at once. */
const entitiesMost = 50_000;
const idsMost = 20;

/** An event of the stream. An entity may be a part: what changed of it since the stream told of it before. */
export interface Change {
    kind: "entity" | "left" | "gone";
    entity: Entity;
}
function merged(before: Entity | undefined, change: Entity): Entity {
    const next: Entity = { ...before, ...change };
    for (const name in next) if (next[name] === nothing) delete next[name];
    return next;
}

export class LiveView implements View {
    entities = new Map<string, Entity>();
    version = shallowRef(0);
    state = ref<State>("loading");
    error = ref<unknown>(undefined);
    /** What the stream tells while the state is being loaded; it is newer than what the load brings. */
    early: Change[] | undefined;
    /** What `keep` had left out and now comes in, as a part: the rest of it is asked for, by id. */
    private parts = new Map<string, Entity[]>();
    /** There are more than are held: of the others the stream tells parts, which are left out. */
    private isCut = false;
    private changed = new Set<string>();
    private listeners: Listener[] = [];
    private timer: ReturnType<typeof setTimeout> | undefined;
    private loading: AbortController | undefined;
    want: Want;
    /** Nothing is loaded yet, and nothing is under way. */
    get waits(): boolean {
        return this.early !== undefined && this.loading === undefined;
    }
    /** The moment that is shown (ISO 8601); undefined: now. */
    private readonly moment: () => string | undefined;
    constructor(want: Want, moment: () => string | undefined) {
        this.want = want;
        this.moment = moment;
    }

    list(): Entity[] {
        void this.version.value;
        return [...this.entities.values()];
    }
    reload = (): void => void this.load();
    onChange(listener: Listener): void {
        this.listeners.push(listener);
    }

    async load(): Promise<void> {
        const time = this.moment();
        this.loading?.abort();
        const mine = (this.loading = new AbortController());
        const early = (this.early = [] as Change[]);
        this.parts = new Map();
        const { types, q, attrs, keep, id } = this.want;
        const parameters = { type: types.join(","), id, q, attrs: attrsOf(attrs) };
        try {
            const all =
                types.length === 0
                    ? []
                    : time === undefined
                      ? await findAll(parameters, entitiesMost, mine.signal)
                      : await findThen(parameters, time, mine.signal);
            if (this.loading !== mine) return;
            this.entities = new Map(all.filter((one) => !keep || keep(one)).map((one) => [one.id, one]));
            this.isCut = all.length >= entitiesMost;
            this.loading = undefined;
            this.early = undefined;
            early.forEach((change) => this.apply(change));
            this.state.value = "ready";
            this.error.value = undefined;
            this.tell(true);
        } catch (error) {
            if (this.loading !== mine || isAbort(error)) return;
            this.error.value = error;
            this.state.value = "failed";
            setTimeout(() => this.loading === mine && void this.load(), 3000);
        }
    }
    await(): void {
        this.loading?.abort();
        this.loading = undefined;
        this.early = [];
        this.parts = new Map();
        this.state.value = "loading";
    }
    stop(): void {
        this.loading?.abort();
        this.loading = undefined;
        this.parts = new Map();
        clearTimeout(this.timer);
    }

    apply(change: Change): void {
        if (this.early) {
            this.early.push(change);
            return;
        }
        const { kind, entity } = change;
        if (!this.want.types.includes(typeOf(entity))) return;
        if (this.want.id !== undefined && this.want.id !== entity.id) return;
        const before = this.entities.get(entity.id);
        if (kind !== "entity") {
            this.parts.delete(entity.id);
            if (!this.entities.delete(entity.id)) return;
        } else if (before || !this.want.keep) {
            if (!before && this.isCut) return;
            const next = merged(before, entity);
            if (!this.want.keep || this.want.keep(next)) this.entities.set(next.id, next);
            else this.entities.delete(next.id);
        } else {
            this.complete(entity);
            return;
        }
        this.changed.add(entity.id);
        this.timer ??= setTimeout(() => this.tell(false), tellEveryMs);
    }
    private complete(part: Entity): void {
        const known = this.parts.get(part.id);
        if (known) known.push(part);
        else this.parts.set(part.id, [part]);
        if (this.parts.size === 1 && !known) setTimeout(() => void this.loadParts(), tellEveryMs);
    }
    private async loadParts(): Promise<void> {
        const parts = this.parts;
        const { types, attrs, keep } = this.want;
        // In a flood the whole question is the shorter one.
        if (parts.size > 10 * idsMost) return this.load();
        try {
            while (parts.size > 0 && this.parts === parts) {
                const ids = [...parts.keys()].slice(0, idsMost);
                const asked = { type: types.join(","), id: ids.join(","), attrs: attrsOf(attrs) };
                const found = new Map((await findAll(asked, idsMost)).map((one) => [one.id, one]));
                if (this.parts !== parts) return;
                for (const id of ids) {
                    const next = (parts.get(id) ?? []).reduce<Entity | undefined>(merged, found.get(id));
                    parts.delete(id);
                    if (!next || !found.has(id) || !keep?.(next)) continue;
                    this.entities.set(id, next);
                    this.changed.add(id);
                }
                if (this.changed.size > 0) this.tell(false);
            }
        } catch {
            if (this.parts === parts) void this.load();
        }
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
