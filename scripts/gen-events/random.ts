/** Fixed tables that turn random bits into text quickly: ids are most of what is fresh in an audit event. */
const HEX4: readonly string[] = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, "0"));
const BASE32_PAIRS: readonly string[] = pairs("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
const BASE64_PAIRS: readonly string[] = pairs("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

/**
 * A seeded generator (sfc32) of numbers and identifiers: the same seed gives the same sequence on every platform.
 * It is fast and not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    [this.#a, this.#b, this.#c, this.#counter] = spread(seed);
    for (let i = 0; i < 16; i++) this.bits();
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number in `[0, 1)`. */
  unit(): number {
    return this.bits() / 4_294_967_296;
  }

  /** An integer in `[0, bound)`. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** An integer in `[low, high]`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of `items`, each as likely as the others. */
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T {
    return at(items, this.below(items.length));
  }

  /** One of `items`, the early ones far more often: a few principals and resources make most of the traffic. */
  favour<T>(items: readonly T[]): T {
    const u = this.unit();
    return at(items, Math.floor(u * u * u * items.length));
  }

  /** A random (version 4) UUID. */
  uuid(): string {
    const a = this.bits();
    const b = this.bits();
    const c = this.bits();
    return (
      `${this.hex8()}-${at(HEX4, a >>> 16)}-${at(HEX4, (a & 0x0fff) | 0x4000)}-` +
      `${at(HEX4, (b & 0x3fff) | 0x8000)}-${at(HEX4, b >>> 16)}${at(HEX4, c >>> 16)}${at(HEX4, c & 0xffff)}`
    );
  }

  /** Eight hexadecimal digits. */
  hex8(): string {
    const word = this.bits();
    return at(HEX4, word >>> 16) + at(HEX4, word & 0xffff);
  }

  /** Seventeen hexadecimal digits, as EC2 names its resources. */
  hex17(): string {
    return `0${this.hex8()}${this.hex8()}`;
  }

  /** `2 * count` characters of the base32 alphabet, upper case: access keys and request ids. */
  base32(count: number): string {
    let text = "";
    for (let left = count; left > 0; left -= 3) {
      const word = this.bits();
      text += at(BASE32_PAIRS, word & 0x3ff);
      if (left > 1) text += at(BASE32_PAIRS, (word >>> 10) & 0x3ff);
      if (left > 2) text += at(BASE32_PAIRS, (word >>> 20) & 0x3ff);
    }
    return text;
  }

  /** `2 * count` characters of the base64 alphabet, without padding. */
  base64(count: number): string {
    let text = "";
    for (let left = count; left > 0; left -= 2) {
      const word = this.bits();
      text += at(BASE64_PAIRS, word & 0xfff);
      if (left > 1) text += at(BASE64_PAIRS, (word >>> 12) & 0xfff);
    }
    return text;
  }

  /** `count` decimal digits, the first of them not 0. */
  digits(count: number): string {
    let text = String(this.between(1, 9));
    while (text.length < count) text += String(this.below(10));
    return text;
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`index ${index} of a table of ${items.length}`);
  return item;
}

function pairs(alphabet: string): string[] {
  const letters = alphabet.split("");
  return letters.flatMap((first) => letters.map((second) => first + second));
}

function spread(seed: string): [number, number, number, number] {
  let [a, b, c, d] = [1_779_033_703, 3_144_134_277, 1_013_904_242, 2_773_480_762];
  for (let i = 0; i < seed.length; i++) {
    const code = seed.charCodeAt(i);
    a = b ^ Math.imul(a ^ code, 597_399_067);
    b = c ^ Math.imul(b ^ code, 2_869_860_233);
    c = d ^ Math.imul(c ^ code, 951_274_213);
    d = a ^ Math.imul(d ^ code, 2_716_044_179);
  }
  return [a | 0, b | 0, c | 0, d | 0];
}
