/**
 * Arithmetic in the small fields GF(2^w) over which parity coefficients are computed. Only the
 * construction of a code uses it: the data itself is coded by XOR alone.
 * @module
 */

/** GF(2^w) with generator 2. */
export class GaloisField {
  /** Bits in an element. */
  readonly bits: number;
  /** Elements other than zero: 2^w - 1. */
  readonly #order: number;
  readonly #log: Uint8Array;
  readonly #exp: Uint8Array;

  /**
   * @param bits w: 1 to 8
   * @param polynomial a primitive polynomial of degree w over GF(2); x^w itself may be left out
   */
  constructor(bits: number, polynomial: number) {
    this.bits = bits;
    this.#order = (1 << bits) - 1;
    this.#log = new Uint8Array(1 << bits);
    this.#exp = new Uint8Array(1 << bits);
    let element = 1;
    for (let power = 0; power < this.#order; power++) {
      this.#log[element] = power;
      this.#exp[power] = element;
      element <<= 1;
      if (element > this.#order) element = (element ^ polynomial) & this.#order;
    }
  }

  multiply(a: number, b: number): number {
    if (a === 0 || b === 0) return 0;
    return this.#exp[(this.#log[a]! + this.#log[b]!) % this.#order]!;
  }

  /** `a / b`; `b` is not zero. */
  divide(a: number, b: number): number {
    if (a === 0) return 0;
    return this.#exp[(this.#log[a]! + this.#order - this.#log[b]!) % this.#order]!;
  }

  /** Ones in the w x w bit matrix that multiplies by `element`: what using it costs in XORs. */
  weight(element: number): number {
    let ones = 0;
    for (let column = 0; column < this.bits; column++) {
      for (let rest = element; rest !== 0; rest &= rest - 1) ones++;
      element = this.multiply(element, 2);
    }
    return ones;
  }
}
