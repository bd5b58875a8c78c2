// A device's line: one connection to a link, opened when there is something to say; answers find what was said.
import { connect, type Socket } from "node:net";
import type { Answer, ReadAnswers } from "./frames/bytes.ts";

const patienceMs = 10_000;

interface Waiting {
    done(answer: Answer): void;
    failed(error: Error): void;
}

export class Line {
    #socket: Socket | undefined;
    #opening: Promise<void> | undefined;
    #rest = Buffer.alloc(0);
    #waiting = new Map<string, Waiting>();

    /** `greet` is what a device says first on every connection. Without `read` nothing is ever answered. */
    constructor(
        readonly host: string,
        readonly port: number,
        readonly read?: ReadAnswers,
        readonly greet: (line: Line) => Promise<void> = async () => {},
    ) {}

    /** Says a frame. With `key` it waits for the answer to that, at most 10 s; a line without an answer is given up. */
    async say(frame: Buffer, key?: string): Promise<Answer | undefined> {
        await (this.#opening ??= this.#open());
        return this.#send(frame, key);
    }

    /** For the greeting itself, which the opening of the line waits for. */
    first(frame: Buffer, key?: string): Promise<Answer | undefined> {
        return this.#send(frame, key);
    }

    close(): void {
        this.#socket?.destroy();
    }

    async #open(): Promise<void> {
        const socket = connect({ host: this.host, port: this.port, noDelay: true });
        this.#socket = socket;
        this.#rest = Buffer.alloc(0);
        socket.on("data", (bytes) => this.#take(bytes));
        socket.on("error", (error) => this.#lost(socket, error));
        socket.on("close", () => this.#lost(socket, new Error("the connection was closed")));
        await new Promise<void>((done, failed) => {
            socket.once("connect", done);
            socket.once("error", failed);
        });
        try {
            await this.greet(this);
        } catch (error) {
            socket.destroy();
            throw error;
        }
    }

    #send(frame: Buffer, key: string | undefined): Promise<Answer | undefined> {
        const socket = this.#socket;
        if (!socket || socket.destroyed) return Promise.reject(new Error("the connection was closed"));
        return new Promise((done, failed) => {
            if (key === undefined || !this.read) {
                socket.write(frame, (error) => (error ? failed(error) : done(undefined)));
                return;
            }
            const timer = setTimeout(() => socket.destroy(new Error("no answer within 10 s")), patienceMs);
            const settle = (): void => {
                clearTimeout(timer);
                this.#waiting.delete(key);
            };
            this.#waiting.set(key, {
                done: (answer) => (settle(), done(answer)),
                failed: (error) => (settle(), failed(error)),
            });
            socket.write(frame);
        });
    }

    #take(bytes: Buffer): void {
        if (!this.read) return;
        this.#rest = Buffer.concat([this.#rest, bytes]);
        const { answers, used } = this.read(this.#rest);
        this.#rest = this.#rest.subarray(used);
        for (const answer of answers) this.#waiting.get(answer.key)?.done(answer);
    }

    #lost(socket: Socket, error: Error): void {
        if (this.#socket !== socket) return;
        this.#socket = undefined;
        this.#opening = undefined;
        for (const waiting of [...this.#waiting.values()]) waiting.failed(error);
    }
}
