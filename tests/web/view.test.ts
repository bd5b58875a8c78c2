// A view of entities: what the stream tells as a part is whole where it is shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Entity } from "../../web/src/lib/ngsi.ts";
import { LiveView, type Change } from "../../web/src/lib/view.ts";

Object.assign(globalThis, { document: { baseURI: "http://city.test/" } });
/** What the program holds; what was asked of it. */
let held: Entity[] = [];
const asked: URLSearchParams[] = [];
globalThis.fetch = (async (path: string) => {
    const question = new URL(path, "http://city.test/").searchParams;
    asked.push(question);
    const ids = question.get("id")?.split(",");
    return Response.json(held.filter(({ id }) => !ids || ids.includes(id)));
}) as typeof fetch;

const alert = (id: string, status: string): Entity => ({ id, type: "Alert", status, title: `title of ${id}` });
const change = (kind: Change["kind"], id: string, more: object = {}): Change => ({
    kind,
    entity: { id, type: "Alert", ...more },
});
const isOpen = (one: Entity): boolean => one["status"] !== "cleared";
async function opened(): Promise<LiveView> {
    const view = new LiveView({ types: ["Alert"], q: 'status!="cleared"', keep: isOpen }, () => undefined);
    await view.load();
    return view;
}

test("what was left out comes in whole, though the stream tells only what changed of it", async () => {
    held = [alert("a", "open")];
    const view = await opened();
    held = [alert("a", "open"), alert("b", "open"), alert("c", "cleared")];
    view.apply(change("entity", "b", { status: "open" }));
    view.apply(change("entity", "c", { comments: "late" }));
    assert.equal(view.entities.size, 1, "a part is not shown");
    await pause(400);
    assert.deepEqual(view.entities.get("b"), alert("b", "open"));
    assert.equal(view.entities.has("c"), false, "a comment on what is over does not open it again");
    assert.equal(asked.at(-1)!.get("id"), "b,c");
});

test("what changes, leaves and is deleted while it is asked for is so at the end", async () => {
    held = [alert("a", "open"), alert("d", "open")];
    const view = await opened();
    view.apply(change("entity", "a", { status: "acknowledged", title: "urn:ngsi-ld:null" }));
    assert.deepEqual(view.entities.get("a"), { id: "a", type: "Alert", status: "acknowledged" });
    view.apply(change("entity", "d", { status: "cleared" }));
    assert.deepEqual([...view.entities.keys()], ["a"]);
    view.apply(change("entity", "d", { status: "open" }));
    view.apply(change("gone", "d"));
    await pause(400);
    assert.deepEqual([...view.entities.keys()], ["a"]);
});
