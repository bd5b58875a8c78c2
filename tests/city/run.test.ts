// scripts/run.sh beside a city that runs already: it ends before it touches anything of that one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { folder, root, Server } from "../api/server.ts";

test("a second `make run` on the folder of a running city leaves its log alone, and says what to do", async () => {
    const data = join(folder(), "city");
    const server = await new Server(data).start();
    after(() => server.stop());
    writeFileSync(`${data}.log`, "of the one that runs\n");
    const env = { ...process.env, LISTEN: "127.0.0.1:1", DATA: data };
    const second = spawnSync("scripts/run.sh", [], { cwd: root, env, encoding: "utf8", timeout: 20_000 });
    assert.equal(second.status, 1, second.stdout + second.stderr);
    assert.match(second.stderr, /a city runs on .* already; stop it, or use LISTEN=127\.0\.0\.1:PORT DATA=FOLDER/);
    assert.equal(readFileSync(`${data}.log`, "utf8"), "of the one that runs\n");
    assert.ok(!existsSync(`${data}.log.1`), "nothing was turned");
});
