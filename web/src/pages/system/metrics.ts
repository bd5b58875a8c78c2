// Prometheus text as /metrics writes it, and what can be told from two of them.
export interface Sample {
    labels: Record<string, string>;
    value: number;
}

export class Metrics {
    private readonly samples = new Map<string, Sample[]>();
    readonly at: number;

    constructor(text: string, at = Date.now()) {
        this.at = at;
        for (const line of text.split("\n")) {
            const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
            if (!found || line.startsWith("#")) continue;
            const [, name, labels, value] = found as unknown as [string, string, string | undefined, string];
            const list = this.samples.get(name) ?? [];
            list.push({ labels: labelsOf(labels ?? ""), value: value === "+Inf" ? Infinity : Number(value) });
            this.samples.set(name, list);
        }
    }
    of(name: string): Sample[] {
        return this.samples.get(name) ?? [];
    }
    /** The sum over all labels; undefined where the program does not tell it. */
    sum(name: string): number | undefined {
        const list = this.samples.get(name);
        return list?.reduce((sum, { value }) => sum + value, 0);
    }
}

function labelsOf(text: string): Record<string, string> {
    const labels: Record<string, string> = {};
    for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
        labels[name!] = value!.replace(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
    return labels;
}

/** How much a counter grew between two; undefined where one of them lacks it or the program was started anew. */
export function grown(before: Metrics | undefined, now: Metrics, name: string): number | undefined {
    const [a, b] = [before?.sum(name), now.sum(name)];
    return a === undefined || b === undefined || b < a ? undefined : b - a;
}
export function perSecond(before: Metrics | undefined, now: Metrics, name: string): number | undefined {
    const more = grown(before, now, name);
    const seconds = before ? (now.at - before.at) / 1000 : 0;
    return more === undefined || seconds <= 0 ? undefined : more / seconds;
}
/** The bound of a histogram's bucket below which `share` of what came since lies. */
export function below(before: Metrics | undefined, now: Metrics, name: string, share: number): number | undefined {
    const was = new Map(before?.of(`${name}_bucket`).map(({ labels, value }) => [labels["le"], value]));
    const buckets = now.of(`${name}_bucket`).map(({ labels, value }) => ({
        bound: labels["le"] === "+Inf" ? Infinity : Number(labels["le"]),
        n: value - (was.get(labels["le"]) ?? 0),
    }));
    const all = buckets.at(-1)?.n ?? 0;
    if (all <= 0) return undefined;
    return buckets.find(({ n }) => n >= all * share)?.bound;
}
