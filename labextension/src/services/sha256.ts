/**
 * SHA-256 of bytes that come in pieces; what browsers bring along takes only whole files, and only over https.
 *
 * Source: FIPS 180-4, 5.3.3 and 6.2.
 */
export class Sha256 {
    update(bytes: Uint8Array): this {
        this.length += bytes.length;
        let at = 0;
        if (this.held > 0) {
            at = Math.min(64 - this.held, bytes.length);
            this.block.set(bytes.subarray(0, at), this.held);
            this.held += at;
            if (this.held < 64) {
                return this;
            }
            this.mix(this.block, 0);
            this.held = 0;
        }
        for (; at + 64 <= bytes.length; at += 64) {
            this.mix(bytes, at);
        }
        this.block.set(bytes.subarray(at));
        this.held = bytes.length - at;
        return this;
    }

    /** The sum in hexadecimal digits; nothing can be added after it. */
    hex(): string {
        const length = this.length;
        const padding = new Uint8Array((this.held < 56 ? 56 : 120) - this.held + 8);
        padding[0] = 0x80;
        const end = new DataView(padding.buffer);
        end.setUint32(padding.length - 8, Math.floor(length / 0x20000000));
        end.setUint32(padding.length - 4, (length << 3) >>> 0);
        this.update(padding);
        return [...this.state].map(word => (word >>> 0).toString(16).padStart(8, '0')).join('');
    }

    private mix(bytes: Uint8Array, at: number): void {
        const w = this.words;
        for (let i = 0, p = at; i < 16; i++, p += 4) {
            w[i] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
        }
        for (let i = 16; i < 64; i++) {
            const x = w[i - 15];
            const y = w[i - 2];
            const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
            const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
            w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
        }
        let [a, b, c, d, e, f, g, h] = this.state;
        for (let i = 0; i < 64; i++) {
            const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
            const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]) | 0;
            const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
            const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
            h = g;
            g = f;
            f = e;
            e = (d + t1) | 0;
            d = c;
            c = b;
            b = a;
            a = (t1 + t2) | 0;
        }
        const s = this.state;
        s[0] += a;
        s[1] += b;
        s[2] += c;
        s[3] += d;
        s[4] += e;
        s[5] += f;
        s[6] += g;
        s[7] += h;
    }

    private state = Int32Array.from(FIRST);
    private words = new Int32Array(64);
    private block = new Uint8Array(64);
    private held = 0;
    private length = 0;
}

/** The first 32 bits of the fractions of the square roots, and of the cube roots, of the first primes. */
const PRIMES = primes(64);
const FIRST = PRIMES.slice(0, 8).map(prime => fraction(Math.sqrt(prime)));
const ROUNDS = Int32Array.from(PRIMES.map(prime => fraction(Math.cbrt(prime))));

function primes(count: number): number[] {
    const found: number[] = [];
    for (let n = 2; found.length < count; n++) {
        if (found.every(prime => n % prime !== 0)) {
            found.push(n);
        }
    }
    return found;
}

function fraction(root: number): number {
    return ((root - Math.floor(root)) * 0x100000000) | 0;
}
