// Text back into the encoding that a table has. Browsers read many encodings and write only UTF-8, so what they read is
// turned round.
const tables = new Map<string, Map<string, number[]>>();

/** Undefined: this browser does not know the encoding. */
export function decode(bytes: Uint8Array, encoding: string): string | undefined {
    try {
        return new TextDecoder(encoding).decode(bytes);
    } catch {
        return undefined;
    }
}

function tableOf(encoding: string): Map<string, number[]> {
    const known = tables.get(encoding);
    if (known) return known;
    const decoder = new TextDecoder(encoding);
    const map = new Map<string, number[]>();
    const add = (...bytes: number[]): void => {
        const text = decoder.decode(new Uint8Array(bytes));
        if (text.includes("\uFFFD") || [...text].length !== 1 || map.has(text)) return;
        map.set(text, bytes);
    };
    const isDouble = /^(gb|big5)/.test(decoder.encoding);
    for (let a = 0; a < (isDouble ? 128 : 256); a++) add(a);
    if (isDouble) for (let a = 0x81; a < 0xff; a++) for (let b = 0x40; b < 0xff; b++) add(a, b);
    // The third part of GB 18030: the rest of the first plane, four bytes each.
    if (decoder.encoding === "gb18030")
        for (let a = 0x81; a < 0x85; a++)
            for (let b = 0x30; b < 0x3a; b++)
                for (let c = 0x81; c < 0xff; c++) for (let d = 0x30; d < 0x3a; d++) add(a, b, c, d);
    tables.set(encoding, map);
    return map;
}

/** Undefined: a character that the encoding does not have, or an encoding that cannot be written here. */
export function encode(text: string, encoding: string): Uint8Array | undefined {
    let name: string;
    try {
        name = new TextDecoder(encoding).encoding;
    } catch {
        return undefined;
    }
    if (name === "utf-8") return new TextEncoder().encode(text);
    if (name === "utf-16le" || name === "utf-16be") {
        const bytes = new Uint8Array(text.length * 2);
        const view = new DataView(bytes.buffer);
        for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), name === "utf-16le");
        return bytes;
    }
    if (/^(euc|shift|iso-2022|replacement|x-user)/.test(name)) return undefined;
    const map = tableOf(name);
    const out: number[] = [];
    for (const one of text) {
        const bytes = map.get(one);
        if (!bytes) return undefined;
        for (const byte of bytes) out.push(byte);
    }
    return new Uint8Array(out);
}
