// The driver's own rule: what crashed, ended early or ran nothing counts as a failure.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readMeson, readTap } from "../counts.ts";

const cmocka = (ran: number, passed: number, failed: string[] = []): string =>
    [
        `[==========] tests: Running ${ran} test(s).`,
        `[  PASSED  ] ${passed} test(s).`,
        ...failed.map((name) => `[  FAILED  ] ${name}`),
    ].join("\n");
const line = (name: string, result: string, stderr = ""): string =>
    JSON.stringify({ name, result, stdout: "", stderr });

test("meson: cases are counted, an executable without cases counts as one", () => {
    const log = [line("a", "OK", cmocka(3, 3)), line("b", "OK", "replayed"), line("c", "SKIP")].join("\n");
    assert.deepEqual(readMeson(log), { passed: 4, failed: 0, skipped: 1, notes: [] });
});

test("meson: failures, crashes, time-outs, empty executables and cut logs are failures", () => {
    const failed = readMeson(line("a", "FAIL", cmocka(3, 1, ["test_x", "test_y"])));
    assert.deepEqual([failed.passed, failed.failed], [1, 2]);
    assert.match(failed.notes[0]!, /test_x, test_y/);
    for (const result of ["FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS"]) {
        assert.equal(readMeson(line("a", result)).failed, 1, result);
    }
    assert.equal(readMeson(line("a", "OK", cmocka(0, 0))).failed, 1);
    assert.equal(readMeson(`${line("a", "OK")}\n{"name":"b","res`).failed, 1);
    assert.deepEqual(readMeson(""), { passed: 0, failed: 0, skipped: 0, notes: [] });
});

const summary = (pass: number, fail: number, cancelled = 0, skipped = 0): string =>
    `1..3\n# tests 3\n# pass ${pass}\n# fail ${fail}\n# cancelled ${cancelled}\n# skipped ${skipped}\n# todo 0\n`;

test("TAP: the summary counts", () => {
    const tap = `TAP version 13\nok 1 - a\nok 2 - b # SKIP\nnot ok 3 - c\n${summary(1, 1, 0, 1)}`;
    assert.deepEqual(readTap(tap, ["/x.test.ts"]), { passed: 1, failed: 1, skipped: 1, notes: ["c"] });
});

test("TAP: a run that ended early, or was cancelled, is a failure", () => {
    assert.equal(readTap("", []).failed, 1);
    assert.equal(readTap("TAP version 13\nok 1 - a\n", []).failed, 1);
    assert.equal(readTap(`ok 1 - a\n${summary(1, 0, 2)}`, []).failed, 2);
});

test("TAP: a file without a test is a failure, though the runner calls it passed", () => {
    const count = readTap(`ok 1 - a\nok 2 - /x.test.ts\n${summary(2, 0)}`, ["/x.test.ts"]);
    assert.deepEqual([count.passed, count.failed], [1, 1]);
});
