// A question that a page asks again and again: which answer counts, and what is shown until it comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { effectScope, nextTick, ref } from "vue";
import { useAsked } from "../../web/src/lib/asked.ts";
import { Problem } from "../../web/src/lib/http.ts";

Object.assign(globalThis, { document: { hidden: false } });
interface Question {
    name: string;
    signal: AbortSignal;
    answer: (text: string) => void;
    refuse: (why: unknown) => void;
}
const questions: Question[] = [];
const ask = (name: string, signal: AbortSignal): Promise<string> =>
    new Promise((answer, refuse) => questions.push({ name, signal, answer, refuse }));
const last = (): Question => questions.at(-1)!;

test("an answer to what is not asked any more changes nothing", async () => {
    const [id, moment, scope] = [ref<string>("a"), ref(1), effectScope()];
    const asked = scope.run(() =>
        useAsked((signal) => (id.value ? ask(id.value, signal) : undefined), {
            of: () => id.value,
            when: () => moment.value,
        }),
    )!;
    const first = last();
    id.value = "b";
    await nextTick();
    assert.ok(first.signal.aborted);
    last().answer("of b");
    first.answer("of a");
    await pause();
    assert.deepEqual([asked.value.value, asked.state.value, asked.busy.value], ["of b", "ready", false]);

    // The same one at another moment: what is known stays, unless there is no answer to this.
    moment.value = 2;
    await nextTick();
    assert.equal(asked.value.value, "of b");
    last().refuse(new TypeError("the line is lost"));
    await pause();
    assert.deepEqual([asked.value.value, asked.state.value], ["of b", "failed"]);
    void asked.reload();
    last().answer("of b then");
    await pause();
    assert.deepEqual([asked.value.value, asked.state.value, asked.error.value], ["of b then", "ready", undefined]);

    // Once more: a line that is lost leaves what is known, a refusal does not.
    void asked.reload();
    last().refuse(new TypeError("the line is lost"));
    await pause();
    assert.equal(asked.state.value, "ready");
    void asked.reload();
    last().refuse(new Problem(404, "gone"));
    await pause();
    assert.equal(asked.state.value, "failed");

    id.value = "c";
    await nextTick();
    assert.deepEqual([asked.value.value, asked.state.value, asked.error.value], [undefined, "loading", undefined]);
    scope.stop();
    assert.ok(last().signal.aborted);
    last().answer("too late");
    await pause();
    assert.equal(asked.value.value, undefined);
});

test("in a storm it is asked once in a while, and a slow answer comes all the same", async () => {
    const [version, scope] = [ref(0), effectScope()];
    const asked = scope.run(() =>
        useAsked((signal) => ask(String(version.value), signal), { when: () => version.value, restMs: 20 }),
    )!;
    const before = questions.length;
    for (; version.value < 12; version.value++) await pause(5);
    assert.equal(questions.length, before, "the first is under way");
    last().answer("0");
    await pause();
    assert.equal(asked.value.value, "0");
    await pause(40);
    assert.equal(questions.length, before + 1);
    assert.equal(last().name, "12");
    scope.stop();
});

test("it is asked again every so often, one at a time, while it goes on", async () => {
    const [goesOn, scope] = [ref(true), effectScope()];
    scope.run(() => useAsked((signal) => ask("x", signal), { everyMs: 10, goesOn: () => goesOn.value }));
    const before = questions.length;
    await pause(50);
    assert.equal(questions.length, before);
    last().answer("x");
    await pause(30);
    assert.equal(questions.length, before + 1);
    goesOn.value = false;
    last().answer("x");
    await pause(30);
    assert.equal(questions.length, before + 1);
    scope.stop();
});
