// Subscriptions as the broker and /api/subscriptions tell of them (docs/subscriptions.md).
import { call, json } from "../../lib/http.ts";
import { contextLink } from "../../lib/ngsi.ts";

export interface Subscription {
    id: string;
    type: string;
    subscriptionName?: string;
    description?: string;
    entities?: { type?: string; id?: string; idPattern?: string }[];
    watchedAttributes?: string[];
    notificationTrigger?: string[];
    q?: string;
    geoQ?: Record<string, unknown>;
    scopeQ?: string;
    throttling?: number;
    expiresAt?: string;
    isActive?: boolean;
    status?: string;
    notification: {
        attributes?: string[];
        endpoint: { uri: string; [more: string]: unknown };
        status?: string;
        timesSent?: number;
        timesFailed?: number;
        lastNotification?: string;
        lastSuccess?: string;
        lastFailure?: string;
        [more: string]: unknown;
    };
    [more: string]: unknown;
}
export interface Notification {
    id: string;
    notifiedAt: string;
    data: { id: string; type: string }[];
}
export interface Attempts {
    attempts: { at: string; notification: string; ok: boolean; answerMs: number; status?: number; why?: string }[];
    gathered: number;
    gatheredLost: number;
    waiting: number;
    dead: Notification[];
}
export interface Why {
    matches: boolean;
    because?: string;
    found?: Record<string, unknown>;
    entityTypes?: string[];
    selects?: unknown[];
    expiresAt?: string;
    watches?: string[];
    triggers?: string[];
    throttledUntil?: string;
    endpointStatus?: string;
}
export interface DryRun {
    matches: number;
    entities: string[];
    unknownNames: string[];
    ignored: string[];
}

const base = "ngsi-ld/v1/subscriptions";
const pageMax = 1000;
export const listMax = 20_000;

export async function list(signal: AbortSignal): Promise<Subscription[]> {
    const all: Subscription[] = [];
    while (all.length < listMax) {
        const path = `${base}?limit=${pageMax}&offset=${all.length}&options=sysAttrs`;
        const page = await json<Subscription[]>(path, { headers: contextLink(), signal });
        all.push(...page);
        if (page.length < pageMax) break;
    }
    return all;
}
const of = (id: string): string => `api/subscriptions/${encodeURIComponent(id)}`;
export const attempts = (id: string, signal: AbortSignal): Promise<Attempts> =>
    json<Attempts>(`${of(id)}/attempts`, { signal });
export const explain = (id: string, entity: string, signal?: AbortSignal): Promise<Why> =>
    json<Why>(`${of(id)}/explain?entity=${encodeURIComponent(entity)}`, { signal });
export const resend = (id: string): Promise<{ resent: number }> => json(`${of(id)}/resend`, { method: "POST" });
export const replay = (id: string, since: string): Promise<{ entities: number }> =>
    json(`${of(id)}/replay?since=${encodeURIComponent(since)}`, { method: "POST", patienceMs: 60_000 });
export const change = (id: string, body: object): Promise<unknown> =>
    json(`${base}/${encodeURIComponent(id)}`, { method: "PATCH", body, headers: contextLink() });
export const remove = (id: string): Promise<unknown> =>
    json(`${base}/${encodeURIComponent(id)}`, { method: "DELETE" });
/** With its own @context a body is JSON-LD, and no Link header may stand beside it (clause 6.3.5). */
const asked = (body: object): object =>
    "@context" in body
        ? { raw: { type: "application/ld+json", body: JSON.stringify(body) } }
        : { body, headers: contextLink() };
export const dryRun = (body: object): Promise<DryRun> =>
    json<DryRun>("api/subscriptions/dry-run", { method: "POST", ...asked(body) });
export async function create(body: object): Promise<string> {
    const answer = await call(base, { method: "POST", ...asked(body) });
    return decodeURIComponent((answer.headers.get("Location") ?? "").split("/").at(-1) ?? "");
}

export const conditions = ["active", "selects", "watches", "scope", "geo", "q", "shown"] as const;
export type Condition = (typeof conditions)[number];
/** In this order the program looks at them (src/told/match.c): what stands before the one that fails holds. */
export function failing(why: Why, subscription: Subscription): Condition | undefined {
    if (why.matches || why.because === undefined) return undefined;
    if (why.expiresAt !== undefined || /isActive/.test(why.because)) return "active";
    if (why.selects) return "selects";
    if (why.found) return "q";
    if (why.because.startsWith("scopeQ")) return "scope";
    if (why.because.startsWith("geoQ")) return "geo";
    const { watchedAttributes, notification } = subscription;
    if (watchedAttributes && !notification.attributes) return "watches";
    return notification.attributes && !watchedAttributes ? "shown" : undefined;
}
export function has(subscription: Subscription, condition: Condition): boolean {
    const { watchedAttributes, scopeQ, geoQ, q, notification } = subscription;
    return {
        active: true,
        selects: subscription.entities !== undefined,
        watches: watchedAttributes !== undefined,
        scope: scopeQ !== undefined,
        geo: geoQ !== undefined,
        q: q !== undefined,
        shown: notification.attributes !== undefined,
    }[condition];
}
