// Meters of a proof: a Modbus TCP device that holds registers and answers functions 3 and 4, and a pack whose links
// dial it. Modbus Application Protocol V1.1b3, 6.3; Messaging on TCP/IP V1.0b, 3.1.3.
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join, relative } from "node:path";
import type { City } from "./city.ts";

const mbapBytes = 7;
const illegalFunction = 1;
const illegalAddress = 2;

export class ModbusDevice {
    port = 0;
    /** How many reads it answered with values. */
    reads = 0;
    #registers: Buffer;
    #server: Server;
    #sockets = new Set<Socket>();

    private constructor(registers: number) {
        this.#registers = Buffer.alloc(registers * 2);
        this.#server = createServer((socket) => this.#serve(socket));
    }

    /** A device with so many registers from address 0 on, on a free port of the loopback address. */
    static async start(registers: number): Promise<ModbusDevice> {
        const device = new ModbusDevice(registers);
        await new Promise<void>((done, failed) => {
            device.#server.on("error", failed);
            device.#server.listen(0, "127.0.0.1", done);
        });
        device.port = (device.#server.address() as { port: number }).port;
        return device;
    }

    /** Puts all registers at once: a read sees the old ones or the new ones, never some of each. */
    put(bytes: Buffer): void {
        bytes.copy(this.#registers);
    }

    stop(): void {
        for (const socket of this.#sockets) socket.destroy();
        this.#server.close();
    }

    #serve(socket: Socket): void {
        let rest = Buffer.alloc(0);
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on("error", () => undefined);
        socket.on("close", () => this.#sockets.delete(socket));
        socket.on("data", (bytes: Buffer) => {
            rest = Buffer.concat([rest, bytes]);
            while (rest.length > mbapBytes && rest.length >= 6 + rest.readUInt16BE(4)) {
                const size = 6 + rest.readUInt16BE(4);
                socket.write(this.#answer(rest.subarray(0, size)));
                rest = rest.subarray(size);
            }
        });
    }

    #answer(frame: Buffer): Buffer {
        const code = frame[mbapBytes]!;
        const [start, count] = frame.length >= 12 ? [frame.readUInt16BE(8), frame.readUInt16BE(10)] : [0, 0];
        const there = count > 0 && count <= 125 && (start + count) * 2 <= this.#registers.length;
        const fault = code !== 3 && code !== 4 ? illegalFunction : there ? 0 : illegalAddress;
        const pdu =
            fault > 0
                ? Buffer.from([code | 0x80, fault])
                : Buffer.concat([
                      Buffer.from([code, count * 2]),
                      this.#registers.subarray(start * 2, (start + count) * 2),
                  ]);
        if (fault === 0) this.reads++;
        const head = Buffer.from(frame.subarray(0, mbapBytes));
        head.writeUInt16BE(pdu.length + 1, 4);
        return Buffer.concat([head, pdu]);
    }
}

/** All declarations of a pack by their places. */
function filesOf(dir: string): Record<string, string> {
    const files: Record<string, string> = {};
    const folders = ["", "models", "links", "mappings", "rules", "views"];
    for (const folder of folders) {
        let names: string[] = [];
        try {
            names = readdirSync(join(dir, folder)).filter((name) => name.endsWith(".json"));
        } catch {
            continue; // a pack need not have every folder
        }
        for (const name of names) {
            const path = join(dir, folder, name);
            files[relative(dir, path)] = readFileSync(path, "utf8");
        }
    }
    return files;
}

/** Lets links of the pack dial the proof's devices and ask ten times a second; all else of the pack stays as it is. */
export async function dialDevices(city: City, devices: Map<string, ModbusDevice>): Promise<void> {
    const files = filesOf(city.pack.dir);
    for (const [name, device] of devices) {
        const file = `links/${name}.json`;
        const link = JSON.parse(files[file]!) as { points: Record<string, unknown> };
        const points = { ...link.points, every_ms: 100, timeout_ms: 5000 };
        files[file] = JSON.stringify({ ...link, dial: `127.0.0.1:${device.port}`, points });
    }
    await city.done("POST", "/api/packs?force=true", { files });
}
