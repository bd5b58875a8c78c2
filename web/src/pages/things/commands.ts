// What can be said to a device, by the protocol of its link (src/link/*: encode); an example of each to begin with.
import type { say } from "../../words/things.ts";

export interface Order {
    title: Parameters<typeof say>[0];
    body: Record<string, unknown>;
}
const order = (title: Order["title"], body: Order["body"]): Order => ({ title, body });

/** HJ 212 asks for the kind of system and for the station's password; it is kept as "***". */
const station = { st: "22", password: "" };

const orders: Record<string, Order[]> = {
    jt808: [
        order("doLocate", { command: "locate" }),
        order("doShowText", { command: "text", text: "" }),
        order("doTrack", { command: "track", interval_s: 10, duration_s: 600 }),
        order("doLock", { command: "vehicle-control", lock: true }),
        order("doTerminal", { command: "terminal-control", code: 4 }),
        order("doSetParameters", { command: "set-parameters", parameters: { "0x0029": 30 } }),
        order("doClearAlarm", { command: "clear-alarm", serial: 0, alarm: 1 }),
    ],
    hj212: [
        order("doGetReadings", { command: "get-realtime", start: true, ...station }),
        order("doSetClock", { command: "set-clock", ...station }),
        order("doHistory", {
            command: "history",
            kind: "hour",
            from: "20260101000000",
            to: "20260101230000",
            ...station,
        }),
    ],
    gb32960: [
        order("doQuery", { command: "query", parameters: [1] }),
        order("doControl", { command: "control", code: 2 }),
    ],
    modbus: [
        order("doWriteRegister", { command: "write", register: 0, value: 0 }),
        order("doWriteCoil", { command: "write", coil: 0, value: true }),
        order("doReadRegisters", { command: "read", function: 3, start: 0, count: 1 }),
    ],
    mqtt: [order("doPublish", { command: "publish", topic: "", payload: {} })],
};
/** None: the protocol has no way down. */
export const ordersOf = (protocol: string | undefined): Order[] => orders[protocol ?? ""] ?? [];
