// A device is answered only when its frame is durable. Stations (HJ 212) and buses (JT/T 808) send with frames under
// way while the process is killed with -9 at random moments (JINDU_KILLS times, 3 when not said): after each restart
// every frame that was answered is there with all its readings, none twice, what was never answered is there whole or
// not at all, links are open again by themselves and devices are known.
import assert from "node:assert/strict";
import { test } from "node:test";
import { air, at, bus, counts, declare, freePort, Line, numberAt, type Speech } from "./devices.ts";
import { City, command, folder, Server, type Json } from "./server.ts";

const kills = Number(process.env["JINDU_KILLS"] ?? 3);
const underWay = 4; // frames of a device that wait for their answers
const devicesOfKind = 6;
const page = 2000; // readings of an attribute that are asked for at once

const seed = Number(process.env["JINDU_SEED"] ?? Date.now() % 1_000_000);
let state = seed;
function random(below: number): number {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
}

class Device {
    readonly id: string;
    /** Numbers of frames. */
    readonly sent = new Set<number>();
    readonly acknowledged = new Set<number>();
    #next = 1;
    readonly city: City;

    constructor(
        readonly speech: Speech,
        no: number,
        readonly port: number,
        readonly server: Server,
    ) {
        this.id = speech.device(no);
        this.city = new City(server, undefined);
    }

    /** Sends until the line breaks. */
    async run(): Promise<void> {
        const line = await Line.dial(this.port, this.speech.read);
        const one = async (): Promise<void> => {
            while (line.isOpen) {
                const n = this.#next++;
                this.sent.add(n);
                line.send(this.speech.frame(this.id, n));
                const answer = await line.answer(this.speech.key(n));
                if (!answer) return;
                assert.ok(answer.ok, `${this.id}, frame ${n}: ${answer.text} (seed ${seed})`);
                this.acknowledged.add(n);
            }
        };
        await Promise.all(Array.from({ length: underWay }, one));
    }

    /** All that the store has of it, in two ways. */
    async settle(): Promise<void> {
        const id = this.speech.entity(this.id);
        const n = new Set<number>();
        const half = new Set<number>();
        for (let from = 0; from < this.#next; from += page) {
            const window = `timerel=between&timeAt=${at(from)}&endTimeAt=${at(from + page)}`;
            const found = await this.city.get(`/temporal/entities/${id}?attrs=n,half&${window}`);
            if (found.status === 404 && from === 0) break;
            assert.equal(found.status, 200, found.text);
            this.#numbers(found.json.n ?? [], (one) => one.value, n);
            this.#numbers(found.json.half ?? [], (one) => one.value * 2, half);
        }
        if (n.size === 0) {
            assert.equal(this.acknowledged.size, 0, `${id} is lost (seed ${seed})`);
            return;
        }
        assert.deepEqual(half, n, `${id}: a frame is there in part (seed ${seed})`);
        for (const no of this.acknowledged) assert.ok(n.has(no), `${id}: frame ${no} was answered (seed ${seed})`);
        for (const no of n) assert.ok(this.sent.has(no), `${id}: frame ${no} was never sent (seed ${seed})`);
        const last = Math.max(...n);
        const total = await this.city.get(
            `/temporal/entities/${id}?format=aggregatedValues&aggrMethods=totalCount&aggrPeriodDuration=PT0S&attrs=n` +
                `&timerel=between&timeAt=${at(0)}&endTimeAt=${at(last + 1)}`,
        );
        assert.equal(total.json.n.totalCount[0][0], n.size, `${id}: count (seed ${seed})`);
        const now = await this.city.entity(id);
        assert.equal(now.n.observedAt, at(last), `${id}: what is now (seed ${seed})`);
        // Known again without having said anything since the start.
        const device = await this.server.call("GET", `/api/devices/${this.speech.protocol}/${this.id}`);
        assert.equal(device.status, 200, device.text);
        assert.equal(device.json.state, "new");
        assert.equal(device.json.entity, id);
        assert.equal(now.deviceState.value, "new");
    }

    /** The numbers of the readings; each stands at its own moment, and no moment twice. */
    #numbers(list: Json[], numberOf: (one: Json) => number, found: Set<number>): void {
        for (const one of list) {
            const no = numberOf(one);
            assert.equal(numberAt(one.observedAt), no, `${this.id}: a reading at a wrong moment (seed ${seed})`);
            assert.ok(!found.has(no), `${this.id}: the reading of frame ${no} twice (seed ${seed})`);
            found.add(no);
        }
    }
}

test(`kill -9, ${kills} times: every frame that was answered is there once`, { timeout: 1_800_000 }, async (t) => {
    const data = folder();
    // A small log and small heads, so that sweeping and sealing go on while it is killed.
    const server = new Server(data, [
        ...["--log-bytes-max", "1M", "--history-heads-bytes", "64K", "--history-heads-age", "1"],
        ...["--log-level", "error", "--no-fetch"],
    ]);
    const speeches = [air, bus];
    const ports = [await freePort(), await freePort()];
    const list = speeches.flatMap((speech, i) =>
        Array.from({ length: devicesOfKind }, (_, no) => new Device(speech, no, ports[i]!, server)),
    );
    const settle = (): Promise<unknown> => Promise.all(list.map((device) => device.settle()));
    const answered = (): number => list.reduce((sum, device) => sum + device.acknowledged.size, 0);
    let rounds = 0;
    try {
        await server.start();
        for (const [i, speech] of speeches.entries()) await declare(server, speech.protocol, speech.link(ports[i]!));
        for (let round = 0; round < kills; round++) {
            if (round > 0) await server.start();
            await settle();
            const before = answered();
            const load = list.map((device) => device.run());
            // Now and then before or while the first of a device are taken.
            await new Promise((done) => setTimeout(done, round % 4 === 1 ? random(20) : 100 + random(900)));
            await server.kill();
            await Promise.all(load);
            if (answered() > before) rounds++;
            const checked = await command("check", ...(round % 4 === 0 ? ["--deep"] : []), data);
            assert.equal(checked.code, 0, `round ${round}, seed ${seed}: ${checked.out}`);
        }
        await server.start();
        await settle();
        for (const { protocol } of speeches) {
            const link = await counts(server, protocol);
            assert.equal(link.state, "open");
            assert.equal(link.devices, devicesOfKind);
        }
        // SIGTERM: what was read is kept and answered before the lines close, and holds.
        const load = list.map((device) => device.run());
        await new Promise((done) => setTimeout(done, 300));
        assert.equal(await server.stop(), 0);
        await Promise.all(load);
        await server.start();
        await settle();
    } finally {
        await server.kill();
    }
    const sent = list.reduce((sum, device) => sum + device.sent.size, 0);
    t.diagnostic(`seed ${seed}; ${sent} frames sent, ${answered()} answered, in ${rounds} of ${kills} rounds`);
    assert.ok(rounds > 0, "the load hardly ran");
});
