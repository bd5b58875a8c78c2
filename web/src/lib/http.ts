// Asking the program. Whoever asks learns why it failed, in the language of the page; the line's state is kept here
// too.
import { ref } from "vue";
import { language } from "./words.ts";

/** RFC 9457 as the program answers it; `place` names the member that is wrong. */
export class Problem extends Error {
    readonly status: number;
    readonly place: string | undefined;
    readonly faults: Fault[];
    constructor(status: number, title: string, detail?: string, place?: string, faults: Fault[] = []) {
        super(detail ? `${title}: ${detail}` : title);
        this.status = status;
        this.place = place;
        this.faults = faults;
    }
}
export interface Fault {
    file?: string;
    line?: number;
    column?: number;
    place?: string;
    /** The member, as a declaration of a pack has it. */
    path?: string;
    reason: string;
}

const patienceMs = 15_000;

/** "lost" as soon as something could not be reached; whoever reaches it again says so. */
export const line = ref<"unknown" | "up" | "lost">("unknown");
export const heardAt = ref<number | undefined>(undefined);
export function heard(): void {
    line.value = "up";
    heardAt.value = Date.now();
}
export const lost = (): void => {
    line.value = "lost";
};

export interface Ask {
    method?: string;
    body?: unknown;
    /** A body that is sent as it is, with its type. */
    raw?: { type: string; body: BodyInit };
    headers?: Record<string, string>;
    signal?: AbortSignal | undefined;
    patienceMs?: number;
}

export async function call(path: string, ask: Ask = {}): Promise<Response> {
    const headers: Record<string, string> = {
        Accept: "application/json",
        "Accept-Language": language.value,
        ...ask.headers,
    };
    let body: BodyInit | null = null;
    if (ask.raw) {
        headers["Content-Type"] = ask.raw.type;
        body = ask.raw.body;
    } else if (ask.body !== undefined) {
        headers["Content-Type"] = "application/json";
        body = JSON.stringify(ask.body);
    }
    const patience = AbortSignal.timeout(ask.patienceMs ?? patienceMs);
    const signal = ask.signal ? AbortSignal.any([ask.signal, patience]) : patience;
    let answer: Response;
    try {
        answer = await fetch(path, { method: ask.method ?? "GET", headers, body, signal });
    } catch (error) {
        if (!ask.signal?.aborted) lost();
        throw error;
    }
    heard();
    if (answer.ok) return answer;
    const told = (await answer.json().catch(() => ({}))) as {
        title?: string;
        detail?: string;
        place?: string;
        faults?: Fault[];
    };
    throw new Problem(answer.status, told.title ?? answer.statusText, told.detail, told.place, told.faults);
}

/** The JSON of an answer; undefined for one without a body. */
export async function json<T>(path: string, ask: Ask = {}): Promise<T> {
    const answer = await call(path, ask);
    const text = await answer.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** A sign of life where nothing else is asked: a line that is lost without a word is seen within seconds. */
const pulseMs = 5000;
export function startPulse(): void {
    setInterval(() => {
        if (document.hidden || (line.value === "up" && Date.now() - (heardAt.value ?? 0) < pulseMs)) return;
        void call("health", { patienceMs: 4000 }).catch(() => undefined);
    }, pulseMs);
}
