// The far ends of messages to people: a real mail server (Exim, Debian), and stand-ins that hold to the published
// interfaces of the robots of 企业微信 and 钉钉 and of a plain SMS gateway: what they check, and how they refuse.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import { connect, createServer as createListener, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after } from "node:test";
import { root, type Json } from "./server.ts";

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Asks again and again until it is there. */
export async function until<T>(
    what: string,
    look: () => T | undefined | Promise<T | undefined>,
    ms = 20_000,
): Promise<T> {
    const end = Date.now() + ms;
    for (;;) {
        const found = await look();
        if (found !== undefined && found !== false) return found;
        assert.ok(Date.now() < end, `never came: ${what}`);
        await sleep(50);
    }
}

async function freePort(): Promise<number> {
    const listener = createListener().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    listener.close();
    await once(listener, "close");
    return port;
}

// ---- mail ----

export interface Mail {
    to: string;
    headers: Record<string, string>;
    subject: string;
    text: string;
}

function words(text: string): string {
    return text
        .replace(/\?=\s+=\?/g, "?==?")
        .replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, b64: string) => Buffer.from(b64, "base64").toString("utf8"));
}

function readMail(raw: string): Mail {
    const [head = "", ...rest] = raw.replaceAll("\r\n", "\n").split("\n\n");
    const headers: Record<string, string> = {};
    for (const line of head.replace(/\n[ \t]+/g, " ").split("\n")) {
        const at = line.indexOf(":");
        headers[line.slice(0, at).toLowerCase()] ??= line.slice(at + 1).trim();
    }
    const body = rest.join("\n\n");
    return {
        to: (headers["envelope-to"] ?? "").trim(),
        headers,
        subject: words(headers["subject"] ?? ""),
        text: Buffer.from(body, "base64").toString("utf8"),
    };
}

export const mailPassword = "geheim-fuer-briefe";

/** Exim with a configuration, spool and mailbox of its own, on a loopback port; STARTTLS and a password, or neither. */
export class MailServer {
    port = 0;
    readonly certificate: string;
    #child: ChildProcess | undefined;
    #mail: string;

    constructor(
        readonly dir: string,
        readonly secured: boolean,
    ) {
        this.#mail = join(dir, "mail/new");
        this.certificate = join(dir, "cert.pem");
    }

    /** Why there is none: false when there is. Its daemon gives away privileges that it must have first. */
    static missing(): string | false {
        if (MailServer.binary() === undefined) return "exim4 is not installed";
        return process.getuid?.() === 0 ? false : "Exim's daemon must be started by root";
    }

    static binary(): string | undefined {
        return ["/usr/sbin/exim4", "/usr/sbin/exim"].find((path) => existsSync(path));
    }

    #configure(): string {
        const { dir } = this;
        for (const name of ["spool", "mail", "log"]) mkdirSync(join(dir, name), { recursive: true });
        if (this.secured && !existsSync(this.certificate)) {
            const made = spawnSync("openssl", [
                ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1"],
                ...[
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                    "-keyout",
                    join(dir, "key.pem"),
                    "-out",
                    this.certificate,
                ],
            ]);
            assert.equal(made.status, 0, String(made.stderr));
        }
        spawnSync("chown", ["-R", "Debian-exim:Debian-exim", dir]);
        chmodSync(dir, 0o755);
        const tls = this.secured
            ? `tls_advertise_hosts = *\ntls_certificate = ${this.certificate}\ntls_privatekey = ${dir}/key.pem`
            : "tls_advertise_hosts =";
        const text = `
spool_directory = ${dir}/spool
log_file_path = ${dir}/log/%slog
pid_file_path = ${dir}/exim.pid
primary_hostname = mail.city.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${this.port}
never_users =
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
smtp_accept_max = 100
queue_run_in_order
${tls}
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  deny message = no such mailbox
       local_parts = nobody
${this.secured ? "  deny ! authenticated = *\n" : ""}  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  directory = ${dir}/mail
  maildir_format
  envelope_to_add
  user = Debian-exim
begin authenticators
${
    this.secured
        ? `plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{jindu}}{eq{$auth3}{${mailPassword}}}}}
  server_set_id = $auth2
  server_advertise_condition = \${if def:tls_in_cipher}`
        : ""
}
`;
        const path = join(dir, "exim.conf");
        writeFileSync(path, text);
        return path;
    }

    async start(): Promise<this> {
        if (!this.port) this.port = await freePort();
        const config = this.#configure();
        const child = spawn(MailServer.binary()!, ["-C", config, "-bdf", "-q1m"], {
            stdio: ["ignore", "pipe", "pipe"],
        });
        this.#child = child;
        let said = "";
        child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
        child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
        await until(`mail server: ${said}`, async () => {
            assert.equal(child.exitCode, null, `exim ended: ${said}`);
            const socket = connect(this.port, "127.0.0.1");
            const up = await Promise.race([once(socket, "data").then(() => true), once(socket, "error"), sleep(1000)])
                .then((first) => first === true)
                .catch(() => false);
            socket.destroy();
            return up || undefined;
        });
        return this;
    }

    async stop(): Promise<void> {
        const child = this.#child;
        if (!child || child.exitCode !== null) return;
        child.kill("SIGTERM");
        await once(child, "exit");
    }

    get mails(): Mail[] {
        if (!existsSync(this.#mail)) return [];
        return readdirSync(this.#mail)
            .sort()
            .map((name) => readMail(readFileSync(join(this.#mail, name), "utf8")));
    }

    to(address: string): Mail[] {
        return this.mails.filter((mail) => mail.to === address);
    }
}

// ---- robots and gateways ----

export interface Got {
    path: string;
    query: URLSearchParams;
    headers: IncomingMessage["headers"];
    text: string;
    body: Json;
    at: number;
}

export class FarEnd {
    readonly got: Got[] = [];
    readonly refused: Json[] = [];
    /** What it does instead of answering as published. */
    trouble: ((res: ServerResponse) => boolean) | undefined;
    port = 0;
    #server: HttpServer;

    constructor(readonly answer: (got: Got) => Json) {
        this.#server = createServer((req, res) => {
            let text = "";
            req.setEncoding("utf8");
            req.on("data", (piece: string) => (text += piece));
            req.on("end", () => {
                if (this.trouble?.(res)) return;
                const url = new URL(req.url ?? "/", "http://x");
                let body: Json;
                try {
                    body = JSON.parse(text);
                } catch {
                    body = Object.fromEntries(new URLSearchParams(text));
                }
                const got = {
                    path: url.pathname,
                    query: url.searchParams,
                    headers: req.headers,
                    text,
                    body,
                    at: Date.now(),
                };
                const said = this.answer(got);
                if ((said.errcode ?? said.code) === 0) this.got.push(got);
                else this.refused.push(said);
                res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(said));
            });
        });
    }

    async open(): Promise<this> {
        this.#server.listen(this.port, "127.0.0.1");
        await once(this.#server, "listening");
        this.port = (this.#server.address() as AddressInfo).port;
        after(() => this.close());
        return this;
    }

    async close(): Promise<void> {
        if (!this.#server.listening) return;
        this.#server.close();
        this.#server.closeAllConnections();
        await once(this.#server, "close");
    }

    get url(): string {
        return `http://127.0.0.1:${this.port}`;
    }
}

const isText = (value: Json): boolean => typeof value === "string" && value.length > 0;

/** 企业微信 群机器人 (developer.work.weixin.qq.com/document/path/91770): text of at most 2,048 bytes; 200 with errcode. */
export function wecom(key: string): FarEnd {
    return new FarEnd(({ path, query, headers, body }) => {
        if (path !== "/cgi-bin/webhook/send") return { errcode: 404, errmsg: "not found" };
        if (query.get("key") !== key)
            return { errcode: 93000, errmsg: `invalid webhook url, hint: key ${key} expected` };
        if (!/^application\/json/.test(headers["content-type"] ?? ""))
            return { errcode: 40008, errmsg: "invalid type" };
        if (body.msgtype !== "text" || !isText(body.text?.content)) return { errcode: 44004, errmsg: "empty content" };
        if (Buffer.byteLength(body.text.content) > 2048) return { errcode: 45002, errmsg: "content exceed max length" };
        if (!Array.isArray(body.text.mentioned_mobile_list)) return { errcode: 40058, errmsg: "invalid parameter" };
        return { errcode: 0, errmsg: "ok" };
    });
}

/** 钉钉 自定义机器人, 加签 (open.dingtalk.com, 自定义机器人安全设置): the signature is checked, an hour at most off. */
export function dingtalk(token: string, secret: string, clock: () => number = Date.now): FarEnd {
    return new FarEnd(({ path, query, headers, body }) => {
        if (path !== "/robot/send") return { errcode: 404, errmsg: "not found" };
        if (query.get("access_token") !== token) return { errcode: 300001, errmsg: "token is not exist" };
        const timestamp = query.get("timestamp") ?? "";
        const sign = createHmac("sha256", secret).update(`${timestamp}\n${secret}`).digest("base64");
        if (!/^\d{13}$/.test(timestamp) || Math.abs(clock() - Number(timestamp)) > 3_600_000)
            return { errcode: 310000, errmsg: "invalid timestamp" };
        if (query.get("sign") !== sign) return { errcode: 310000, errmsg: "sign not match" };
        if (!/^application\/json/.test(headers["content-type"] ?? ""))
            return { errcode: 43004, errmsg: "无效的HTTP HEADER Content-Type" };
        if (body.msgtype !== "text" || !isText(body.text?.content))
            return { errcode: 400105, errmsg: "unsupported msgtype" };
        if (!Array.isArray(body.at?.atMobiles)) return { errcode: 40035, errmsg: "缺少参数 at" };
        return { errcode: 0, errmsg: "ok" };
    });
}

/** A gateway that takes a form with a token. */
export function sms(token: string): FarEnd {
    return new FarEnd(({ headers, body }) => {
        if (!/^application\/x-www-form-urlencoded/.test(headers["content-type"] ?? "")) return { code: 1 };
        if (body.token !== token) return { code: 2 };
        return /^1\d{10}$/.test(body.mobile) && isText(body.content) ? { code: 0 } : { code: 3 };
    });
}

/** A template that Jindu ships, for a far end of ours. */
export function template(name: string, host: string, secrets: Record<string, string>, more: Json = {}): Json {
    const text = readFileSync(join(root, `packaging/channels/${name}.json`), "utf8");
    const channel = JSON.parse(text) as Json;
    return { ...channel, url: channel.url.replace(/^https:\/\/[^/]+/, host), secrets, backoffSeconds: 1, ...more };
}

// ---- the clock ----

/** Where libfaketime is, when it is there. */
export const faketime = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
].find((path) => existsSync(path));

/** A wall clock that is set, under a program whose steady clock goes on. */
export class Clock {
    offset = 0;
    #file: string;

    constructor(dir: string) {
        this.#file = join(dir, "clock");
        this.set(0);
    }

    get env(): Record<string, string> {
        return {
            LD_PRELOAD: faketime ?? "",
            FAKETIME_TIMESTAMP_FILE: this.#file,
            FAKETIME_CACHE_DURATION: "1",
            FAKETIME_DONT_FAKE_MONOTONIC: "1",
            FAKETIME_DONT_RESET: "1",
            // it stands before the sanitizer's own library then, and the sanitizer must bear that
            ASAN_OPTIONS: `${process.env["ASAN_OPTIONS"] ?? ""}:verify_asan_link_order=0`,
        };
    }

    set(seconds: number): void {
        this.offset = Math.round(seconds);
        writeFileSync(this.#file, `${this.offset >= 0 ? "+" : ""}${this.offset}s\n`);
    }

    now(): number {
        return Date.now() + this.offset * 1000;
    }
}
